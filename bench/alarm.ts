/**
 * `npm run bench:alarm`: the time from the publication of an alarm until the kernel blocks packets, with the example
 * `lockdown-on-alarm` and with what a user would do in an exec node, in one Node-RED on one device; and the effect of a storm
 * of alarms. Prints tables and writes `bench/alarm.json`. `-- --quick` repeats less. A missed target is printed, but is not
 * an error.
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Device } from '../test/device/device';
import { Engine } from '../test/device/engine';
import type { InsideProcess } from '../test/device/inside-process';
import { example, startNodeRed } from '../test/device/node-red';
import { ensurePackages } from '../test/device/packages';
import { StormySite } from '../test/device/storm';
import { everything, restore } from '../test/firewall/stable';
import { latenciesByUser } from './alarm-users';
import {
  type Latency,
  median,
  quantile,
  type Results,
  rounded,
  type StormFigures,
  type Target,
  type UserLatency,
} from './figures';
import { machine } from './machine';
import { assertDone, commandsBetween, type DeviceState, ENGINE, rulesAsCommands } from './operations';
import { latencyTable, stormTable, targetTable, userTable } from './table';

const RESULTS = join(resolve(__dirname, '..', '..'), 'bench', 'alarm.json');
const TRIGGER = join(__dirname, 'trigger-inside.js');
const quick = process.argv.includes('--quick');
const ALARMS = quick ? 5 : 50;
/** A script of `ufw` calls takes seconds. */
const SCRIPTED = quick ? 2 : 7;
/** Node-RED's starts for each user, and the alarms after the first one. */
const FIRSTS = quick ? 2 : 7;
const LATER = quick ? 2 : 4;
const STORM = { seconds: quick ? 6 : 30, perSecond: 1000 };
/** In ms. By then Node-RED, which watches the firewall, has finished reacting to the state before an alarm. */
const SETTLE_MS = 700;

/** A way of reacting to an alarm. */
interface Contestant {
  name: string;
  what: string;
  topic: string;
  /** The port that shows its completion: the last one of those that it closes. */
  port: number;
  repetitions: number;
  /** What a debug node of its flow prints at the end. */
  done: RegExp;
  /** Whether the firewall is locked down afterwards. */
  locksDown: boolean;
}

const CONTESTANTS: readonly Contestant[] = [
  {
    ...{ name: ENGINE, what: 'all but the web pages', topic: 'glp/0/bench/ev/alarm', port: 80, repetitions: ALARMS },
    ...{ done: /\[debug:What changed\]/, locksDown: true },
  },
  {
    ...{ name: 'exec: ufw delete allow 22/tcp', what: 'SSH', topic: 'bench/delete', port: 22, repetitions: ALARMS },
    ...{ done: /\[debug:Deleted\]/, locksDown: false },
  },
  {
    ...{
      name: 'exec: ufw calls',
      what: 'all but the web pages',
      topic: 'bench/calls',
      port: 80,
      repetitions: SCRIPTED,
    },
    ...{ done: /\[debug:Called\]/, locksDown: true },
  },
];

const TAB = '5afe0a1a00000001';
const BROKER = '5afe0a1a0000000c';
const SCRIPT = '/run/lockdown.sh';

/** A flow that runs a program for each message. */
function execFlow(topic: string, command: string, done: string): unknown[] {
  const place = { z: TAB, x: 1, y: 1 };
  return [
    {
      ...{ id: `${done}-in`, type: 'mqtt in', ...place, topic, qos: '1', datatype: 'utf8', broker: BROKER },
      ...{ nl: false, rap: true, rh: 0, inputs: 0, wires: [[`${done}-exec`]] },
    },
    {
      ...{ id: `${done}-exec`, type: 'exec', ...place, command, addpay: '', append: '', useSpawn: 'false', timer: '' },
      ...{ oldrc: false, wires: [[], [], [`${done}-debug`]] },
    },
    {
      ...{ id: `${done}-debug`, type: 'debug', ...place, name: done, active: true, console: true, tosidebar: false },
      ...{ complete: 'payload', targetType: 'msg', wires: [] },
    },
  ];
}

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

