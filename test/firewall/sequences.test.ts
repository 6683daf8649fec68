/**
 * The guards in random sequences of requests, temporary changes, confirmations, restores, time and `ufw` by hand, held against
 * a neighbour's probes: with `onlyTighten` nothing gets in that did not before, then or later by itself; without `force` there
 * is always a way in to the web pages; and what is refused, or is a dry run, has changed nothing.
 */
import { strict as assert } from 'node:assert';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { cables } from '../device/network';
import type { Target } from '../device/protocol';
import { useDevice, useFreshEngine, useShared } from '../device/suite';
import { SEED } from '../seed';
import { Random } from './commands';
import { everything, reset, STATE } from './stable';

const SEQUENCES = Number(process.env.GUARD_SEQUENCES ?? 4);
const STEPS = 20;
/** How long what is temporary lasts, and more than that; in s. */
const [LEASE_S, CONFIRM_S, LATER_S] = [3600, 600, 3700];

const PROBES: Target[] = (
  [
    ...[22, 80, 443, 9100].map((port) => ({ proto: 'tcp' as const, port })),
    ...[2541].map((port) => ({ proto: 'udp' as const, port })),
  ] as const
).flatMap((one) => [
  { ...one, family: 'ipv4' as const, interface: 'eth0' as const },
  { ...one, family: 'ipv6' as const, interface: 'eth0' as const },
  { ...one, family: 'ipv4' as const, interface: 'eth1' as const },
]);
const isWeb = ({ port }: Target): boolean => port === 443 || port === 80;

/** What is done in one step. */
interface Step {
  said: string;
  onlyTighten: boolean;
  /** It may change nothing, whatever it answers. */
  dryRun: boolean;
  /** Requests can be refused; time and hands cannot. */
  isRequest: boolean;
  /** It only lets time pass, or lets stay what is. */
  isPassive: boolean;
  run(): Promise<unknown>;
}

