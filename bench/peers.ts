/**
 * `npm run bench:peers`: what each way of learning who talks misses, and what it costs, against what was really sent by a
 * building of 40 peers, on a test device. Prints tables and writes `bench/peers.json`. `-- --quick` takes a fifth of the time.
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EVERY_S, LOOK } from '../firewall/peers/sampler';
import { Building, type Talk, whoIn } from '../test/device/building';
import { Device } from '../test/device/device';
import { Random } from '../test/firewall/commands';
import { SEED } from '../test/seed';
import { machine } from './machine';

const RESULTS = join(resolve(__dirname, '..', '..'), 'bench', 'peers.json');
const quick = process.argv.includes('--quick');
/** For how long the building talks, in seconds. */
const TALKING_S = quick ? 60 : 300;
const INTERVALS_S = [4, EVERY_S, 15, 20, 25, 60] as const;
const FOLDER = '/run/bench';
const DAY_S = 86_400;

const range = (count: number): number[] => [...Array(count).keys()];
const v4 = (host: number): string => `192.0.2.${host}`;
const v6 = (host: number): string => `2001:db8:1::${host.toString(16)}`;

/** Who talks, and how often in the whole time. */
const PEERS: readonly { talk: Talk; times: number }[] = [
  ...range(8).map((n) => ({ talk: udp(v4(10 + n), 1628, 1628), times: [20, 10, 3, 1][n % 4] as number })),
  ...range(6).map((n) => ({ talk: udp(v4(20 + n), 47808, 47808), times: [20, 3, 1][n % 3] as number })),
  ...range(4).map((n) => ({
    talk: { ...udp(v4(30 + n), 47808), how: 'broadcast' as const },
    times: [10, 3][n % 2] as number,
  })),
  ...range(4).map((n) => ({ talk: tcp(v4(40 + n), 'reset'), times: [10, 3, 3, 1][n] as number })),
  ...range(4).map((n) => ({ talk: tcp(v6(40 + n), 'reset'), times: [10, 3, 3, 1][n] as number })),
  ...range(6).map((n) => ({ talk: tcp(n % 2 ? v4(50 + n) : v6(50 + n)), times: [10, 3, 1][n % 3] as number })),
  ...range(4).map((n) => ({ talk: out(n % 2 ? v4(60 + n) : v6(60 + n), 'udp', 123), times: [10, 3][n % 2] as number })),
  ...range(4).map((n) => ({ talk: out(v4(70 + n), 'tcp', 502), times: [10, 3][n % 2] as number })),
];
const HOSTILE: readonly Talk[] = range(5).map((n) => ({ direction: 'in', peer: v4(200 + n), proto: 'tcp', port: 23 }));

function udp(peer: string, port: number, from?: number): Talk {
  return { direction: 'in', peer, proto: 'udp', port, ...(from ? { from } : {}) };
}
function tcp(peer: string, how: 'plain' | 'reset' = 'plain'): Talk {
  return { direction: 'in', peer, proto: 'tcp', port: 443, how };
}
function out(peer: string, proto: 'tcp' | 'udp', port: number): Talk {
  return { direction: 'out', peer, proto, port };
}

/** One list of xt_recent for each port, in each direction. */
const LISTS = [
  ['INPUT', '--rsource', 'udp', 1628],
  ['INPUT', '--rsource', 'udp', 47808],
  ['INPUT', '--rsource', 'tcp', 443],
  ['OUTPUT', '--rdest', 'udp', 123],
  ['OUTPUT', '--rdest', 'tcp', 502],
] as const;
const listOf = (name: string, isIpv6: boolean): string => `${name}${isIpv6 ? 'v6' : ''}`;

/**
 * What ufw's log would say: the limit that each of its log rules has, in front of a list in place of the log, as the kernel logs
 * nothing of other network namespaces. By port as with the flag `log` on each rule, and of all that is new, as at the level medium.
 */
const LOG_LIMIT = ['-m', 'limit', '--limit', '3/min', '--limit-burst', '10'];
const NEW = ['-m', 'conntrack', '--ctstate', 'NEW'];
const ALL_LISTS = [
  ['INPUT', '--rsource', 'all_in'],
  ['OUTPUT', '--rdest', 'all_out'],
] as const;

/** What a mechanism has found. */
interface Row {
  mechanism: string;
  everyS: number | null;
  /** Of the peers that began three or more conversations, and of all: the share that was found, from 0 to 1. */
  recall: number;
  recallOfAll: number;
  /** Peers that were found and did not talk. */
  invented: number;
}

