/**
 * The guards in random sequences of requests, temporary changes, confirmations, restores, time, reboots and `ufw` by hand, as
 * sequences.test.ts has them on a device, but on one that is made of values: so many more. Each state is held against what
 * becomes of sample packets. With `onlyTighten` nothing passes that did not before, then or later by itself; without `force`
 * there is always a way in to the web pages; and what is refused, or is a dry run, has changed nothing.
 */
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'mocha';
import { type CustomProfile, check, settings as settingsSchema } from '../../firewall/messages';
import { FAMILIES, type Family } from '../../firewall/rules/rule';
import { factoryRules } from '../device/factory';
import { cables } from '../device/network';
import { ensurePackages } from '../device/packages';
import { SEED } from '../seed';
import { Random } from './commands';
import { type Cause, MachineInMemory } from './machine-in-memory';
import { filterOf, isIn, type Packet } from './packet-by-packet';

const RUNS = Number(process.env.GUARD_RUNS ?? 40);
const STEPS = 20;
/** How long what is temporary lasts; in s. */
const [LEASES_S, CONFIRM_S] = [[300, 1200, 3600], 600] as const;
const WEB_PORTS = [443, 1443];

const { eth0, eth1 } = { eth0: cables.eth0.neighbour, eth1: cables.eth1.neighbour };
/** At least one address of each set of them that the requests tell apart. */
const REMOTES = [
  ...[eth0.ipv4, eth1.ipv4, '198.51.100.77', '10.0.0.9', '100.64.3.3', '203.0.113.99'],
  ...[eth0.ipv6, eth1.ipv6, '2001:db8:9::9', 'a00::9', 'a000::9'],
];
const PACKETS: Packet[] = REMOTES.flatMap((remote) => [
  ...['eth0', 'eth1', 'wlan0'].flatMap((on) => {
    const into = { direction: 'in' as const, interface: on, remote };
    return [
      ...[22, 80, 443, 1443, 1780, 1880, 9100, 55_001].map((port) => ({ ...into, protocol: 'tcp' as const, port })),
      ...[1628, 2541, 5353, 47_808].map((port) => ({ ...into, protocol: 'udp' as const, port })),
    ];
  }),
  ...['eth0', 'eth1'].flatMap((on) => {
    const out = { direction: 'out' as const, interface: on, remote };
    return [
      ...[25, 443, 502, 1443].map((port) => ({ ...out, protocol: 'tcp' as const, port })),
      ...[53, 123].map((port) => ({ ...out, protocol: 'udp' as const, port })),
    ];
  }),
]);
const isForWeb = ({ direction, protocol, port }: Packet, webPort: number): boolean =>
  direction === 'in' && protocol === 'tcp' && port === webPort;

const SCOPES = [
  ...[{}, {}, {}, { interface: 'eth0' }, { interface: 'eth1' }, { interface: 'eth+' }],
  ...[{ from: `${eth0.ipv4}/24` }, { from: `${eth0.ipv6}/64` }, { from: '198.51.100.0/24' }, { from: '10.0.0.9' }],
  ...[{ from: '0.0.0.0/1' }, { from: '128.0.0.0/1' }, { from: '::/1' }, { from: '8000::/1' }],
  ...[
    { from: '0.0.0.0/1', interface: 'eth0' },
    { from: '8000::/1', interface: 'eth1' },
  ],
];
const SERVICES = [
  ...['ssh', 'ssh', 'https', 'https', '443/tcp', '443', 'http', '9100/tcp', '2541/udp', 'mdns', 'lon', 'bacnet', 'own'],
  ...['55001/tcp', '1880/tcp', '1:65535/tcp', '400:500/tcp', 'dns', 'licensing', 'modbus'],
];

/** What packets meet at one moment. */
interface Look {
  open: ReadonlySet<Packet>;
  webPort: number;
}

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
  run(): Promise<void>;
}

/** The answers that were given, over all sequences. */
const answers = new Set<string>();
let done = 0;

/** The packets of a family that pass, by what its table is; the same ones come again and again. */
const passing = new Map<string, readonly Packet[]>();

function passingIn(machine: MachineInMemory, family: Family): readonly Packet[] {
  const save = machine.save(family);
  const key = `${family}\n${save}`;
  const same = passing.get(key);
  if (same) return same;
  const passes = filterOf(save);
  const found = PACKETS.filter((packet) => packet.remote.includes(':') === (family === 'ipv6') && passes(packet));
  if (passing.size >= 100) passing.clear();
  passing.set(key, found);
  return found;
}

const look = (machine: MachineInMemory): Look => ({
  open: new Set(FAMILIES.flatMap((family) => passingIn(machine, family))),
  webPort: machine.webPort,
});

const hasWayIn = ({ open, webPort }: Look, from: string): boolean =>
  [...open].some((packet) => isForWeb(packet, webPort) && (from === '' || isIn(from, packet.remote)));
const told = ({ direction, interface: on, protocol, remote, port }: Packet): string =>
  `${direction} ${on} ${remote} ${port}/${protocol}`;
