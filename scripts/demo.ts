/**
 * The main use case, on an embedded device: Node-RED runs the example flows there, an alarm is raised, and a neighbour probes
 * the device's ports before and after. `--once` ends after that; without it the editor stays up until Ctrl-C.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { State } from '../firewall/results';
import { Device } from '../test/device/device';
import { Engine } from '../test/device/engine';
import type { InsideProcess } from '../test/device/inside-process';
import { example, NODE_RED_PORT, startNodeRed } from '../test/device/node-red';
import { ensurePackages } from '../test/device/packages';
import { type Finding, probeServices } from '../test/device/probe-services';

const EXAMPLES = ['lockdown-on-alarm', 'ssh-for-a-visit', 'firewall-report'];
const ALARM_TOPIC = 'glp/0/demo/ev/alarm';

/** The firewall at one moment: what is reported, and what the neighbour found. */
interface Look {
  state: State;
  findings: Finding[];
}

interface Outcome {
  device: Device;
  nodeRed: InsideProcess;
  isAsPromised: boolean;
}

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

async function main(): Promise<number> {
  const stopped = new Promise<'stopped'>((resolve) => {
    // Not `once`: npm forwards a Ctrl-C to a process that has already received it from the terminal.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('stopped'));
  });
  try {
    const outcome = await Promise.race([raiseAlarmAndLook(), stopped]);
    if (outcome === 'stopped') return 130;
    if (!process.argv.includes('--once')) await showEditor(outcome, stopped);
    return outcome.isAsPromised ? 0 : 1;
  } finally {
    await Device.closeAll();
  }
}

async function raiseAlarmAndLook(): Promise<Outcome> {
  say('An alarm will lock down a firewall. Everything happens on a private test device inside this machine;');
  say('the firewall and the ports of the machine itself are not touched.');
  say();
  await ensurePackages();
  say('1. Starting the device: ufw (its firewall), nginx (web pages), mosquitto (messages), Node-RED (flows) …');
  const device = await Device.open();
  const engine = await Engine.start(device);
  await Promise.all([device.startNginx(), device.startMosquitto()]);
  const nodeRed = await startNodeRed(device, (await Promise.all(EXAMPLES.map(example))).flat());
  await nodeRed.until(/Connected to broker/);
  say('2. A neighbour on the network probes the ports of every service …');
  const before = await look(device, engine);
  await raiseAlarm(device, nodeRed);
  say('4. The neighbour probes again …');
  const after = await look(device, engine);
  const isAsPromised = report(before, after);
  return { device, nodeRed, isAsPromised };
}

async function look(device: Device, engine: Engine): Promise<Look> {
  const state = await engine.read();
  return { state, findings: await probeServices(device, state.services) };
}

/** Publishes an event in the vendor's format, in the category that the flow waits for, and waits for the flow. */
async function raiseAlarm(device: Device, nodeRed: InsideProcess): Promise<void> {
  const shape = JSON.parse(
    await readFile(join(resolve(__dirname, '..', '..'), 'test', 'fixtures', 'iap-event.json'), 'utf8'),
  );
  const event = { ...shape, cat: 'alarm', message: 'Unsuccessful logon', urgent: true };
  say(
    `3. The device raises an alarm, "${event.message}" (MQTT topic ${ALARM_TOPIC}), and a flow closes the firewall …`,
  );
  await device.ok('mosquitto_pub', '-h', '127.0.0.1', '-q', '1', '-t', ALARM_TOPIC, '-m', JSON.stringify(event));
  const [, , error] = await nodeRed.until(/\[debug:What changed\]|\[debug:Error\][\s\S]*?message: (['"`])(.*)\1/);
  if (error) throw new Error(`the flow reported an error: ${error}`);
}

/** Prints the findings. Returns whether the flow locked the firewall down and every probe agrees with the report. */
function report(before: Look, after: Look): boolean {
  const rows = before.findings.map((finding, at) => [finding, after.findings[at] as Finding] as const);
  const shown = rows.filter((pair) =>
    pair.some((finding) => probed(finding) !== 'closed' || reported(finding) !== 'closed'),
  );
  say();
  say(line('', '', ['before the alarm', 'after the alarm'], 20));
  say(line('service', 'ports', ['probe', 'report', 'probe', 'report']));
  for (const pair of shown) {
    const { label, ports } = pair[0].service;
    say(
      line(
        label,
        ports.join(' '),
        pair.flatMap((finding) => [probed(finding), reported(finding)]),
      ),
    );
  }
  say();
  say('probe: whether the neighbour got in. report: what the node read-firewall reports. Both over IPv4 and IPv6.');
  say(`${rows.length - shown.length} more services are closed before and after, by probe and by report.`);
  say(`The firewall's profile was "${before.state.profile.name}" and is "${after.state.profile.name}" now.`);
  const disagreeing = rows.flat().filter((finding) => probed(finding) !== reported(finding));
  const isLockedDown = after.state.profile.name === 'lockdown';
  if (!isLockedDown) say('THE FLOW DID NOT LOCK THE FIREWALL DOWN.');
  if (disagreeing.length > 0) say(`${disagreeing.length} PROBES DISAGREE WITH THE REPORT.`);
  if (isLockedDown && disagreeing.length === 0) say('Every probe agrees with the report.');
  return isLockedDown && disagreeing.length === 0;
}

const probed = (finding: Finding): string => words(finding.in, finding.interfaces);
const reported = ({ service }: Finding): string => words(service.in, service.interfaces);

function words(openness: Finding['in'], interfaces: readonly string[]): string {
  if (openness !== 'partial') return openness;
  return interfaces.length > 0 ? `${interfaces.join(', ')} only` : 'partly';
}

function line(service: string, ports: string, columns: readonly string[], width = 10): string {
  return `  ${service.padEnd(46)}${ports.padEnd(22)}${columns.map((text) => text.padEnd(width)).join('')}`.trimEnd();
}

async function showEditor({ device, nodeRed }: Outcome, stopped: Promise<unknown>): Promise<void> {
  const { port } = await device.forward(NODE_RED_PORT, NODE_RED_PORT);
  say();
  say(`The editor of the device's Node-RED:  http://127.0.0.1:${port}/`);
  say(`The report as a page, from a flow:    http://127.0.0.1:${port}/firewall`);
  say('Ctrl-C ends everything.');
  const ended = await Promise.race([stopped, nodeRed.exited]);
  if (ended !== 'stopped') throw new Error('Node-RED on the device has ended.');
}

main()
  .catch((error: Error) => {
    process.stderr.write(`npm start failed: ${error.message}\n`);
    return 1;
  })
  // Exit at once: what a Ctrl-C interrupted may still be in progress.
  .then((code) => process.exit(code));
