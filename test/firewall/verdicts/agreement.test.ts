/** Verdicts about sets of packets, held against what becomes of each packet: random rulesets, and one packet of every kind. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import type { Openness } from '../../../firewall/results';
import { FAMILIES, type Family } from '../../../firewall/rules/rule';
import { rulesetOf } from '../../../firewall/verdicts/from-texts';
import { type Asked, verdictOn } from '../../../firewall/verdicts/verdict';
import { wider } from '../../../firewall/verdicts/wider';
import { SEED } from '../../seed';
import { Random } from '../commands';
import { asked } from './asked';
import { changed } from './changed';
import { INTERFACE_SAMPLES, type Match, type Model, model, PORT_SAMPLES, printed, type Shape, UNIVERSE } from './model';
import { type End, endsOf, fits, type Guess, type Packet } from './naive';

const RUNS = Number(process.env.VERDICT_RUNS ?? 120);

const rulesOf = (one: Model) => rulesetOf([{ family: one.family, save: printed(one), beside: '' }], null);

/** Every combination of one value of each list. */
function* combinations<Fields extends Record<string, readonly unknown[]>>(
  lists: Fields,
): Generator<{ [Key in keyof Fields]: Fields[Key][number] }> {
  const [[key, values] = ['', []], ...rest] = Object.entries(lists);
  if (key === '') {
    yield {} as { [Key in keyof Fields]: Fields[Key][number] };
    return;
  }
  for (const others of combinations(Object.fromEntries(rest))) {
    for (const value of values) yield { ...others, [key]: value } as { [Key in keyof Fields]: Fields[Key][number] };
  }
}

/** One value of each kind that the rules tell apart. */
function told<Field extends keyof Packet>(matches: readonly Match[], field: Field, values: readonly Packet[Field][]) {
  const byKind = new Map<string, Packet[Field]>();
  for (const value of values) {
    // Nothing else of this packet is what any rule wants.
    const packet = { ...NOBODY, [field]: value };
    const kind = matches.map((match) => (isAboutField(match, field) ? Number(fits(match, packet)) : '')).join();
    if (!byKind.has(kind)) byKind.set(kind, value);
  }
  return [...byKind.values()];
}

const FIELDS: Readonly<Record<string, readonly (keyof Packet)[]>> = {
  ...{ protocol: ['protocol'], src: ['src'], dst: ['dst'], 'src-range': ['src'], 'dst-range': ['dst'] },
  ...{ in: ['interfaceIn'], out: ['interfaceOut'], sport: ['sport'], dport: ['dport'], ports: ['sport', 'dport'] },
  ...{ 'dst-type': ['dstType'] },
};
const isAboutField = ({ kind }: Match, field: keyof Packet): boolean => FIELDS[kind]?.includes(field) === true;

const NOBODY: Packet = {
  ...{
    protocol: '',
    src: '0.0.0.0',
    dst: '0.0.0.0',
    sport: -1,
    dport: -1,
    interfaceIn: '',
    interfaceOut: '',
    dstType: '',
  },
};

const matchesOf = ({ tables }: Model): Match[] =>
  tables.flatMap(({ chains }) => Object.values(chains).flatMap((rules) => rules.flatMap(({ matches }) => matches)));

/** Whether a rule is about a range and a list of ports: more boxes than are told apart, of which only bounds are known. */
const isTooFine = ({ tables }: Model): boolean =>
  tables.some(({ chains }) =>
    Object.values(chains).some((rules) =>
      rules.some(({ matches }) => ['-range', 'ports'].every((end) => matches.some(({ kind }) => kind.endsWith(end)))),
    ),
  );