const beyond = ({ open }: Look, limit: Look): string[] => [...open].filter((one) => !limit.open.has(one)).map(told);

function customProfiles(random: Random): CustomProfile[] {
  return ['one', 'two', 'three'].map((name) => ({
    name,
    incoming: random.pick(['deny', 'deny', 'reject', 'allow']),
    outgoing: random.pick(['deny', 'reject', 'allow']),
    open: Array.from({ length: random.below(6) }, () => ({
      ...{ service: random.pick(SERVICES), direction: random.pick(['in', 'in', 'out', 'both']) },
      ...{ interface: '', from: '', ...random.pick(SCOPES) },
    })),
  }));
}

function request(machine: MachineInMemory, random: Random, mayForce: boolean): Step {
  const options = {
    onlyTighten: random.chance(0.5),
    dryRun: random.chance(0.1),
    force: mayForce && random.chance(0.3),
    ...(random.chance(0.25) ? { confirmWithin: CONFIRM_S } : {}),
  };
  const { onlyTighten, dryRun } = options;
  const step = (name: string, asked: object, run: (asked: object) => Promise<void>): Step => ({
    ...{ said: `${name} ${JSON.stringify({ ...asked, ...options })}`, onlyTighten, dryRun },
    ...{ isRequest: true, isPassive: false, run: () => run({ ...asked, ...options }) },
  });
  const kind = random.next();
  if (kind < 0.2) {
    const asked = {
      profile: random.pick(['standard', 'enhanced', 'lockdown', 'lockdown', 'one', 'two', 'three']),
      ownRules: random.pick(['keep', 'remove']),
      optionalServices: random.pick(['keep', 'open', 'close']),
      overrideOthers: random.chance(0.3),
      ...(random.chance(0.3) ? { duration: random.pick(LEASES_S) } : {}),
    };
    return step('set-profile', asked, (whole) => machine.setProfile(whole));
  }
  if (kind < 0.4) {
    const action = random.pick(['undo', 'undo', 'restore']);
    const place = random.chance(0.2) ? undefined : random.next();
    return step(`restore-firewall (${place})`, { action }, (whole) => machine.restore(whole, place));
  }
  if (kind < 0.5) {
    const asked = random.chance(0.2)
      ? { mode: 'repair', repairTo: random.pick(['nginx', 'firewall']) }
      : {
          ...{ https: random.pick(WEB_PORTS), ...(random.chance(0.3) ? { http: random.pick([80, 1780]) } : {}) },
          ...(random.chance(0.5) ? { keepOldOpen: random.pick(LEASES_S) } : {}),
          ...(random.chance(0.2) ? { reload: 'none' } : {}),
        };
    return step('change-web-ports', asked, (whole) => machine.changeWebPorts(whole));
  }
  const asked = {
    ...{ service: random.pick(SERVICES), action: random.pick(['open', 'close', 'close', 'toggle', 'limit']) },
    ...random.pick(SCOPES),
    ...(random.chance(0.2) ? { direction: random.pick(['in', 'out', 'both']) } : {}),
    ...(random.chance(0.5) ? { duration: random.pick(LEASES_S) } : {}),
    ...(random.chance(0.2) ? { afterwards: random.pick(['closed', 'open']) } : {}),
  };
  return step('toggle-service', asked, (whole) => machine.toggleService(whole));
}

function anything(machine: MachineInMemory, random: Random, mayForce: boolean): Step {
  const other = (said: string, isPassive: boolean, run: () => Promise<void>): Step => ({
    ...{ said, isPassive, run, onlyTighten: false, dryRun: false, isRequest: said === 'confirm-change' },
  });
  if (random.chance(0.65)) return request(machine, random, mayForce);
  if (random.chance(0.2)) return other('confirm-change', true, () => machine.confirm());
  if (random.chance(0.3)) {
    if (random.chance(0.1)) return other('ENABLED=no', false, () => machine.editEnabled(false));
    const words = random.pick([
      ...['allow 9100/tcp', 'deny 9100/tcp', 'deny 22/tcp', 'delete deny 22/tcp', 'limit 22/tcp', 'enable', 'disable'],
      ...[`prepend deny from ${eth1.ipv4} to any port 22 proto tcp`, 'allow in on eth1 to any port 55001'],
      ...['default deny incoming', 'default allow outgoing', 'default reject outgoing', 'allow from 10.0.0.9'],
      ...['deny out 123/udp', 'allow from 8000::/1 to any port 22', random.pick(factoryRules)],
    ]);
    return other(`ufw ${words}`, false, () => machine.ufw(words));
  }
  const seconds = random.pick([200, CONFIRM_S + 5, 3700]);
  if (random.chance(0.2)) return other(`off for ${seconds} s`, true, () => machine.reboot(seconds));
  const isAsleep = random.chance(0.3);
  return other(`${seconds} s pass${isAsleep ? ' asleep' : ''}`, true, () => machine.pass(seconds, isAsleep));
}