async function main(): Promise<void> {
  await ensurePackages('bench');
  say('alarms one by one …');
  const latencies = await latenciesOf();
  say(latencyTable(latencies));
  say('the first alarm and later ones, as root and through sudo …');
  const users = await latenciesByUser(FIRSTS, LATER);
  say(userTable(users));
  say(`a storm of ${STORM.seconds} s …`);
  const storm = await stormFigures();
  say(stormTable(storm));
  const targets = targetsOf(latencies, users, storm);
  say(targetTable(targets));
  const results: Pick<Results, 'machine' | 'targets'> & {
    latencies: readonly Latency[];
    users: readonly UserLatency[];
    storm: StormFigures;
  } = { machine: await machine(), latencies, users, storm, targets };
  await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  say(`Written to ${RESULTS}.`);
}

/** All contestants on one device, in turn. */
async function latenciesOf(): Promise<Latency[]> {
  const device = await Device.open();
  try {
    const start = await everything(device);
    const locked = await prepareScript(device);
    await restore(device, { ...start });
    await device.startMosquitto();
    const nodeRed = await startNodeRed(device, [
      ...(await example('lockdown-on-alarm')),
      ...execFlow('bench/delete', 'ufw delete allow 22/tcp', 'Deleted'),
      ...execFlow('bench/calls', `sh ${SCRIPT}`, 'Called'),
    ]);
    await nodeRed.until(/Connected to broker/);
    const trigger = await device.spawn([device.node, TRIGGER, ...CONTESTANTS.map(({ topic }) => topic)]);
    const times = new Map(CONTESTANTS.map((contestant) => [contestant, [] as number[]]));
    for (let turn = 0; turn <= ALARMS; turn++) {
      for (const contestant of CONTESTANTS.filter(({ repetitions }) => turn <= repetitions)) {
        await restore(device, { ...start });
        await pause(SETTLE_MS);
        const ms = await alarm(device, nodeRed, trigger, contestant);
        if (contestant.locksDown) await assertDone(device, { name: 'lockdown', to: locked }, contestant);
        // The first one of each is a warm-up.
        if (turn > 0) times.get(contestant)?.push(ms);
      }
    }
    const own = median(times.get(CONTESTANTS[0] as Contestant) as number[]);
    return CONTESTANTS.map((contestant) => {
      const ms = times.get(contestant) as number[];
      return {
        contestant: contestant.name,
        what: contestant.what,
        ms: {
          median: rounded(median(ms)),
          p99: rounded(quantile(ms, 0.99)),
          min: rounded(Math.min(...ms)),
          max: rounded(Math.max(...ms)),
          repetitions: ms.length,
        },
        timesThisPackage: rounded(median(ms) / own),
      };
    });
  } finally {
    await device.close();
  }
}

/** Writes the calls that turn the device's rules into a lockdown; returns the state they have to reach. */
async function prepareScript(device: Device): Promise<DeviceState> {
  const before = await rulesAsCommands(device);
  const engine = await Engine.start(device);
  await engine.setProfile({ profile: 'lockdown' });
  await engine.stop();
  const steps = commandsBetween(before, await rulesAsCommands(device));
  const lines = steps.map((step) => (step.kind === 'program' ? step.argv.join(' ') : ''));
  await device.write(SCRIPT, `set -e\n${lines.join('\n')}\n`);
  return everything(device);
}

/**
 * Publishes an alarm and returns for how long packets still got in, in ms. A neighbour sends a probe every ms, which is what
 * a firewall is for; the kernel's tables are not read in the meantime, as programs that read them would hold up others.
 */