/** One packet of every kind that the rules tell apart, of those asked about. */
function* packetsOf(one: Model, { direction, ports, scope }: Asked): Generator<Packet> {
  const { addresses } = UNIVERSE[one.family];
  const isIn = direction === 'in';
  const matches = matchesOf(one);
  const from = (address: string): boolean =>
    scope.from === '' || fits({ kind: 'src', subnet: scope.from, negated: false }, { ...NOBODY, src: address });
  const far = addresses.filter(from);
  // Nothing goes to a device alone that goes to many.
  const near = addresses.filter((address) => !address.startsWith('ff'));
  const outside = INTERFACE_SAMPLES.filter((name) => scope.interface === '' || scope.interface === name);
  for (const spec of ports) {
    const [range = '', protocol] = spec.split('/');
    const [first, last = first] = range.split(':').map(Number) as [number, number?];
    const dports = PORT_SAMPLES.filter((port) => port >= first && port <= last);
    yield* combinations({
      protocol: protocol ? [protocol] : ['tcp', 'udp'],
      src: told(matches, 'src', isIn ? far : near),
      dst: told(matches, 'dst', isIn ? near : far),
      sport: told(matches, 'sport', PORT_SAMPLES),
      dport: told(matches, 'dport', dports),
      interfaceIn: isIn ? told(matches, 'interfaceIn', outside) : [''],
      interfaceOut: isIn ? [''] : told(matches, 'interfaceOut', outside),
      dstType: isIn ? ['LOCAL'] : told(matches, 'dstType', ['UNICAST', 'BROADCAST', 'MULTICAST']),
    });
  }
}

function openness(ends: Iterable<End>): Openness {
  const all = new Set(ends);
  if (all.size === 2) return 'partial';
  return all.has('allow') ? 'open' : 'closed';
}

/** What is known of all packets, if what is not known goes against them, and for them. */
function bounds(one: Model, question: Asked): { least: Openness; most: Openness } {
  const [least, most] = [new Set<End>(), new Set<End>()];
  for (const packet of packetsOf(one, question)) {
    const ends = endsOf(one, question.direction, packet);
    least.add(ends.has('deny') ? 'deny' : 'allow');
    most.add(ends.has('allow') ? 'allow' : 'deny');
  }
  return { least: openness(least), most: openness(most) };
}

const RANK = { closed: 0, partial: 1, open: 2 } as const;

describe(`Verdicts on random rulesets (seed ${SEED})`, () => {
  const check = (family: Family, shape: Shape, isExact: boolean, numRuns: number) =>
    fc.assert(
      fc.property(model(family, shape), asked(family), (one, question) => {
        const [rules] = rulesOf(one);
        assert.ok(rules);
        const { least, most, through } = verdictOn(rules, question);
        const real = bounds(one, question);
        const said = `${printed(one)}\n${JSON.stringify(question)}\n${least} ${most} ${JSON.stringify(real)}`;
        if (isExact && !isTooFine(one)) assert.deepEqual({ least, most }, real, said);
        else if (through.length === 0) {
          assert.ok(RANK[least] <= RANK[real.least] && RANK[most] >= RANK[real.most], said);
        }
      }),
      { seed: SEED, numRuns },
    );

  for (const family of FAMILIES) {
    it(`are what each packet's fate says, where all can be known (${family})`, () =>
      check(family, { tables: ['filter'], withUnknown: false }, true, RUNS));

    it(`leave open what is open, and nothing else, where rules look at what nobody knows (${family})`, () =>
      check(family, { tables: ['filter', 'mangle'], withUnknown: true }, true, RUNS));

    it(`hold over all tables, redirects and what goes untracked (${family})`, () =>
      check(
        family,
        { tables: ['raw', 'mangle', 'nat', 'filter', 'security'], withUnknown: true },
        false,
        Math.ceil(RUNS / 4),
      ));
  }
});

/** Rulesets that tell more kinds of packets apart than these are looked at in samples. */
const MOST_PACKETS = 2000;

