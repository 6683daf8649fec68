/**
 * The time from an alarm's arrival in Node-RED until the kernel blocks packets, by the user that Node-RED runs as: the first alarm
 * after Node-RED's start, which finds nothing warmed up but what the package has warmed up itself, and later ones. On a device with
 * systemd, with sudo, after `setup`; the alarm comes through an `http in` node.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { InsideProcess } from '../test/device/inside-process';
import type { Account } from '../test/device/machine';
import { NODE_RED_PORT, startNodeRed } from '../test/device/node-red';
import { SystemdDevice } from '../test/device/systemd/systemd-device';
import { everything, restore } from '../test/firewall/stable';
import { spread, type UserLatency } from './figures';
import { listenOnSsh } from './listener';

const STANDBY = '/usr/lib/smartserver-firewall/standby';
/** In ms. By then Node-RED is at rest, and what waits for a request is ready. */
const REST_MS = 2500;
const ROOT: Account = { uid: 0, gid: 0, home: '/root' };

/** One row of the table: who runs Node-RED, and whether a privileged program waits. */
const USERS = [
  { name: 'root', account: ROOT, waits: true },
  { name: 'apollo through sudo', account: undefined, waits: true },
  { name: 'apollo through sudo, no program waits', account: undefined, waits: false },
] as const;

const place = { z: 'tab', x: 1, y: 1 };
const FLOW = [
  { id: 'tab', type: 'tab', label: 'Alarm' },
  { id: 'in', type: 'http in', ...place, url: '/alarm', method: 'get', wires: [['lock']] },
  { id: 'lock', type: 'set-profile', ...place, profile: 'lockdown', wires: [['out']] },
  { id: 'out', type: 'http response', ...place, wires: [] },
];

/** Sends an alarm for each line, and says when, in ms since 1970, and when it is answered. */
const TRIGGER = `
  const { performance } = require('perf_hooks');
  require('readline').createInterface({ input: process.stdin }).on('line', () => {
    require('http').get('http://127.0.0.1:${NODE_RED_PORT}/alarm', (response) => {
      response.resume().on('end', () => console.log('answered'));
    });
    console.log(performance.timeOrigin + performance.now());
  });`;

/** @param firsts how often Node-RED is started @param later how many alarms follow the first each time */
export async function latenciesByUser(firsts: number, later: number): Promise<UserLatency[]> {
  const device = await SystemdDevice.open();
  try {
    const program = `${device.packageFolder}/dist/agent/smartserver-firewall.js`;
    await device.ok(device.node, program, 'setup');
    await listenOnSsh(device);
    const start = await everything(device);
    const times = USERS.map(() => ({ first: [] as number[], later: [] as number[] }));
    for (let turn = 0; turn < firsts; turn++) {
      for (const [at, { account, waits }] of USERS.entries()) {
        await device.ok('chmod', waits ? '755' : '000', STANDBY);
        if (!waits) await device.ok('mv', STANDBY, `${STANDBY}.off`);
        const nodeRed = await startNodeRed(device, FLOW, account ? { account } : {});
        const trigger = await device.spawn([device.node, '-e', TRIGGER]);
        for (let alarm = 0; alarm <= later; alarm++) {
          await restore(device, start);
          await pause(REST_MS);
          times[at]?.[alarm === 0 ? 'first' : 'later'].push(await latency(device, trigger));
        }
        trigger.endInput();
        await trigger.exited;
        await nodeRed.kill();
        if (!waits) await device.ok('mv', `${STANDBY}.off`, STANDBY);
      }
    }
    return USERS.map(({ name }, at) => ({
      user: name,
      first: spread(times[at]?.first ?? []),
      later: spread(times[at]?.later ?? []),
    }));
  } finally {
    await device.close();
  }
}

/** For how long SSH still answered a neighbour who asks every ms. */
async function latency(device: SystemdDevice, trigger: InsideProcess): Promise<number> {
  const said = new Promise<number>((resolve) => {
    let text = '';
    const hear = (chunk: string): void => {
      text += chunk;
      if (!text.includes('answered')) return;
      trigger.off('stdout', hear);
      resolve(Number.parseFloat(text));
    };
    trigger.on('stdout', hear);
  });
  const probe = await device.neighbour.monitor({ proto: 'tcp', port: 22, family: 'ipv4' });
  trigger.write('\n');
  const at = await said;
  const { times } = await probe.stop();
  return times.reduce((latest, one) => (one.answered ? Math.max(latest, one.at) : latest), 0) - at;
}
