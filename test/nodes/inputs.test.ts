/** What flows, dashboards and operators send: each form of each property, through the node that takes it, to what the engine is asked for. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as fc from 'fast-check';
import type { NodeAPI } from 'node-red';
import type { Call } from '../../firewall/messages';
import { localTime, shortNames } from '../../nodes/names';
import { SEED } from '../seed';
import { devices, type Stored, send, start, stop } from './bench';

fc.configureGlobal({ seed: SEED });

/** The text in any case, with blanks around it. */
const written = (...texts: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...texts), fc.constantFrom('', ' ', '\t', '\n'), fc.constantFrom('', ' '), fc.nat(2))
    .map(([text, before, after, how]) => {
      const cased = how === 0 ? text : how === 1 ? text.toUpperCase() : text.toLowerCase();
      return before + cased + after;
    });

interface Property {
  node: Stored;
  property: string;
  /** Each value that the engine may be asked for, with the forms in which people send it. */
  forms: readonly (readonly [unknown, fc.Arbitrary<unknown>])[];
  /** What is none of them. */
  unclear: readonly unknown[];
}

const node = (type: string, property: string): Stored => ({
  id: 'node',
  type,
  ...(type === 'toggle-service' ? { action: 'close', service: 'ssh' } : {}),
  ...{ [property]: 'payload', [`${property}Type`]: 'msg' },
});
const NOT_TEXT = [null, true, {}, { toString: () => 'ssh' }, Buffer.from('ssh'), new Map(), new Date(0)];

const PROPERTIES: readonly Property[] = [
  {
    node: node('toggle-service', 'action'),
    property: 'action',
    forms: [
      ['open', fc.oneof(fc.constantFrom<unknown>(true, 1), written('open', 'on', 'true', '1'))],
      ['close', fc.oneof(fc.constantFrom<unknown>(false, 0), written('close', 'closed', 'off', 'false', '0'))],
      ['toggle', written('toggle')],
      ['limit', written('limit')],
    ],
    unclear: ['yes please', 2, null, {}, [], '', ' ', Buffer.from('on'), Buffer.from(''), '１', 'openclose', [true]],
  },
  {
    node: node('toggle-service', 'service'),
    property: 'service',
    forms: [
      ['ssh', written('ssh', 'SSH remote shell')],
      ['mqtts', written('mqtts', 'MQTT broker (TLS)')],
      ['443', fc.oneof(fc.constant<unknown>(443), written('443'))],
      ['ssh, mqtt', fc.tuple(written('ssh'), written('mqtt', 'MQTT broker (unencrypted)'), written('SSH'))],
    ],
    unclear: [...NOT_TEXT, '', [], [[]], [null], Array(51).fill('ssh'), -1, 1.5, 65_536],
  },
  {
    node: node('toggle-service', 'duration'),
    property: 'duration',
    forms: [
      [
        1800,
        fc.oneof(
          fc.constant<unknown>(1800),
          written('1800', '30 min', '30min.', '0h 30 minutes', '30 Minuten', '30分'),
        ),
      ],
      [28_800, fc.oneof(fc.constant<unknown>(28_800), written('8 h', '8 hours', '8 Std', '8時間', '7h 60min'))],
      [45, written('45', '45 s', '45 seconds', '45 Sek.', '45秒')],
      [86_400, written('1 day', '1 Tag', '1日', '24h', '1d')],
    ],
    unclear: [
      ...NOT_TEXT,
      [],
      '',
      '1e3',
      '0x10',
      '12abc',
      '-5',
      '1.5',
      '５',
      'soon',
      -1,
      1.5,
      604_801,
      `${'9'.repeat(400)} h`,
    ],
  },
  {
    node: node('set-profile', 'profile'),
    property: 'profile',
    forms: [
      ['enhanced', written('enhanced', 'Enhanced Security')],
      ['standard', written('Standard')],
      ['lockdown', written('Lockdown')],
    ],
    unclear: [...NOT_TEXT, [], 1],
  },
  ...['http', 'https'].map((property) => ({
    node: node('change-web-ports', property),
    property,
    forms: [
      [1443, fc.oneof(fc.constant<unknown>(1443), written('1443'))],
      [8080, fc.oneof(fc.constant<unknown>(8080), written('8080'))],
    ] as const,
    unclear: [...NOT_TEXT, [], '', '1e3', '0x10', '12abc', '-5', '1.5', '４４３', 0, 65_536, '65536'],
  })),
];