/** One packet of every kind that the rules tell apart, on its way in a direction; of very many a part. */
function allPackets(models: readonly Model[], direction: 'in' | 'out' | 'forward'): Packet[] {
  const matches = models.flatMap(matchesOf);
  const { addresses } = UNIVERSE[models[0]?.family ?? 'ipv4'];
  const names = [...INTERFACE_SAMPLES, 'lo', 'ip70'];
  const fields = {
    protocol: told(matches, 'protocol', ['tcp', 'udp', 'icmp', 'gre', '77']),
    src: told(matches, 'src', addresses),
    dst: told(matches, 'dst', addresses),
    sport: told(matches, 'sport', PORT_SAMPLES),
    dport: told(matches, 'dport', PORT_SAMPLES),
    interfaceIn: direction === 'out' ? [''] : told(matches, 'interfaceIn', names),
    interfaceOut: direction === 'in' ? [''] : told(matches, 'interfaceOut', names),
    dstType: told(matches, 'dstType', ['UNICAST', 'LOCAL', 'BROADCAST', 'MULTICAST']),
  };
  const count = Object.values(fields).reduce((product, values) => product * values.length, 1);
  if (count <= MOST_PACKETS) return [...combinations(fields)];
  const random = new Random(count);
  return Array.from({ length: MOST_PACKETS }, () => {
    const picked = Object.entries(fields).map(([field, values]) => [field, random.pick<string | number>(values)]);
    return Object.fromEntries(picked) as Packet;
  });
}

/** Whether every packet of a kind is looked at. */
const isWhole = (models: readonly Model[]): boolean =>
  (['in', 'out', 'forward'] as const).every((direction) => allPackets(models, direction).length < MOST_PACKETS);

/** A packet that gets through after and not before, if rules that nobody can tell of are about it as guessed. */
function passing(before: Model, after: Model, guess: Guess): { direction: string; packet: Packet } | null {
  for (const direction of ['in', 'out', 'forward'] as const) {
    for (const packet of allPackets([before, after], direction)) {
      const [was, is] = [before, after].map((one) => endsOf(one, direction, packet, guess).has('allow'));
      if (is && !was) return { direction, packet };
    }
  }
  return null;
}

describe(`What a changed ruleset lets through (seed ${SEED})`, () => {
  const FILTER: Shape = { tables: ['filter'], withUnknown: false };
  const ALL: Shape = { tables: ['raw', 'mangle', 'nat', 'filter'], withUnknown: true };

  for (const family of FAMILIES) {
    it(`is more where some packet passes that did not, and only there (${family})`, () =>
      fc.assert(
        fc.property(changed(family, FILTER), ([before, after]) => {
          const found = wider(rulesOf(before), rulesOf(after));
          const real = passing(before, after, () => false);
          const said = `${printed(before)}\n\n${printed(after)}\n${JSON.stringify([found, real])}`;
          const isKnown = isWhole([before, after]) && ![before, after].some(isTooFine);
          if (real !== null || isKnown) assert.equal(found !== null, real !== null, said);
        }),
        { seed: SEED, numRuns: RUNS },
      ));

    it(`is never more unnoticed, whatever rules are about that nobody can tell of (${family})`, () =>
      fc.assert(
        fc.property(changed(family, ALL), fc.nat(), ([before, after], luck) => {
          if (wider(rulesOf(before), rulesOf(after))) return;
          // The same for the same rule, and any for any other.
          const guess: Guess = (text) => ((text.length * 7 + text.charCodeAt(1) + luck) >> (text.length % 5)) % 2 === 0;
          const real = passing(before, after, guess);
          assert.equal(real, null, `${printed(before)}\n\n${printed(after)}\n${JSON.stringify(real)}`);
        }),
        { seed: SEED, numRuns: Math.ceil(RUNS / 4) },
      ));

    it(`is no more after nothing has changed (${family})`, () =>
      fc.assert(
        fc.property(model(family, ALL), (one) => {
          assert.equal(wider(rulesOf(one), rulesOf({ ...one })), null);
        }),
        { seed: SEED, numRuns: RUNS },
      ));
  }
});
