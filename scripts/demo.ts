/**
 * The main job, on an embedded device: Node-RED runs the example flows there, an alarm is raised, and a neighbour knocks
 * on the device's ports before and after. `--once` ends after the job; without it the editor stays up until Ctrl-C.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ServiceReport, State } from '../firewall/messages';
import { Device } from '../test/device/device';
import { Engine } from '../test/device/engine';
import { example, NODE_RED_PORT, startNodeRed } from '../test/device/node-red';
import type { Target } from '../test/device/protocol';

const EXAMPLES = ['lockdown-on-alarm', 'ssh-evening-morning', 'firewall-report'];
const ALARM_TOPIC = 'glp/0/demo/ev/alarm';
/** How long the flow may take from the alarm to the lockdown, in ms. */
const PATIENCE_MS = 30_000;

interface Row {
  service: ServiceReport;
  /** What the neighbour found: every port reached, none, or some. */
  heard: 'open' | 'closed' | 'partial';
}

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

async function main(): Promise<number> {
  const once = process.argv.includes('--once');
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  say(
    'Opening a private device with the real ufw, nginx, mosquitto and Node-RED (no port of this machine is touched) …',
  );
  const device = await Device.open();
  try {
    await device.startNginx();
    await device.startMosquitto();
    const engine = await Engine.start(device);
    const flows = (await Promise.all(EXAMPLES.map(example))).flat();
    const nodeRed = await startNodeRed(device, flows);
    await nodeRed.until(/Connected to broker/);
    const before = await look(device, engine);
    await raiseAlarm(device);
    await until(async () => (await engine.read()).profile.name === 'lockdown');
    const after = await look(device, engine);
    print(before.rows, after.rows);
    const agrees = [before, after].every(({ rows }) => rows.every(({ service, heard }) => service.in === heard));
    say();
    say(`Profile before the alarm: ${before.state.profile.name}; after it: ${after.state.profile.name}.`);
    say(
      agrees
        ? 'Every knock agrees with the report of read-firewall.'
        : 'SOME KNOCKS DISAGREE with the report of read-firewall.',
    );
    if (once) return agrees && after.state.profile.name === 'lockdown' ? 0 : 1;
    const { port } = await device.forward(NODE_RED_PORT, NODE_RED_PORT);
    say();
    say(`The editor of the device's Node-RED: http://127.0.0.1:${port}/   (Ctrl-C ends everything)`);
    say(`The firewall report flow:            http://127.0.0.1:${port}/firewall`);
    await stopped;
    return 0;
  } finally {
    await device.close();
  }
}

async function look(device: Device, engine: Engine): Promise<{ state: State; rows: Row[] }> {
  const state = await engine.read();
  // Services that only call out have nothing to knock on.
  const services = state.services.filter(({ listening }) => listening !== null);
  const answers = await device.neighbour.knock(services.flatMap(targetsOf));
  const rows = services.map((service): Row => {
    const own = answers.splice(0, targetsOf(service).length);
    const open = own.filter((answer) => answer === 'in').length;
    return { service, heard: open === 0 ? 'closed' : open === own.length ? 'open' : 'partial' };
  });
  return { state, rows };
}

/** Both families, both interfaces; of a range its two ends. */
function targetsOf({ ports }: ServiceReport): Target[] {
  return ports.flatMap((spec) => {
    const [range = '', protocol] = spec.split('/');
    const protocols = protocol ? [protocol as 'tcp' | 'udp'] : (['tcp', 'udp'] as const);
    return protocols.flatMap((proto) =>
      range
        .split(':')
        .flatMap((port) =>
          (['ipv4', 'ipv6'] as const).flatMap((family) =>
            (['eth0', 'eth1'] as const).map((on) => ({ proto, port: Number(port), family, interface: on })),
          ),
        ),
    );
  });
}

/** Publishes an event of the vendor's shape, with the category that the flow waits for. */
async function raiseAlarm(device: Device): Promise<void> {
  const shape = JSON.parse(
    await readFile(join(resolve(__dirname, '..', '..'), 'test', 'fixtures', 'iap-event.json'), 'utf8'),
  );
  const event = { ...shape, cat: 'alarm', message: 'Unsuccessful logon', urgent: true };
  say(`Raising an alarm: ${ALARM_TOPIC} "${event.message}" …`);
  await device.ok('mosquitto_pub', '-h', '127.0.0.1', '-q', '1', '-t', ALARM_TOPIC, '-m', JSON.stringify(event));
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('the flow did not lock the firewall down in time.');
  }
}

const WORDS = { open: 'open', closed: 'closed', partial: 'open for some' } as const;

function print(before: readonly Row[], after: readonly Row[]): void {
  say();
  say('What a neighbour on the network gets in to                      before        after the alarm');
  for (const [at, { service, heard }] of before.entries()) {
    const now = after[at]?.heard ?? 'closed';
    if (heard === 'closed' && now === 'closed') continue;
    const name = `${service.label} (${service.ports.join(', ')})`;
    say(`  ${name.slice(0, 60).padEnd(60)}  ${WORDS[heard].padEnd(13)} ${WORDS[now]}`);
  }
  const silent = before.filter(({ heard }, at) => heard === 'closed' && after[at]?.heard === 'closed').length;
  say(`  ${silent} further services are closed before and after.`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    process.stderr.write(`npm start failed: ${error.message}\n`);
    process.exitCode = 1;
  },
);
