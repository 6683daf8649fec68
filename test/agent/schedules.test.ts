/**
 * Standing schedules on a device with systemd: they hold without Node-RED, whatever power and clock do. Each boot is one with
 * several schedules, and what a neighbour gets in to afterwards is held against what the calendar says.
 */
import { strict as assert } from 'node:assert';
import { dirname } from 'node:path';
import { before, it } from 'mocha';
import type { ScheduleResult } from '../../firewall/results';
import { startNodeRed } from '../device/node-red';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { until } from '../firewall/until';
import { AGENT, askAgent, COMMAND, requestOf, STANDBY, setUp } from './as-apollo';

const DAY = '2026-11-30';
const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const at = (time: string, date = DAY): number => Date.parse(`${date}T${time}:00Z`);
const DROP_IN = '/etc/systemd/system/smartserver-firewall.service.d/clock.conf';
const LIBFAKETIME = '/usr/$LIB/faketime/libfaketime.so.1';

/** A kind of edge at 19:00: the schedule that has it, and whether it is open at a time of the clock, if that can be trusted. */
const KINDS: Record<string, { port: number; hours: object[]; exceptions?: object[]; isOpen(wall: number): boolean }> = {
  'hours that end': {
    port: 22,
    hours: [{ days, from: '07:00', to: '19:00' }],
    isOpen: (wall) => isBetween(wall, 7, 19),
  },
  'hours that begin': {
    port: 9100,
    hours: [{ days, from: '19:00', to: '07:00' }],
    isOpen: (wall) => !isBetween(wall, 7, 19),
  },
  'an override until the next edge': {
    port: 9200,
    hours: [
      { days, from: '06:00', to: '08:00' },
      { days, from: '19:00', to: '19:02' },
    ],
    // Open by hand from 18:50 on, and by the calendar for two minutes after.
    isOpen: (wall) => isBetween(wall, 6, 8) || (wall >= at('18:00') && wall < at('19:02')) || isMinutes(wall, 19, 0, 2),
  },
  'an exception': {
    port: 9300,
    hours: [],
    exceptions: [{ date: DAY, hours: [{ from: '19:00', to: '23:00' }] }],
    isOpen: (wall) => wall >= at('19:00') && wall < at('23:00'),
  },
};
const hourOf = (wall: number): number => new Date(wall).getUTCHours();
const isBetween = (wall: number, from: number, to: number): boolean => hourOf(wall) >= from && hourOf(wall) < to;
const isMinutes = (wall: number, hour: number, from: number, to: number): boolean =>
  hourOf(wall) === hour && new Date(wall).getUTCMinutes() >= from && new Date(wall).getUTCMinutes() < to;

/** The same schedules as nodes, which register them when flows start, each with a node that prints what it says. */
const FLOW = [
  { id: 'tab', type: 'tab', label: 'Flow' },
  ...Object.entries(KINDS).flatMap(([name, { port, hours, exceptions = [] }]) => [
    {
      ...{
        id: `port-${port}`,
        type: 'schedule-service',
        z: 'tab',
        x: 100,
        y: 100,
        version: 1,
        name,
        hours,
        exceptions,
      },
      ...{ service: `${port}/tcp`, timeZone: 'UTC', cutConnections: false, wires: [[`said-${port}`]] },
    },
    {
      ...{ id: `said-${port}`, type: 'debug', z: 'tab', x: 300, y: 100, name: `${port}`, active: true, console: true },
      ...{ tosidebar: false, complete: 'payload', targetType: 'msg', wires: [] },
    },
  ]),
];

/** When the power is cut, at the edge in the midst of it, and the last time that is remembered by then. */
const CUTS: Record<string, { settled: string | null; seen: number }> = {
  'before the edge': { settled: null, seen: at('18:50') },
  'at the edge': { settled: '19:00', seen: at('18:50') },
  'after the edge': { settled: '19:01', seen: at('19:01') },
};

/** What the clock shows at the boot. */
const CLOCKS: Record<string, number> = {
  'the right time': at('19:05'),
  'an hour more': at('20:05'),
  'an hour less': at('18:05'),
  'a day more': at('19:05', '2026-12-01'),
  'a day less': at('19:05', '2026-11-29'),
  '1970': at('00:10', '1970-01-01'),
};

/** The privileged programs, as installed. */
const PROGRAMS = { agent: AGENT, standby: STANDBY };

