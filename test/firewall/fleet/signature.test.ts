/** Signed requests to a device that is made of values: only what an operator has signed for it is carried out, and once. */
import { strict as assert } from 'node:assert';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'mocha';
import type { FirewallError } from '../../../firewall/errors';
import { fleetResult } from '../../../firewall/fleet/answer';
import type { SignedRequest } from '../../../firewall/fleet/envelope';
import { fleet, type Limits } from '../../../firewall/fleet/fleet';
import { madePair, publicKeyOf, signedWith } from '../../../firewall/fleet/signature';
import { type Call, check, type Method, type Settings, settings as settingsSchema } from '../../../firewall/messages';
import { isCarriedOut } from '../../../firewall/requests/order';
import { remembered } from '../../../firewall/state/last-request';
import { formatSchedule, NOTHING_SCHEDULED, parseSchedule } from '../../../firewall/state/schedule';
import { SEED } from '../../seed';

const HOUR = 3600 * 1000;
const DAY = 24 * HOUR;
const CHANGE = '20261127T080000000Z-0a1b2c';
const ENVELOPES = Number(process.env.SIGNED_ENVELOPES ?? 2_000);

/** Numbers at random, the same ones for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Carries requests out as the engine does: in the engine's order, and with what it keeps on disk. */
class Machine {
  /** In the engine's own format; all that survives a restart. */
  disk = formatSchedule(NOTHING_SCHEDULED);
  readonly made: Call[] = [];
  /** By how much its clock is wrong, in ms. */
  skew = 0;

  constructor(
    readonly settings: Settings,
    public now: number,
  ) {}

  /** From what is on disk, as after a restart. */
  async ask(envelope: unknown, limits?: Limits): Promise<{ outcome: string; call: Call | undefined }> {
    const before = this.made.length;
    const ask = async <M extends Method>(asked: Call<M>): Promise<never> => {
      // The compiler does not see that one of them is one of all.
      const call = asked as Call;
      const schedule = parseSchedule(this.disk);
      const { order } = call;
      assert.ok(order);
      const state = { lastRequest: null, profile: { name: null } };
      if (isCarriedOut(order, schedule.lastRequest, this.now + this.skew)) {
        return { repeated: true, warnings: [], state } as never;
      }
      this.made.push(call);
      this.disk = formatSchedule({ ...schedule, lastRequest: remembered(order, CHANGE) });
      return { changed: true, warnings: [], backup: null, pending: null, dryRun: false, state } as never;
    };
    const { result, error } = await fleet(envelope, ask, this.settings, limits);
    check(fleetResult, result);
    return { outcome: error?.code ?? result.outcome, call: this.made[before] };
  }
}

const KEYS = { full: madePair(), tight: madePair(), forceful: madePair() };
type Name = keyof typeof KEYS;
const NAMES: readonly Name[] = ['full', 'tight', 'forceful'];
const SETTINGS = check(settingsSchema, {
  operatorKeys: NAMES.map((name) => ({
    ...{ name, publicKey: KEYS[name].publicKey },
    ...{ onlyTighten: name === 'tight', force: name === 'forceful' },
  })),
  fleetDevice: 'plant-7',
  fleetGroup: 'north',
});
const OWN = ['all', 'group/north', 'device/plant-7'];
const OTHERS = ['device/plant-8', 'group/south', 'device/north', 'group/plant-7', 'device/plant-7.', 'device/PLANT-7'];

const signed = (name: Name, request: object): SignedRequest =>
  signedWith(KEYS[name].privateKey, name, JSON.stringify(request));

