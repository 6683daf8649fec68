/**
 * Standing schedules in random sequences of calendars, overrides, temporary changes, lockdowns, deploys, `ufw` by hand, boots and
 * clocks, held against a small model of what should be open now. What a packet meets decides, and not what anybody says.
 */
import { strict as assert } from 'node:assert';
import { after, describe, it } from 'mocha';
import { check, settings as settingsSchema } from '../../firewall/messages';
import { SEED } from '../seed';
import { Random } from './commands';
import { MachineInMemory } from './machine-in-memory';
import { filterOf, type Packet } from './packet-by-packet';

const RUNS = Number(process.env.SCHEDULE_RUNS ?? 60);
const STEPS = 25;
const HOUR = 3600;
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const SERVICES = { ssh: 22, '9100/tcp': 9100 } as const;
type Service = keyof typeof SERVICES;

/** Hours of whole hours, `to` after `from` or over midnight. */
interface Hours {
  days: number[];
  from: number;
  to: number;
}

/** What is known of a service, apart from the engine. */
interface Known {
  hours: Hours[] | null;
  override: { open: boolean; until: number | null; uptime: number | null } | null;
  lease: { open: boolean; uptime: number } | null;
  /** What somebody has made it since, which holds until something else is to be; null: unknown. */
  last: boolean | null;
}

const counted = new Set<string>();

/** Whether hours are open on the wall, hour by hour and day by day. */
function isOpenOn(hours: readonly Hours[], wall: number): boolean {
  const [day, hour] = [new Date(wall).getUTCDay(), new Date(wall).getUTCHours()];
  return hours.some(({ days, from, to }) => {
    if (from < to) return days.includes(day) && hour >= from && hour < to;
    return (days.includes(day) && hour >= from) || (days.includes((day + 6) % 7) && hour < to);
  });
}

/** The next full hour at which that changes, within two weeks. */
function edgeAfter(hours: readonly Hours[], wall: number): number | null {
  const now = isOpenOn(hours, wall);
  for (let at = Math.floor(wall / 3600_000) * 3600_000 + 3600_000; at < wall + 15 * 24 * 3600_000; at += 3600_000)
    if (isOpenOn(hours, at) !== now) return at;
  return null;
}

const packet = (port: number): Packet => ({
  ...{ direction: 'in', interface: 'eth0', protocol: 'tcp', remote: '198.51.100.77', port },
});