describeAsRoot('A standing schedule', function () {
  this.timeout(240_000);
  const device = useSystemdDevice();
  before(async () => {
    await setUp(device);
    await device.ok('mkdir', '-p', dirname(DROP_IN));
  });

  /** For programs whose clock shows this; systemd's own is left alone. */
  const clock = (wall: number) => ({
    LD_PRELOAD: LIBFAKETIME,
    FAKETIME: `${wall >= Date.now() ? '+' : '-'}${Math.abs(Math.round((wall - Date.now()) / 1000))}`,
    DONT_FAKE_MONOTONIC: '1',
  });
  const ask = async (method: string, request: unknown, wall: number): Promise<ScheduleResult> => {
    const { stdout, stderr } = await device.run([AGENT], { input: requestOf(method, request), env: clock(wall) });
    const { result, error } = JSON.parse(stdout || '{}') as { result?: ScheduleResult; error?: { message: string } };
    assert.ok(result, `${error?.message} ${stderr}`);
    return result;
  };
  const settle = (wall: number) => device.run([COMMAND, 'settle'], { env: clock(wall) });
  const isIn = async (ports: readonly number[]): Promise<boolean[]> =>
    (await device.neighbour.probe(ports.map((port) => ({ proto: 'tcp' as const, port, family: 'ipv4' as const })))).map(
      (answer) => answer === 'in',
    );
  const ports = Object.values(KINDS).map(({ port }) => port);
  const byKind = async () => {
    const answers = await isIn(ports);
    return Object.fromEntries(Object.keys(KINDS).map((kind, index) => [kind, answers[index]]));
  };
  /** What is to be open when the clock shows this, and what time was seen before. */
  const wanted = (wall: number, seen: number) =>
    Object.fromEntries(
      Object.entries(KINDS).map(([kind, { isOpen }]) => [kind, wall >= seen - 5 * 60_000 && isOpen(wall)]),
    );

  const registerAll = async () => {
    for (const [kind, { port, hours, exceptions = [] }] of Object.entries(KINDS)) {
      const id = `port-${port}`;
      await ask('unschedule', { id }, at('18:00'));
      await ask(
        'schedule',
        {
          ...{ id, name: kind, subject: { kind: 'services', services: [`${port}/tcp`] } },
          calendar: { hours, exceptions, timeZone: 'UTC' },
        },
        at('18:00'),
      );
    }
  };

  /** While a Node-RED runs as a user whose flow has these schedules, and has registered them. Its clock shows this. */
  const withNodeRed = async (wall: number, look: () => Promise<unknown>) => {
    const environment = Object.entries(clock(wall)).map(([name, value]) => `export ${name}='${value}'\n`);
    // sudo gives the programs an environment of their own, so they get their clock here.
    for (const [name, program] of Object.entries(PROGRAMS)) {
      await device.ok('cp', '-p', program, `/run/${name}`);
      await device.write(`/run/late-${name}`, `#!/bin/sh\n${environment.join('')}exec /run/${name}\n`, 0o755);
      await device.ok('mount', '--bind', `/run/late-${name}`, program);
    }
    const nodeRed = await startNodeRed(device, FLOW, { env: clock(wall) });
    try {
      for (const port of ports) await nodeRed.until(new RegExp(`\\[debug:${port}\\]`));
      await look();
    } finally {
      await nodeRed.kill();
      // One that waited for a request may need a moment to end.
      for (const program of Object.values(PROGRAMS)) await device.ok('umount', '-l', program);
    }
  };

  for (const [moment, { settled, seen }] of Object.entries(CUTS))
    for (const [what, wall] of Object.entries(CLOCKS))
      it(`holds where the power is cut ${moment}, and the clock then shows ${what}`, async () => {
        // Either by root, or by the nodes of a Node-RED that runs as a user.
        if (moment === 'at the edge') await withNodeRed(at('18:00'), async () => undefined);
        else await registerAll();
        await ask('override', { id: 'port-9200', action: 'open' }, at('18:50'));
        const environment = Object.entries(clock(wall)).map(([name, value]) => `Environment=${name}=${value}\n`);
        await device.write(DROP_IN, `[Service]\n${environment.join('')}`);
        await device.ok('sync');
        if (moment === 'at the edge') void settle(at('19:00')).catch(() => undefined);
        else if (settled) assert.equal((await settle(at(settled))).code, 0);
        await device.powerCut();
        await device.boot();
        assert.deepEqual(await byKind(), wanted(wall, seen));
        if (moment === 'at the edge') {
          await withNodeRed(wall, async () => assert.deepEqual(await byKind(), wanted(wall, seen)));
          assert.deepEqual(await byKind(), wanted(wall, seen));
        }
        // Before anybody could reach it, and again when the clock is right.
        assert.equal((await settle(at('19:10'))).code, 0);
        assert.deepEqual(await byKind(), wanted(at('19:10'), seen));
      });

  it('is carried out by systemd at its edge, for a Node-RED that runs as a user and is gone', async () => {
    await device.remove(DROP_IN);
    for (const port of ports) await ask('unschedule', { id: `port-${port}` }, Date.now());
    const now = new Date(Date.now() + 5000);
    const edge = new Date(Math.ceil(now.getTime() / 60_000) * 60_000);
    const time = (date: Date): string => date.toISOString().slice(11, 16);
    const request = {
      ...{ id: 'real', subject: { kind: 'services', services: ['ssh'] } },
      calendar: { hours: [{ days, from: time(new Date(edge.getTime() - 3600_000)), to: time(edge) }], timeZone: 'UTC' },
    };
    const { stdout } = await askAgent(device, requestOf('schedule', request));
    assert.equal((JSON.parse(stdout) as { result: ScheduleResult }).result.schedule?.open, true, stdout);
    assert.deepEqual(await isIn([22]), [true]);
    await until(async () => !(await isIn([22]))[0], edge.getTime() - Date.now() + 60_000);
    assert.ok(Date.now() >= edge.getTime() - 20);
    assert.match(await device.ok('systemctl', 'list-timers', '--all', '--plain'), /smartserver-firewall-.*-edge-/);
    assert.equal((await device.run(['systemctl', '--failed', '--no-legend', '--plain'])).stdout, '');
  });
});