describe(`${SEQUENCES} sequences of ${STEPS} requests (from seed ${SEED})`, function () {
  this.timeout(300_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useFreshEngine(device);
  let history: string[];
  beforeEach(() => {
    history = [];
  });
  afterEach(() => reset(device, factory));

  /** The probes that get in. */
  const passing = async (): Promise<Set<string>> => {
    const answers = await device.neighbour.probe(PROBES);
    return new Set(PROBES.filter((_, at) => answers[at] === 'in').map((target) => JSON.stringify(target)));
  };
  const onDisk = async () => [await everything(device), await device.read(`${STATE}/schedule.json`).catch(() => '')];
  const hasWayIn = (open: Set<string>): boolean => PROBES.some((one) => isWeb(one) && open.has(JSON.stringify(one)));
  const beyond = (open: Set<string>, limit: Set<string>): string[] => [...open].filter((one) => !limit.has(one));

  function request(random: Random, mayForce: boolean): Step {
    const options = {
      onlyTighten: random.chance(0.5),
      dryRun: random.chance(0.1),
      force: mayForce && random.chance(0.3),
      ...(random.chance(0.25) ? { confirmWithin: CONFIRM_S } : {}),
    };
    const { onlyTighten, dryRun } = options;
    const step = (said: string, run: () => Promise<unknown>): Step => ({
      ...{ said: `${said} ${JSON.stringify(options)}`, onlyTighten, dryRun, isRequest: true, isPassive: false, run },
    });
    if (random.chance(0.25)) {
      const profile = random.pick(['standard', 'enhanced', 'lockdown']);
      const own = random.pick(['keep', 'remove']);
      return step(`set-profile ${profile}, own rules ${own}`, () =>
        engine.setProfile({ ...options, profile, ownRules: own }),
      );
    }
    if (random.chance(0.25)) {
      const action = random.pick(['undo', 'undo', 'restore']);
      return step(`restore-firewall ${action}`, async () => {
        const ids = (await engine.backups()).map(({ id }) => id);
        const place = random.next();
        const backup = ids[Math.floor(place * ids.length)];
        return engine.restore({ ...options, action, ...(action === 'restore' && backup ? { backup } : {}) });
      });
    }
    const service = random.pick(['ssh', 'ssh', '9100/tcp', '2541/udp', 'https', '443/tcp', 'http']);
    // Who is kept out of the pages alone must be one that probes.
    const isPage = ['https', '443/tcp', 'http'].includes(service);
    const scope = random.pick([
      {},
      {},
      ...(isPage
        ? []
        : [
            { from: `${cables.eth0.neighbour.ipv4}/24` },
            { from: `${cables.eth0.neighbour.ipv6}/64` },
            ...[{ interface: 'eth1' }, { from: '0.0.0.0/1' }, { from: '128.0.0.0/1' }, { from: '::/1' }],
          ]),
    ]);
    const toggle = {
      ...{ service, action: random.pick(['open', 'close', 'close', 'toggle']), ...scope },
      ...(random.chance(0.4) ? { duration: LEASE_S } : {}),
    };
    return step(`toggle-service ${JSON.stringify(toggle)}`, () => engine.toggleService({ ...options, ...toggle }));
  }

  function anything(random: Random, mayForce: boolean): Step {
    const other = (said: string, isPassive: boolean, run: () => Promise<unknown>): Step => ({
      ...{ said, isPassive, run, onlyTighten: false, dryRun: false, isRequest: said === 'confirm-change' },
    });
    if (random.chance(0.65)) return request(random, mayForce);
    if (random.chance(0.2)) return other('confirm-change', true, () => engine.confirm());
    if (random.chance(0.3)) {
      const argv = random.pick([
        ...[
          ['allow', '9100/tcp'],
          ['deny', '9100/tcp'],
          ['deny', '22/tcp'],
          ['delete', 'deny', '22/tcp'],
        ],
        ['prepend', 'deny', 'from', cables.eth1.neighbour.ipv4, 'to', 'any', 'port', '22', 'proto', 'tcp'],
      ]);
      return other(`ufw ${argv.join(' ')}`, false, () => device.run(['ufw', ...argv]));
    }
    const seconds = random.pick([CONFIRM_S + 5, LATER_S]);
    return other(`${seconds} s pass`, true, async () => {
      await engine.clock.advance(seconds);
      await engine.resume();
    });
  }

  for (let seed = SEED; seed < SEED + SEQUENCES; seed++) {
    it(`seed ${seed}`, async () => {
      const random = new Random(seed);
      const mayForce = random.chance(0.25);
      let open = await passing();
      /** What may get in as long as nobody asks for more. */
      let limit: Set<string> | null = null;
      for (let count = 0; count < STEPS; count++) {
        const step = anything(random, mayForce);
        const was = step.isRequest ? await onDisk() : null;
        const code = await step.run().then(
          () => '',
          (error: { code?: string; message: string }) => error.code ?? error.message,
        );
        history.push(`${step.said} → ${code || 'done'}`);
        const said = (what: string): string => `seed ${seed}: ${what}\n${history.join('\n')}`;
        assert.match(code, /^([A-Z_]+)?$/, said('an error without a code'));
        assert.ok(!['INTERNAL', 'VERIFY_FAILED'].includes(code), said(code));
        const now = await passing();
        if (step.isRequest && (code !== '' || step.dryRun)) {
          assert.deepEqual(await onDisk(), was, said('changed something'));
          assert.deepEqual(now, open, said('let others in, or fewer'));
        }
        const isMade = code === '' && !step.dryRun;
        if (isMade && step.onlyTighten) {
          assert.deepEqual(beyond(now, open), [], said('onlyTighten let more in'));
          limit = open;
        } else if (step.isPassive) {
          if (limit) assert.deepEqual(beyond(now, limit), [], said('later more gets in than before onlyTighten'));
        } else if (isMade) limit = null;
        if (!mayForce && hasWayIn(open)) assert.ok(hasWayIn(now), said('nobody gets in to the pages any more'));
        open = now;
      }
    });
  }
});