async function sequence(seed: number): Promise<void> {
  const random = new Random(seed);
  const machine = await MachineInMemory.open(check(settingsSchema, {}));
  const known: Record<Service, Known> = {
    ssh: { hours: null, override: null, lease: null, last: null },
    '9100/tcp': { hours: null, override: null, lease: null, last: null },
  };
  let isLockedDown = false;
  /** The last time at which something was made true, and its boot. */
  let seen: { wall: number; boot: string } | null = null;
  const history: string[] = [];
  const names = Object.keys(SERVICES) as Service[];
  const isWrong = (): boolean => {
    const { wall, boot } = machine.now;
    return seen !== null && wall < seen.wall - (seen.boot === boot ? 48 * HOUR : 300) * 1000;
  };
  /** What a schedule says now; undefined where none says anything. */
  const wanted = ({ hours, override, lease }: Known): boolean | undefined => {
    const { wall } = machine.now;
    if (!hours || lease) return undefined;
    if (isLockedDown || isWrong()) return false;
    if (override) return override.open;
    return isOpenOn(hours, wall);
  };
  /** Ends what is over, as time has it, and says what is to hold by then. */
  const settle = (isAnew: boolean): void => {
    const { wall, uptime } = machine.now;
    for (const one of Object.values(known)) {
      if (one.lease && one.lease.uptime <= uptime) {
        // It goes back to what was before, which the schedule then decides, if there is one.
        one.lease = null;
        one.last = null;
      }
      if (
        one.override &&
        (one.override.uptime === null
          ? one.override.until !== null && wall >= one.override.until
          : uptime >= one.override.uptime)
      )
        one.override = null;
      const now = wanted(one);
      if (now === undefined) continue;
      // By hand it may be otherwise, until the schedule says something else than it said.
      if (isAnew || one.last === null || one.last !== now) one.last = now;
    }
  };
  const remember = (): void => {
    if (!isWrong()) seen = { wall: machine.now.wall, boot: machine.now.boot };
  };
  const isMadeAnew = new Map<Service, boolean>();

  const operations: [weight: number, name: string, run: () => Promise<void>][] = [
    [
      3,
      'deploy',
      async () => {
        const service = random.pick(names);
        const hours = Array.from({ length: random.below(3) }, (): Hours => {
          const from = random.below(24);
          return {
            days: [0, 1, 2, 3, 4, 5, 6].filter(() => random.chance(0.6)),
            from,
            to: (from + 1 + random.below(23)) % 24,
          };
        }).filter(({ days }) => days.length > 0);
        const time = (hour: number): string => `${String(hour).padStart(2, '0')}:00`;
        const calendar = {
          hours: hours.map(({ days, from, to }) => ({
            days: days.map((day) => DAYS[day]),
            from: time(from),
            to: time(to),
          })),
          timeZone: 'UTC',
        };
        history.push(`${service} ${JSON.stringify(calendar.hours)}`);
        seen = { wall: machine.now.wall, boot: machine.now.boot };
        await machine.schedule({
          id: `n${SERVICES[service]}`,
          subject: { kind: 'services', services: [service] },
          calendar,
        });
        Object.assign(known[service], { hours, override: null });
        isMadeAnew.set(service, true);
      },
    ],
    [
      1,
      'remove',
      async () => {
        const service = random.pick(names);
        await machine.unschedule(`n${SERVICES[service]}`);
        Object.assign(known[service], { hours: null, override: null, last: null });
      },
    ],
    [
      3,
      'override',
      async () => {
        const service = random.pick(names.filter((one) => known[one].hours));
        if (!service) return;
        const open = random.pick([true, false, null]);
        const seconds = random.chance(0.5) ? random.pick([600, 2 * HOUR]) : 0;
        history.push(`${service} ${open} ${seconds}`);
        const { wall, uptime, boot } = machine.now;
        seen = { wall, boot };
        const until = edgeAfter(known[service].hours ?? [], wall);
        known[service].override = open === null ? null : { open, until, uptime: seconds > 0 ? uptime + seconds : null };
        await machine.override(`n${SERVICES[service]}`, open, seconds);
      },
    ],
    [
      2,
      'temporary',
      async () => {
        const service = random.pick(names);
        const open = random.chance(0.5);
        const duration = random.pick([1800, 5 * HOUR]);
        const before = isIn(service);
        // What was before both, where there is one already, is not what this is about.
        if (before === open || known[service].lease) return;
        history.push(`${service} ${open} for ${duration}`);
        await machine.toggleService({ service, action: open ? 'open' : 'close', duration });
        known[service].lease = { open, uptime: machine.now.uptime + duration };
        known[service].last = open;
      },
    ],
    [
      1,
      'lockdown',
      async () => {
        await machine.setProfile({ profile: 'lockdown' });
        isLockedDown = true;
        for (const one of Object.values(known)) Object.assign(one, { lease: null, last: false });
      },
    ],
    [
      1,
      'enhanced',
      async () => {
        await machine.setProfile({ profile: 'enhanced' });
        isLockedDown = false;
        for (const one of Object.values(known)) Object.assign(one, { lease: null, last: null });
      },
    ],
    [
      1,
      'by hand',
      async () => {
        const service = random.pick(names);
        if (known[service].lease) return;
        const words = random.pick([`allow ${SERVICES[service]}/tcp`, `delete allow ${SERVICES[service]}/tcp`]);
        history.push(words);
        await machine.ufw(words);
        // What holds is known again when the schedule says something else.
        if (known[service].hours) known[service].last = null;
        byHand.add(service);
      },
    ],
    [6, 'time', async () => machine.pass(random.pick([600, HOUR, 5 * HOUR, 13 * HOUR, 30 * HOUR]), random.chance(0.3))],
    [
      1,
      'boot',
      async () => {
        for (const one of Object.values(known)) {
          if (one.lease) one.lease.uptime = Number.NEGATIVE_INFINITY;
          if (one.override?.uptime) one.override.uptime = Number.NEGATIVE_INFINITY;
        }
        // Longer than anything temporary lasts.
        await machine.reboot(6 * HOUR);
        byHand.clear();
        for (const service of names) isMadeAnew.set(service, true);
      },
    ],
    [
      1,
      'clock',
      async () => machine.setWall(machine.now.wall + random.pick([-1, 1, -25, 25, -72, 400 * 24]) * HOUR * 1000),
    ],
  ];
  /** Those that somebody has changed by hand since their schedule was last made true. */
  const byHand = new Set<Service>();
  const isIn = (service: Service): boolean => filterOf(machine.save('ipv4'))(packet(SERVICES[service]));

  for (let count = 0; count < STEPS; count++) {
    const said = new Map(names.map((service) => [service, wanted(known[service])]));
    const [, name, run] = random.pick(operations.flatMap((one) => new Array<typeof one>(one[0]).fill(one)));
    history.push(`-- ${name} (${new Date(machine.now.wall).toISOString()})`);
    isMadeAnew.clear();
    await run();
    settle(false);
    for (const service of names) {
      const now = wanted(known[service]);
      const isSaidAnew = now !== undefined && (isMadeAnew.get(service) === true || now !== said.get(service));
      if (isSaidAnew && !isLockedDown) {
        byHand.delete(service);
        remember();
      }
      if (name === 'enhanced' || name === 'lockdown') byHand.delete(service);
      const { lease } = known[service];
      const expected = lease ? lease.open : now;
      if (expected === undefined || byHand.has(service)) continue;
      counted.add(
        `${expected} ${lease ? 'lease' : isLockedDown ? 'lockdown' : isWrong() ? 'clock' : known[service].override ? 'override' : 'calendar'}`,
      );
      const { wall, boot, uptime } = machine.now;
      assert.equal(
        isIn(service),
        expected,
        `seed ${seed}: ${service} at ${new Date(wall).toISOString()} (${boot}, ${uptime})\n${history.join('\n')}`,
      );
    }
  }
}

describe(`${RUNS} sequences of ${STEPS} steps with standing schedules (from seed ${SEED})`, function () {
  this.timeout(60_000);
  for (let seed = SEED; seed < SEED + RUNS; seed++) it(`seed ${seed}`, () => sequence(seed));

  after(() => {
    for (const by of ['calendar', 'override', 'lease', 'clock'])
      assert.ok(counted.has(`true ${by}`) || counted.has(`false ${by}`), `nothing was decided by ${by}`);
  });
});