async function sequence(seed: number): Promise<void> {
  const random = new Random(seed);
  const mayForce = random.chance(0.25);
  const managementFrom = random.pick(['', '198.51.100.0/24']);
  const settings = check(settingsSchema, {
    ...{ customProfiles: customProfiles(random), managementFrom },
    customServices: [{ id: 'own', label: 'own', ports: ['9100:9101/tcp', '55001/tcp'], direction: 'both' }],
  });
  const machine = await MachineInMemory.open(settings);
  const history: string[] = [];
  const said = (what: string): string => `seed ${seed}: ${what}\n${history.join('\n')}`;
  let now = look(machine);
  /** What may pass as long as nobody asks for more. */
  let limit: Look | null = null;
  /** Somebody's hands were in it since the change that waits for confirmation was made. */
  let isTouched = false;
  let moments: { cause: Cause; next: Look }[] = [];
  machine.moved = (cause) => moments.push({ cause, next: look(machine) });
  for (let count = 0; count < STEPS; count++) {
    const step = anything(machine, random, mayForce);
    const was = machine.everything();
    const { leases } = machine;
    moments = [];
    const code = await step.run().then(
      () => '',
      (error: { code?: string; stack?: string }) => error.code ?? String(error.stack),
    );
    history.push(`${step.said} → ${code || 'done'}`);
    assert.match(code, /^([A-Z_]+)?$/, said('an error without a code'));
    assert.ok(!['INTERNAL', 'ERR_ASSERTION', 'VERIFY_FAILED'].includes(code), said(code));
    const isMade = code === '' && !step.dryRun;
    if (step.isRequest) answers.add(code || (step.dryRun ? 'dry run' : 'made'));
    if (step.isRequest && !isMade) assert.deepEqual(machine.everything(), was, said('changed something'));
    // What a temporary change that lasts longer now would have led to anyway is not the doing of who lengthens it.
    const isLonger = [...machine.leases].some(([key, id]) => (leases.get(key) ?? id) !== id);
    if (isMade && step.onlyTighten) limit = isLonger ? limit : now;
    else if (isMade && !step.isPassive) limit = null;
    if (isMade && !step.isRequest && !step.isPassive) isTouched = true;
    for (const { cause, next } of [...moments, { cause: null, next: look(machine) }]) {
      if (limit) assert.deepEqual(beyond(next, limit), [], said(`more passes than before onlyTighten (${cause})`));
      // Hands may close the pages; and a change made before them goes back to what was before both.
      const isExcused = cause === 'hand' || (cause === 'revert' && isTouched);
      for (const from of mayForce || isExcused ? [] : ['', managementFrom]) {
        if (!hasWayIn(now, from)) continue;
        assert.ok(
          hasWayIn(next, from),
          said(`nobody gets in to the pages any more from ${from || 'anywhere'} (${cause})`),
        );
      }
      now = next;
    }
    if (!machine.isPending) isTouched = false;
  }
  done++;
}

describe(`${RUNS} sequences of ${STEPS} requests in memory (from seed ${SEED})`, function () {
  this.timeout(60_000);
  before(() => ensurePackages('device'));

  for (let seed = SEED; seed < SEED + RUNS; seed++) it(`seed ${seed}`, () => sequence(seed));

  it('are judged by an evaluation that knows negations, ranges, jumps, returns and policies', () => {
    const passes = filterOf(`*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
:own - [0:0]
-A INPUT -i eth+ -j own
-A INPUT -p tcp -m multiport --dports 22,80:90 -s 10.0.0.0/8 -j ACCEPT
-A own ! -s 10.0.0.0/9 -p tcp -j RETURN
-A own -p tcp --dport 85 -j REJECT --reject-with tcp-reset
-A own -p udp -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A own -m limit --limit 3/min -j LOG --log-prefix "[a -j ACCEPT] "
COMMIT
`);
    const into = (remote: string, port: number, protocol: 'tcp' | 'udp' = 'tcp', on = 'eth1'): boolean =>
      passes({ direction: 'in', interface: on, protocol, remote, port });
    assert.deepEqual([into('10.1.1.1', 84), into('10.1.1.1', 85), into('10.200.1.1', 85)], [true, false, true]);
    assert.deepEqual(
      [into('10.1.1.1', 85, 'tcp', 'wlan0'), into('10.1.1.1', 22, 'udp'), into('11.1.1.1', 22)],
      [true, false, false],
    );
    assert.equal(passes({ direction: 'out', interface: 'eth0', protocol: 'udp', remote: '10.1.1.1', port: 53 }), true);
    assert.throws(() => filterOf('*filter\n:INPUT DROP [0:0]\n-A INPUT -m owner --uid-owner 0 -j ACCEPT\nCOMMIT\n'));
  });

  after(() => {
    if (RUNS < 30 || done < RUNS) return;
    // Sequences in which everything is refused, or nothing, would prove nothing.
    const seldom = ['made', 'dry run', 'WOULD_OPEN', 'LOCKOUT', 'PENDING_CHANGE'].filter(
      (answer) => !answers.has(answer),
    );
    assert.deepEqual(seldom, [], 'answers that were never given');
  });
});
