/** Values as people send them: what each form is taken for, and that everything else is refused by the property's name. */
import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { inLargestUnit, secondsIn } from '../../firewall/duration';
import { FirewallError } from '../../firewall/errors';
import { fleetRequest } from '../../firewall/fleet/envelope';
import {
  agentRequest,
  changeWebPortsRequest,
  check,
  restoreRequest,
  setProfileRequest,
  settings,
  toggleServiceRequest,
  watchOptions,
} from '../../firewall/messages';
import { profileNamed } from '../../firewall/services/profiles';
import { registryOf, serviceNamed, servicesNamed } from '../../firewall/services/registry';
import { SEED } from '../seed';

fc.configureGlobal({ seed: SEED, numRuns: 300 });

const WEEK = 604_800;
const refusedAs = (property: string) => (error: Error) => {
  assert.ok(error instanceof FirewallError);
  assert.match(error.message, new RegExp(`^INVALID_INPUT: ${property}`));
  assert.ok(error.message.length < 500);
  return true;
};

/** The text in any case, with blanks around it. */
const written = (text: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('', ' ', '\t', '\n', '  '),
      fc.array(fc.boolean(), { minLength: text.length, maxLength: text.length }),
      fc.constantFrom('', ' ', '\r\n'),
    )
    .map(
      ([before, upper, after]) =>
        before + [...text].map((one, at) => (upper[at] ? one.toUpperCase() : one)).join('') + after,
    );
const anyOf = (texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts).chain(written);

describe('An action', () => {
  const FORMS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    open: fc.oneof(fc.constantFrom(true, 1), anyOf(['open', 'on', 'true', '1'])),
    close: fc.oneof(fc.constantFrom(false, 0, -0), anyOf(['close', 'closed', 'off', 'false', '0'])),
    toggle: written('toggle'),
    limit: written('limit'),
  };
  for (const [action, form] of Object.entries(FORMS)) {
    it(`is ${action} in each of its forms, to nodes, the agent and fleets alike`, () => {
      fc.assert(
        fc.property(form, (given) => {
          const request = { service: 'ssh', action: given };
          assert.equal(check(toggleServiceRequest, request).action, action);
          const { call } = check(agentRequest, { settings: {}, call: { method: 'toggleService', request } });
          assert.ok(call.method === 'toggleService' && call.request.action === action);
          const moments = { issued: '2026-01-01T00:00:00Z', expires: '2026-01-02T00:00:00Z' };
          const sent = check(fleetRequest, { id: 'a', ...moments, action: 'toggle-service', request });
          assert.ok(sent.action === 'toggle-service' && sent.request.action === action);
        }),
      );
    });
  }

  const UNCLEAR = [
    ...[
      'yes please',
      'yes',
      'opened',
      'o n',
      '',
      ' ',
      '2',
      '-1',
      '1.0',
      '１',
      'ｏｎ',
      'open close',
      '__proto__',
      'null',
    ],
    ...[2, -1, 0.5, Number.NaN, null, {}, [], [true], ['open'], { action: 'open' }, Buffer.from('on'), new Date(0)],
    ...['x'.repeat(1_000_000), 'on\0', 1n, Symbol.iterator, () => true],
  ];
  it('that is not clearly one of them is refused', () => {
    for (const given of UNCLEAR) {
      assert.throws(() => check(toggleServiceRequest, { action: given }), refusedAs('action'));
    }
  });

  it('is never made of any other value', () => {
    const known = /^\s*(open|close|closed|toggle|limit|on|off|true|false|1|0)\s*$/i;
    fc.assert(
      fc.property(fc.anything(), (given) => {
        const isKnown =
          given === undefined ||
          typeof given === 'boolean' ||
          ['0', '1'].includes(String(given)) ||
          known.test(String(given));
        fc.pre(typeof given !== 'object' && !isKnown);
        assert.throws(() => check(toggleServiceRequest, { action: given }), refusedAs('action'));
      }),
    );
  });
});

/** Each property that is a duration, with the schema it belongs to and its least value. */
const DURATIONS = [
  ['duration', toggleServiceRequest, 0],
  ['confirmWithin', toggleServiceRequest, 0],
  ['confirmWithin', setProfileRequest, 0],
  ['confirmWithin', restoreRequest, 0],
  ['confirmWithin', changeWebPortsRequest, 0],
  ['keepOldOpen', changeWebPortsRequest, 0],
  ['blockedEvery', watchOptions, 1],
] as const;
const taken = (schema: (typeof DURATIONS)[number][1], property: string, value: unknown): unknown =>
  (check(schema, { [property]: value }) as Record<string, unknown>)[property];