describe('A signed request', function () {
  this.timeout(300_000);
  const START = Date.parse('2026-11-27T08:00:00Z');
  const at = (time: number): string => new Date(time).toISOString();
  let count = 0;
  const request = (issued: number, fields: object = {}) => ({
    ...{ id: `request-${++count}`, issued: at(issued), expires: at(issued + 3 * DAY), to: 'all' },
    ...{ action: 'set-profile', request: { profile: 'lockdown' } },
    ...fields,
  });

  it(`is carried out if it is right, and only then: ${ENVELOPES} envelopes, some right, most forged, altered or replayed, across restarts and with clocks a day off`, async () => {
    const any = random(SEED);
    const pick = <Value>(list: readonly Value[]): Value => list[any(list.length)] as Value;
    const machine = new Machine(SETTINGS, START);
    const stranger = madePair();
    const delivered: string[] = [];
    const outcomes = new Map<string, number>();
    let right = 0;

    /** What nobody has delivered yet, and what it is for. */
    const fresh = (fields: object = {}) => {
      machine.now += 1 + any(60_000);
      const name = pick(NAMES);
      const content = request(machine.now, { to: pick(OWN), ...fields });
      return { name, content, envelope: signed(name, content) };
    };
    const flipped = (text: string): string => {
      const bytes = Buffer.from(text);
      const bit = any(bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      return bytes.toString('latin1');
    };
    const flippedBytes = (base64: string): string => {
      const bytes = Buffer.from(base64, 'base64');
      const bit = any(bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      return bytes.toString('base64');
    };
    /** The ways in which an envelope is not right; none may be carried out. */
    const wrong: Record<string, () => unknown> = {
      'a flipped bit': () => flipped(JSON.stringify(fresh().envelope)),
      'a flipped bit, as bytes': () => Buffer.from(flipped(JSON.stringify(fresh().envelope)), 'latin1'),
      'a flipped bit of the text': () => {
        const { envelope } = fresh();
        return { ...envelope, signed: flipped(envelope.signed) };
      },
      'a flipped bit of the signature': () => {
        const { envelope } = fresh();
        return { ...envelope, signature: flippedBytes(envelope.signature) };
      },
      'cut off': () => {
        const text = JSON.stringify(fresh().envelope);
        return text.slice(0, any(text.length));
      },
      'the signature of another': () => ({ ...fresh().envelope, signature: fresh().envelope.signature }),
      'the text of another': () => ({ ...fresh().envelope, signed: fresh().envelope.signed }),
      'a blank more': () => {
        const { envelope } = fresh();
        return {
          ...envelope,
          signed: pick([`${envelope.signed} `, ` ${envelope.signed}`, `\ufeff${envelope.signed}`]),
        };
      },
      'another key’s name': () => {
        const { name, envelope } = fresh();
        return { ...envelope, key: pick(NAMES.filter((other) => other !== name)) };
      },
      'a stranger’s key': () =>
        signedWith(stranger.privateKey, pick([...NAMES, 'stranger']), JSON.stringify(fresh().content)),
      'no signature': () => fresh().content,
      'a signature left out': () => ({ ...fresh().envelope, signature: undefined }),
      'an empty signature': () => ({
        ...fresh().envelope,
        signature: pick(['', 'A'.repeat(88), `${'A'.repeat(86)}==`]),
      }),
      'two signatures': () => {
        const { envelope } = fresh();
        return { ...envelope, signature: [envelope.signature] };
      },
      'a property beside it': () => ({ ...fresh().content, signed: '', key: 'full', signature: '' }),
      'for another device': () => {
        const { name, content } = fresh();
        return signed(name, { ...content, to: pick(OTHERS) });
      },
      'for nobody': () => {
        const { name, content } = fresh();
        const { to, ...bare } = content;
        return signed(name, pick([bare, { ...bare, to: '' }, { ...bare, to: ['all'] }, { ...bare, to: 'all ' }]));
      },
      replayed: () => (delivered.length > 0 ? pick(delivered) : fresh().content),
      'replayed, the last one': () => delivered[delivered.length - 1] ?? fresh().content,
      'too late': () => {
        const { name, content } = fresh();
        return signed(name, { ...content, issued: at(machine.now - 5 * DAY), expires: at(machine.now - 2 * DAY) });
      },
      'for a week and more': () => {
        const { name, content } = fresh();
        return signed(name, { ...content, expires: at(machine.now + 8 * DAY) });
      },
      'from days ahead': () => {
        const { name, content } = fresh();
        return signed(name, { ...content, issued: at(machine.now + 4 * DAY), expires: at(machine.now + 5 * DAY) });
      },
      'older than the last': () => {
        if (delivered.length === 0) return fresh().content;
        const { name, content } = fresh();
        return signed(name, { ...content, issued: at(START - 1000), expires: at(machine.now + DAY) });
      },
      forced: () => {
        const content = fresh().content;
        return signed(pick(['full', 'tight']), { ...content, request: { ...content.request, force: true } });
      },
      'no JSON, signed': () => signedWith(KEYS.full.privateKey, 'full', pick(['', '{', 'lockdown', '[]', 'null', '7'])),
      'signed twice': () => {
        const { envelope } = fresh();
        return signedWith(KEYS.full.privateKey, 'full', JSON.stringify(envelope));
      },
    };
    const kinds = Object.keys(wrong);

    for (let made = 0; made < ENVELOPES; made += 1) {
      if (any(4) === 0) {
        const force = any(2) === 0;
        const next = fresh();
        const name = force ? 'forceful' : next.name;
        const envelope = signed(name, { ...next.content, request: { profile: 'lockdown', force } });
        const text = JSON.stringify(envelope);
        machine.skew = pick([-DAY, 0, 0, DAY]);
        const { outcome, call } = await machine.ask(pick([text, Buffer.from(text), envelope]));
        assert.deepEqual([outcome, call?.order?.id, call?.order?.key], ['changed', next.content.id, name]);
        assert.deepEqual(call?.method === 'setProfile' && [call.request.onlyTighten, call.request.force], [
          name === 'tight',
          force,
        ]);
        delivered.push(text);
        right += 1;
      } else {
        const kind = pick(kinds);
        const envelope = wrong[kind]?.();
        machine.skew = pick([-DAY, 0, DAY]);
        const { outcome, call } = await machine.ask(envelope);
        assert.equal(call, undefined, `${kind} was carried out: ${JSON.stringify(envelope)}`);
        const refusals = ['NOT_SIGNED', 'INVALID_INPUT', 'EXPIRED', 'SUPERSEDED', 'NOT_PERMITTED', 'repeated'];
        assert.ok(refusals.includes(outcome), `${kind}: ${outcome}`);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
    assert.equal(machine.made.length, right);
    assert.equal(new Set(machine.made.map(({ order }) => order?.id)).size, right);
    if (ENVELOPES >= 1000) assert.equal(outcomes.size, 6, JSON.stringify([...outcomes]));
  });

  it('is held against the key it names, of two that are valid at once, until the old one is removed', async () => {
    const [older, newer] = [madePair(), madePair()];
    const keys = [
      { name: 'operator-1', publicKey: older.publicKey },
      { name: 'operator-2', publicKey: newer.publicKey },
    ];
    const machineWith = (operatorKeys: object[]) => new Machine(check(settingsSchema, { operatorKeys }), START);
    const by = (pair: typeof older, name: string) =>
      signedWith(pair.privateKey, name, JSON.stringify(request(START + ++count)));
    const both = machineWith(keys);
    assert.equal((await both.ask(by(older, 'operator-1'))).outcome, 'changed');
    assert.equal((await both.ask(by(newer, 'operator-2'))).outcome, 'changed');
    const after = machineWith(keys.slice(1));
    after.disk = both.disk;
    assert.equal((await after.ask(by(older, 'operator-1'))).outcome, 'NOT_SIGNED');
    assert.equal((await after.ask(by(older, 'operator-2'))).outcome, 'NOT_SIGNED');
    assert.equal((await after.ask(by(newer, 'operator-2'))).outcome, 'changed');
  });

  it('is taken for what it says by a device without keys, so that operators can begin to sign before all have them', async () => {
    const machine = new Machine(check(settingsSchema, {}), START);
    const { outcome, call } = await machine.ask(signed('full', request(START, { to: 'device/another' })));
    assert.deepEqual([outcome, call?.order?.key], ['changed', undefined]);
    assert.equal((await machine.ask(request(START + 1))).outcome, 'changed');
  });

  it('is what was signed, of texts with the same bytes, too', async () => {
    // A lone surrogate has no UTF-8: what is parsed comes from the bytes.
    const machine = new Machine(SETTINGS, START);
    const text = JSON.stringify(request(START)).replace('lockdown', 'lock\ufffddown');
    const envelope = signedWith(KEYS.full.privateKey, 'full', text);
    const { call } = await machine.ask({ ...envelope, signed: text.replace('\ufffd', '\ud800') });
    assert.equal(call?.method === 'setProfile' && call.request.profile, 'lock\ufffddown');
  });

  it('is refused before anything of it is parsed, and the answer repeats nothing of it', async () => {
    const asked = () => assert.fail('was asked for');
    for (const envelope of [request(START), { ...signed('full', request(START)), key: 'tight' }]) {
      const { result, error } = await fleet(envelope, asked, SETTINGS);
      assert.deepEqual([result.id, result.action, error?.code], [null, null, 'NOT_SIGNED']);
    }
    const hostile = ['['.repeat(20_000), `{"__proto__":{"id":"x"}}`, '{"id":{"toString":1}}'];
    for (const text of hostile) {
      const forged = { signed: text, key: 'full', signature: `${'A'.repeat(86)}==` };
      assert.equal((await fleet(forged, asked, SETTINGS)).error?.code, 'NOT_SIGNED');
    }
  });

  it('may be a reading, which needs a signature too, and is remembered nowhere', async () => {
    const reading = request(Date.now(), { action: 'read-firewall', request: {} });
    const states: string[] = [];
    const ask = async <M extends Method>({ method }: Call<M>): Promise<never> => {
      states.push(method);
      throw new Error('read');
    };
    assert.equal((await fleet(reading, ask, SETTINGS)).error?.code, 'NOT_SIGNED');
    assert.deepEqual(states, []);
    await fleet(signed('tight', reading), ask, SETTINGS);
    assert.deepEqual(states, ['read']);
  });

  it('of a key that only tightens may only tighten, whatever it says, and the node may say the same of all', async () => {
    const machine = new Machine(SETTINGS, START);
    const asked = { action: 'toggle-service', request: { service: 'ssh', action: 'open', onlyTighten: false } };
    for (const [name, limits, expected] of [
      ['full', {}, false],
      ['tight', {}, true],
      ['full', { onlyTighten: true }, true],
    ] as const) {
      const { call } = await machine.ask(signed(name, request(START + ++count, asked)), limits);
      assert.equal(call?.method === 'toggleService' && call.request.onlyTighten, expected, name);
    }
  });
});

describe('An operator’s key', () => {
  const { privateKey, publicKey } = madePair();
  const key = (fields: object) => ({ operatorKeys: [{ name: 'operator', publicKey, ...fields }] });
  const fault = (settings: object): string => {
    try {
      check(settingsSchema, settings);
    } catch (error) {
      const { code, message } = error as FirewallError;
      assert.equal(code, 'INVALID_INPUT');
      assert.ok(message.length < 500);
      return message;
    }
    return assert.fail('was accepted');
  };
  const pemOf = (text: string): string => `-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----\n`;

  it('has one form, from a line or from PEM', () => {
    for (const text of [publicKey, pemOf(publicKey), pemOf(publicKey).replace(/\n/g, '\r\n'), ` ${publicKey}\n`]) {
      assert.deepEqual(check(settingsSchema, key({ publicKey: text })).operatorKeys, [
        { name: 'operator', publicKey, onlyTighten: false, force: false },
      ]);
    }
    assert.equal(publicKeyOf(privateKey), publicKey);
  });

  it('that is none is refused, by its name', () => {
    const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { publicKey: x25519 } = generateKeyPairSync('x25519');
    const line = (one: typeof rsa) => one.export({ type: 'spki', format: 'der' }).toString('base64');
    const texts = [
      ...['', 'operator', publicKey.slice(0, -4), `${publicKey}AAAA`, publicKey.slice(1), `${publicKey}!`],
      ...[
        `${publicKey.slice(0, -2)}B=`,
        `A${publicKey.slice(1)}`,
        `${publicKey} ${publicKey}`,
        line(rsa),
        line(x25519),
      ],
      ...['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFI', 'x'.repeat(4096), '\0', '\u202e'],
    ];
    for (const text of texts) {
      assert.match(
        fault(key({ publicKey: text })),
        /^INVALID_INPUT: operatorKeys\.0\.publicKey: must be an Ed25519/,
        text,
      );
    }
    for (const value of [
      'x'.repeat(10 * 1024 * 1024),
      Buffer.alloc(10),
      null,
      7,
      [publicKey],
      { publicKey },
      undefined,
    ]) {
      assert.match(fault(key({ publicKey: value })), /^INVALID_INPUT: operatorKeys\.0\.publicKey/);
    }
  });

  it('that is the private one is refused, and shown nowhere', () => {
    const line = privateKey.split('\n')[1] as string;
    const others = ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----'];
    for (const text of [privateKey, line, ` ${line}`, privateKey.replace(/\n/g, ' '), ...others]) {
      const message = fault(key({ publicKey: text }));
      assert.match(message, /publicKey: must be the public key, and this is the private one/);
      assert.ok(!/MC4C|b3Bl/.test(message), message);
    }
  });

  it('whose signatures anybody can make is refused', () => {
    const prefix = Buffer.from('302a300506032b6570032100', 'hex');
    const points = ['00'.repeat(32), `01${'00'.repeat(31)}`, `${'00'.repeat(31)}80`, `ec${'ff'.repeat(31)}`];
    for (const point of points) {
      const weak = Buffer.concat([prefix, Buffer.from(point, 'hex')]).toString('base64');
      assert.match(fault(key({ publicKey: weak })), /publicKey: must be a key that was made at random/, point);
    }
  });

  it('stands once in the configuration, by one name', () => {
    const other = madePair().publicKey;
    const both = (second: object) => ({ operatorKeys: [{ name: 'operator', publicKey }, second] });
    assert.match(
      fault(both({ name: 'other', publicKey: pemOf(publicKey) })),
      /operatorKeys\.1\.publicKey: must not be that/,
    );
    assert.match(fault(both({ name: 'operator', publicKey: other })), /operatorKeys\.1\.name: must not be that/);
    const many = Array.from({ length: 21 }, (_, at) => ({ name: `operator-${at}`, publicKey: madePair().publicKey }));
    assert.match(fault({ operatorKeys: many }), /^INVALID_INPUT: operatorKeys: /);
    for (const name of ['', 'Operator', 'a b', '-x', '../x', 'x'.repeat(50), null, ['a']]) {
      assert.match(fault(key({ name })), /operatorKeys\.0\.name/);
    }
    for (const field of [{ force: 'yes' }, { onlyTighten: 1 }, { all: true }]) fault(key(field));
    for (const name of ['a/b', 'x'.repeat(65), '+', '#', 'ä', 'a b', null]) {
      assert.match(fault({ fleetDevice: name }), /^INVALID_INPUT: fleetDevice/);
      assert.match(fault({ fleetGroup: name }), /^INVALID_INPUT: fleetGroup/);
    }
  });
});