async function alarm(
  device: Device,
  nodeRed: InsideProcess,
  trigger: InsideProcess,
  { topic, port, done }: Contestant,
): Promise<number> {
  const finished = heard(nodeRed, done);
  const published = heard(trigger, /^[\d.]+$/m);
  const probe = await device.neighbour.monitor({ proto: 'tcp', port, family: 'ipv4' });
  trigger.write(`${topic}\n`);
  const [at] = await published;
  await finished;
  const { times } = await probe.stop();
  // The last one that got in, as the ufw command blocks everything for a moment at each of its changes.
  const last = times.reduce((latest, one) => (one.answered ? Math.max(latest, one.at) : latest), 0);
  return last - Number(at);
}

/** The next match in the output of a program from now on. */
function heard(program: InsideProcess, pattern: RegExp): Promise<RegExpMatchArray> {
  return new Promise((resolve) => {
    const hear = (text: string): void => {
      const match = text.match(pattern);
      if (!match) return;
      program.off('stdout', hear);
      resolve(match);
    };
    program.on('stdout', hear);
  });
}

async function stormFigures(): Promise<StormFigures> {
  const device = await Device.open();
  try {
    const site = await StormySite.start(device);
    const { published, received, changes, waiting, ms, failed, blockMs, gauges } = await site.storm(STORM);
    const { before, early, late, after } = gauges;
    const page = {
      p50: rounded(quantile(ms, 0.5)),
      p99: rounded(quantile(ms, 0.99)),
      max: rounded(Math.max(...ms)),
    };
    return {
      ...STORM,
      ...{ published, received, waiting, changes: changes.length, blockMs: rounded(blockMs) },
      page: { ...page, visits: ms.length, failed },
      rssMb: {
        ...{ before: rounded(before.rss), early: rounded(early.rss) },
        ...{ late: rounded(late.rss), after: rounded(after.rss) },
      },
      heapMb: { before: rounded(before.heap), after: rounded(after.heap) },
    };
  } finally {
    await device.close();
  }
}

function targetsOf(
  [own, ...others]: readonly Latency[],
  [root, apollo]: readonly UserLatency[],
  storm: StormFigures,
): Target[] {
  const slowest = Math.max(...others.map(({ timesThisPackage }) => timesThisPackage));
  const left = rounded(storm.heapMb.after - storm.heapMb.before);
  const target = (what: string, wanted: string, figure: string, met: boolean): Target => ({
    ...{ what, target: wanted, figure, met },
  });
  const reached = own?.ms.median ?? Number.NaN;
  const throughSudo = (['first', 'later'] as const).flatMap((alarm) => {
    const ms = apollo?.[alarm].median ?? Number.NaN;
    const times = rounded(ms / (root?.[alarm].median ?? Number.NaN));
    const name = `${alarm === 'first' ? 'the first alarm' : 'a later alarm'} through sudo, median`;
    return [
      target(name, '≤ 150 ms', `${ms} ms`, ms <= 150),
      target(`${name}, relative to root's`, '≤ 2×', `${times}×`, times <= 2),
    ];
  });
  return [
    target('an alarm locks down, from publish to kernel, median', '≤ 150 ms', `${reached} ms`, reached <= 150),
    ...throughSudo,
    target('the same lockdown by ufw calls, relative to this package', '> 1×', `${slowest}×`, slowest > 1),
    target('changes made during a storm', '1', String(storm.changes), storm.changes === 1),
    target('a Node-RED page during a storm, p99', '< 100 ms', `${storm.page.p99} ms`, storm.page.p99 < 100),
    target('requests queued during a storm', '≤ 5', String(storm.waiting), storm.waiting <= 5),
    target('heap growth after a storm', '≤ 15 MB', `${left} MB`, left <= 15),
  ];
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Exiting runs the device's own exit hook, which tears it down.
  process.once(signal, () => process.exit(1));
}

main().catch((error: Error) => {
  process.stderr.write(`npm run bench:alarm failed: ${error.message}\n`);
  process.exitCode = 1;
});