const WORDS: readonly (readonly [number, readonly string[]])[] = [
  [86_400, ['d', 'day', 'days', 'Tag', 'Tage', '日']],
  [3600, ['h', 'hr', 'hour', 'hours', 'Std', 'Std.', 'Stunden', '時間']],
  [60, ['min', 'min.', 'minute', 'minutes', 'Minuten', '分']],
  [1, ['s', 'sec', 'second', 'seconds', 'Sek.', 'Sekunden', '秒']],
];

/** The seconds in words, with the units in which they can be said at random. */
const said = (seconds: number): fc.Arbitrary<string> => {
  const parts = WORDS.map(([size, words]) =>
    fc.record({ size: fc.constant(size), word: fc.constantFrom(...words), used: fc.boolean() }),
  );
  return fc
    .tuple(fc.tuple(...parts), fc.constantFrom('', ' '), fc.constantFrom('', ' '))
    .map(([units, inner, between]) => {
      let left = seconds;
      const text: string[] = [];
      for (const { size, word, used } of units) {
        if (!used && size > 1) continue;
        const count = Math.floor(left / size);
        if (count > 0 || size === 1) text.push(`${count}${inner}${word}`);
        left -= count * size;
      }
      return text.join(between);
    });
};

describe('A duration', () => {
  for (const [property, schema, least] of DURATIONS) {
    it(`${property} is taken as a number, as digits and in words (${Object.keys(schema.shape)[0]} …)`, () => {
      fc.assert(
        fc.property(
          fc
            .integer({ min: Math.max(1, least), max: 86_400 })
            .chain((seconds) => fc.tuple(fc.constant(seconds), said(seconds).chain(written))),
          ([seconds, words]) => {
            for (const form of [seconds, String(seconds), ` ${seconds} `, words]) {
              assert.equal(taken(schema, property, form), seconds, String(form));
            }
          },
        ),
      );
    });

    it(`${property} of any other form is refused (${Object.keys(schema.shape)[0]} …)`, () => {
      for (const given of [
        ...[
          '',
          ' ',
          'soon',
          '1e3',
          '0x10',
          '12abc',
          '-5',
          '1.5',
          '1,5 h',
          '１２',
          '５ 分',
          '5 m',
          '5 months',
          'h',
          '5 min 5 min',
        ],
        ...[
          '5 min 2 h',
          '5 h 3',
          '5 3 h',
          '5..min',
          `${'9'.repeat(400)} h`,
          '9'.repeat(400),
          '9'.repeat(9),
          '8 d',
          '999999 d',
        ],
        ...[
          'x'.repeat(1_000_000),
          '1 h '.repeat(1000),
          ' '.repeat(4096),
          `5${' '.repeat(4000)}x`,
          '5 min\0',
          'Infinity',
          'NaN',
        ],
        ...[null, true, {}, [], [5], -1, 1.5, WEEK + 1, Number.NaN, Number.POSITIVE_INFINITY, Buffer.from('5'), 5n],
      ]) {
        assert.throws(() => taken(schema, property, given), refusedAs(property), String(given).slice(0, 20));
      }
    });
  }

  it('has examples', () => {
    const examples: [string, number | null][] = [
      ...([
        ['30 min', 1800],
        ['8 h', 28_800],
        ['45 s', 45],
        ['1 day', 86_400],
        ['1h 30min', 5400],
      ] as [string, number][]),
      ...([
        ['2 Std.', 7200],
        ['10 Minuten', 600],
        ['2 Tage', 172_800],
        ['1時間30分', 5400],
        ['30秒', 30],
        ['1日', 86_400],
      ] as [string, number][]),
      ...([
        ['0', 0],
        ['0 min', 0],
        ['1d 2h 3min 4s', 93_784],
        ['30MIN', 1800],
      ] as [string, number][]),
      ...([
        ['5 m', null],
        ['an hour', null],
        ['1 h and 5 min', null],
      ] as [string, null][]),
    ];
    for (const [text, seconds] of examples) assert.equal(secondsIn(text), seconds, text);
  });

  it('reads what a dialog makes of seconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: WEEK }), (seconds) => {
        const { amount, unit } = inLargestUnit(seconds);
        assert.equal(secondsIn(`${amount} ${unit}`), seconds);
      }),
    );
    assert.deepEqual(
      [0, 90, 600, 7200, 86_400].map((seconds) => Object.values(inLargestUnit(seconds)).join(' ')),
      ['0 s', '90 s', '10 min', '2 h', '1 d'],
    );
  });

  it('takes no time to refuse, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('9', ' ', '.', 'h', 'min', '日', '\n', 'm', '1 d'), { maxLength: 1000 }),
        (parts) => {
          const found = secondsIn(parts.join(''));
          assert.ok(found === null || Number.isSafeInteger(found));
        },
      ),
    );
  });
});