interface Cost {
  connections: number;
  /** One round of the loop, awk and mv and sleep, in ms of CPU. */
  roundMs: number;
  cpuSecondsPerDay: number;
  memoryKb: number;
}

async function main(): Promise<void> {
  const device = await Device.open();
  try {
    const rows = await compare(device);
    const costs = [await cost(device), await costOfFlood(device)];
    console.table(rows);
    console.table(costs);
    const results = { machine: await machine(), talkingS: TALKING_S, peers: PEERS.length, rows, costs };
    await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  } finally {
    await device.close();
  }
}

/** All mechanisms watch the same traffic. */
async function compare(device: Device): Promise<Row[]> {
  const building = await prepare(device);
  const random = new Random(SEED);
  const talks = PEERS.flatMap(({ talk, times }) => range(times).map(() => ({ at: random.next() * TALKING_S, talk })));
  talks.push(...HOSTILE.map((talk) => ({ at: random.next() * TALKING_S, talk })));
  talks.sort((a, b) => a.at - b.at);
  const begun = Date.now();
  const now = (): number => (Date.now() - begun) / 1000;
  let isOver = false;
  const sampled = INTERVALS_S.map(async (everyS) => {
    for (let next = 0; !isOver; next += everyS) {
      await until(next, now, () => isOver);
      await look(device, `every${everyS}`, Math.round(now()));
    }
    await look(device, `every${everyS}`, Math.round(now()));
  });
  const sockets = new Set<string>();
  const listing = (async () => {
    for (let next = 0; !isOver; next += 1) {
      await until(next, now, () => isOver);
      for (const one of await openSockets(device)) sockets.add(one);
    }
  })();
  while (talks.length > 0) {
    await until(talks[0]?.at ?? 0, now, () => false);
    const due = talks.filter(({ at }) => at <= now());
    talks.splice(0, due.length);
    await building.talk(due.map(({ talk }) => talk));
  }
  isOver = true;
  await Promise.all([...sampled, listing]);
  const rows: Row[] = [];
  for (const everyS of INTERVALS_S)
    rows.push(rowOf('nf_conntrack, sampled', everyS, found(await device.read(`${FOLDER}/every${everyS}`))));
  rows.push(rowOf('sockets (ss), sampled', 1, sockets));
  rows.push(rowOf('xt_recent, per port and protocol', null, await recent(device, 'p')));
  rows.push(rowOf("ufw's log, the flag on each rule", null, await recent(device, 'log')));
  rows.push(rowOf("ufw's log, at the level medium", null, await logged(device)));
  return rows;
}

async function prepare(device: Device): Promise<Building> {
  const addresses = [...PEERS.map(({ talk }) => talk), ...HOSTILE].map(({ peer }) => peer);
  const building = await Building.around(device, [...new Set(addresses)]);
  await device.ufw('allow', '47808/udp');
  await device.listen('tcp', 443);
  await device.listen('udp', 1628);
  await device.ok('mkdir', '-p', FOLDER);
  await device.write(`${FOLDER}/look`, LOOK);
  // What a hook file of ufw's would do. A list holds 100 addresses, unless the module is told otherwise.
  for (const program of ['iptables', 'ip6tables']) {
    const list = (name: string, side: string) => [
      ...['-m', 'recent', '--name', listOf(name, program === 'ip6tables'), '--set', side],
    ];
    for (const [chain, side, proto, port] of LISTS) {
      const match = ['-p', proto, '--dport', `${port}`, ...NEW];
      await device.ok(program, '-I', chain, ...match, ...list(`p${port}`, side));
      await device.ok(program, '-I', chain, ...match, ...LOG_LIMIT, ...list(`log${port}`, side));
    }
    for (const [chain, side, name] of ALL_LISTS)
      await device.ok(program, '-I', chain, ...NEW, ...LOG_LIMIT, ...list(name, side));
  }
  return building;
}

async function until(moment: number, now: () => number, isOver: () => boolean): Promise<void> {
  while (now() < moment && !isOver()) await pause(Math.min(200, Math.max(1, (moment - now()) * 1000)));
}

async function look(device: Device, name: string, now: number): Promise<void> {
  const shell = `cd ${FOLDER} && awk -v seen=${name} -v now=${now} -v weekday=1 -v hour=0 -v again=0 -f look >${name}.new; mv ${name}.new ${name}`;
  await device.ok('sh', '-c', shell);
}

const found = (text: string): Set<string> =>
  new Set(
    text.split('\n').flatMap((line) => {
      const [kind, way, proto, port, peer = ''] = line.split(' ');
      return kind === 'P' ? [`${way} ${port}/${proto} ${short(peer)}`] : [];
    }),
  );