/** What the engine was asked for, as it began with it. */
function asked(property: string): unknown {
  const call = devices[0]?.begun.pop() as Call & { request: Record<string, unknown> };
  return call.request[property];
}

describe('a value from a message', () => {
  afterEach(stop);

  for (const { node: taking, property, forms, unclear } of PROPERTIES) {
    it(`is taken for ${property} of ${taking.type} in each of its forms`, async () => {
      await start([taking]);
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(...forms.map(([value, form]) => fc.tuple(fc.constant(value), form))),
          async ([value, payload]) => {
            const { sent, caught } = await send('node', { payload });
            assert.equal(caught, null, caught?.error.message);
            if (property === 'service') assert.equal(sent?.payload.action, `toggle-service close ${value}`);
            else assert.equal(asked(property), value);
          },
        ),
        { numRuns: 60 },
      );
    });

    it(`is refused for ${property} of ${taking.type} where it is not clearly one of them, and nothing changes`, async () => {
      await start([taking]);
      for (const payload of [undefined, 'x'.repeat(1_000_000), ...unclear]) {
        const { sent, caught } = await send('node', { payload });
        assert.equal(sent, null);
        assert.match(caught?.error.message ?? '', new RegExp(`^INVALID_INPUT: ${property}: `));
      }
      assert.deepEqual(devices[0]?.changes ?? [], []);
    });
  }

  it('is taken from a dashboard’s switch by a toggle-service as it is dropped', async () => {
    const dropped = {
      ...node('toggle-service', 'action'),
      service: 'ssh',
      serviceType: 'str',
      duration: 0,
      durationType: 'num',
    };
    await start([dropped]);
    for (const [payload, action] of [
      [true, 'open'],
      [false, 'close'],
    ] as const) {
      assert.equal((await send('node', { payload })).sent?.payload.action, `toggle-service ${action} ssh`);
    }
    assert.match(
      (await send('node', { payload: 1_764_230_400_000 })).caught?.error.message ?? '',
      /^INVALID_INPUT: action: /,
    );
  });

  it('may be a duration in words where a flow says it itself', async () => {
    await start([
      {
        id: 'node',
        type: 'change-web-ports',
        https: '1443',
        httpsType: 'num',
        keepOldOpen: '10 min',
        confirmWithin: '1h 30min',
      },
      { id: 'watch', type: 'watch-firewall', blocked: true, blockedEvery: '2 min' },
    ]);
    await send('node', {});
    assert.deepEqual([asked('keepOldOpen')], [600]);
    assert.ok([...(devices[0]?.watchers ?? [])].some(({ asked: { blockedEvery } }) => blockedEvery === 120));
  });
});

/** Looks labels up as Node-RED does, in one language. */
function speaking(language: string, type: string): NodeAPI {
  const labels = JSON.parse(
    readFileSync(resolve(__dirname, '..', '..', 'nodes', 'locales', language, `${type}.json`), 'utf8'),
  );
  const translate = (key: string, values: Record<string, unknown> = {}): string => {
    const [section = '', name = ''] = key.split('.');
    return labels[section][name].replace(/__(\w+?)__/g, (_: string, place: string) => String(values[place]));
  };
  return { _: translate } as unknown as NodeAPI;
}

describe('the words below a node', () => {
  it('name services shortly, and count them where there are many', () => {
    const english = speaking('en-US', 'toggle-service');
    assert.equal(shortNames(english, ['ssh']), 'SSH');
    assert.equal(shortNames(english, ['ssh', 'mqtt', '9100/tcp']), 'SSH, MQTT, 9100/tcp');
    assert.equal(shortNames(english, ['ssh', 'mqtt', '9100/tcp', 'opcua']), '4 services');
    assert.equal(shortNames(english, ['a-service-with-a-very-long-id']), 'a-service-with-a-very-long-id');
    assert.equal(shortNames(speaking('de', 'toggle-service'), Array(5).fill('bacnet')), '5 Dienste');
    assert.equal(shortNames(speaking('ja', 'toggle-service'), Array(5).fill('bacnet')), 'サービス 5 件');
  });

  it('have a moment by the local clock, with its day where that is another', () => {
    const now = new Date(2026, 10, 27, 18, 30);
    assert.equal(localTime(new Date(2026, 10, 27, 19, 0).toISOString(), now), '19:00');
    assert.equal(localTime(new Date(2026, 10, 28, 7, 5).toISOString(), now), '11-28 07:05');
  });
});