describe('A port', () => {
  for (const property of ['http', 'https'] as const) {
    it(`${property} is taken as a number or its digits, and nothing else`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 65_535 }), (port) => {
          for (const form of [port, String(port), ` ${port} `, `${port}\n`]) {
            assert.equal(check(changeWebPortsRequest, { [property]: form })[property], port);
          }
        }),
      );
      for (const given of [
        '1e3',
        '0x10',
        '12abc',
        '-5',
        '1.5',
        '４４３',
        '',
        ' ',
        '0',
        '65536',
        '4 43',
        '9'.repeat(400),
        null,
        true,
        [443],
        {},
      ]) {
        assert.throws(() => check(changeWebPortsRequest, { [property]: given }), refusedAs(property), String(given));
      }
      assert.equal(check(changeWebPortsRequest, {})[property], undefined);
    });
  }
});

describe('A name', () => {
  const own = (id: string, label: string) => ({ id, label, ports: ['9100/tcp'] });
  const plant = registryOf(
    check(settings, {
      customServices: [
        own('scada', 'SCADA gateway'),
        own('left', 'Twin'),
        own('right', ' twin '),
        own('shadow', 'ssh'),
      ],
      customProfiles: [{ name: 'night', open: [{ service: 'Scada Gateway' }] }],
    }),
    null,
  );

  it('of a service is its id or its label, in any case', () => {
    const named = plant.services.filter(({ id }) => !['left', 'right'].includes(id));
    fc.assert(
      fc.property(
        fc
          .constantFrom(...named)
          .chain((service) =>
            fc.tuple(
              fc.constant(service),
              fc.constantFrom(service.id, service.label === 'ssh' ? 'shadow' : service.label).chain(written),
            ),
          ),
        ([service, name]) => {
          // A label that is the id of a service stands for that one.
          const expected = plant.services.find(({ id }) => id === name.trim().toLowerCase()) ?? service;
          assert.equal(serviceNamed(plant, name), expected);
        },
      ),
    );
    assert.equal(serviceNamed(plant, ' 443 ').id, '443');
    assert.equal(serviceNamed(plant, '22/TCP').id, '22/tcp');
  });

  it('that several services share is refused, with their ids', () => {
    assert.throws(
      () => serviceNamed(plant, 'TWIN '),
      /^INVALID_INPUT: service: "TWIN " is the name of several services: left, right\./,
    );
    assert.equal(serviceNamed(plant, 'left').id, 'left');
  });

  it('of services in a list counts once, however it is written', () => {
    const ids = servicesNamed(plant, ['ssh', 'SSH', ' SSH remote shell', 'mqtt', 'ssh', '443', ' 443']).map(
      ({ id }) => id,
    );
    assert.deepEqual(ids, ['ssh', 'mqtt', '443']);
  });

  it('of a profile is its name or its label, in any case', () => {
    const forms: [string, readonly string[]][] = [
      ['enhanced', ['enhanced', 'Enhanced Security']],
      ['standard', ['Standard']],
      ['lockdown', ['Lockdown']],
      ['night', ['night']],
    ];
    for (const [name, texts] of forms) {
      fc.assert(
        fc.property(anyOf(texts), (given) => {
          const { profile } = check(setProfileRequest, { profile: given });
          assert.equal(profile, name);
          assert.equal(profileNamed(plant, profile, 'keep').name, name);
        }),
      );
    }
    for (const unknown of ['enhanced-security', 'enhancedsecurity', 'ＬＯＣＫＤＯＷＮ', 'lock down', '']) {
      const { profile } = check(setProfileRequest, { profile: unknown });
      assert.throws(() => profileNamed(plant, profile, 'keep'), { code: 'UNKNOWN_PROFILE' });
    }
  });
});