/** The addresses of the bench, as it writes them. */
const short = (address: string): string =>
  address.includes(':') ? `2001:db8:1::${Number.parseInt(address.split(':').pop() ?? '', 16).toString(16)}` : address;

/** Sockets do not say who has begun, and UDP ones not with whom: a port that is listened at counts as come in. */
async function openSockets(device: Device): Promise<string[]> {
  const text = await device.ok('ss', '-H', '-t', '-u', '-n', '-a');
  return text.split('\n').flatMap((line) => {
    const [proto, , , , local = '', remote = ''] = line.trim().split(/\s+/);
    const [port, otherPort] = [local, remote].map((one) => one.split(':').pop());
    const address = remote
      .replace(/:[^:]*$/, '')
      .replace(/[[\]]/g, '')
      .replace('::ffff:', '');
    if (!/^\d+$/.test(otherPort ?? '') || address === '') return [];
    return port === '443' ? [`in ${port}/${proto} ${address}`] : [`out ${otherPort}/${proto} ${address}`];
  });
}

async function recent(device: Device, lists: string): Promise<Set<string>> {
  const all = new Set<string>();
  for (const [chain, , proto, port] of LISTS)
    for (const address of await listed(device, `${lists}${port}`))
      all.add(`${chain === 'INPUT' ? 'in' : 'out'} ${port}/${proto} ${address}`);
  return all;
}

/** Who is in the log of all that is new, by whom there is: an address has one thing to talk about here. */
async function logged(device: Device): Promise<Set<string>> {
  const found: string[] = [];
  for (const [, , name] of ALL_LISTS) found.push(...(await listed(device, name)));
  const talks = [...PEERS.map(({ talk }) => talk), ...HOSTILE];
  return new Set(talks.filter(({ peer }) => found.includes(peer)).map(whoIn));
}

async function listed(device: Device, name: string): Promise<string[]> {
  const addresses: string[] = [];
  for (const isIpv6 of [false, true]) {
    const text = await device.read(`/proc/net/xt_recent/${listOf(name, isIpv6)}`);
    for (const [, address = ''] of text.matchAll(/src=(\S+)/g)) addresses.push(short(address));
  }
  return addresses;
}

function rowOf(mechanism: string, everyS: number | null, all: ReadonlySet<string>): Row {
  const often = PEERS.filter(({ times }) => times >= 3).map(({ talk }) => whoIn(talk));
  const truth = PEERS.map(({ talk }) => whoIn(talk));
  const share = (of: readonly string[]): number =>
    Math.round((of.filter((one) => all.has(one)).length / of.length) * 1000) / 1000;
  const invented = [...all].filter((one) => !truth.includes(one)).length;
  return { mechanism, everyS, recall: share(often), recallOfAll: share(truth), invented };
}

/** What awk took at most, of the kernel's own account of it. */
const MEMORY = `END { while ((getline line < "/proc/self/status") > 0) if (line ~ /VmHWM/) print line >"/dev/stderr" }`;

/** What a round costs that the loop makes. */
async function cost(device: Device): Promise<Cost> {
  const connections = Number(await device.ok('sh', '-c', 'wc -l </proc/net/nf_conntrack'));
  // The kernel forgets a flood after 30 s.
  const rounds = 20;
  const awk = 'awk -v seen=cost -v now=$n -v weekday=1 -v hour=0 -v again=0 -f look >cost.new; mv cost.new cost';
  const timed = `cd ${FOLDER}; TIMEFORMAT='%U %S'; time (for n in $(seq ${rounds}); do ${awk}; sleep 0; done)`;
  const { stderr: times } = await device.run(['bash', '-c', timed], { timeoutMs: 600_000 });
  const [user = 0, system = 0] = (times.trim().split('\n').pop() ?? '').split(' ').map(Number);
  const roundMs = ((user + system) * 1000) / rounds;
  await device.write(`${FOLDER}/memory`, MEMORY);
  const { stderr } = await device.run([
    'sh',
    '-c',
    `cd ${FOLDER} && n=1 && ${awk.replace('-f look', '-f look -f memory')}`,
  ]);
  const two = (value: number): number => Math.round(value * 100) / 100;
  return {
    ...{ connections, roundMs: two(roundMs) },
    ...{ cpuSecondsPerDay: two((roundMs / 1000) * (DAY_S / EVERY_S)), memoryKb: Number(/\d+/.exec(stderr)?.[0]) },
  };
}

async function costOfFlood(device: Device): Promise<Cost> {
  await device.ok('sh', '-c', 'for one in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$one; done');
  const building = await Building.around(device, []);
  await building.forge(20_000, 1628, SEED);
  return cost(device);
}

void main();
