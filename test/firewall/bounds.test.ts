/** How much requests can make: rules, temporary changes, backups. What is refused changes nothing. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { check, settings } from '../../firewall/messages';
import { refuseTooMuch } from '../../firewall/plan/bounds';
import { type Action, makeRule, type Rule } from '../../firewall/rules/rule';
import type { FamilyRules } from '../../firewall/state/family-rules';
import { type Lease, NOTHING_SCHEDULED, type Schedule } from '../../firewall/state/schedule';
import { Engine, type EngineError } from '../device/engine';
import { useDevice } from '../device/suite';
import { everything } from './stable';

const rules = (count: number, action: Action = 'allow'): Rule[] =>
  Array.from({ length: count }, (_, at) => makeRule('ipv4', { action, dport: String(at + 1) }));
const ipv4 = (list: readonly Rule[]): FamilyRules[] => [{ family: 'ipv4', rules: list }];
const leased = (count: number): Schedule => ({
  ...NOTHING_SCHEDULED,
  leases: new Array<Lease>(count).fill({} as Lease),
});

describe('A plan', () => {
  /** What is said of going from one list of rules to another. */
  const verdict = (was: readonly Rule[], is: readonly Rule[], ran = 0, runs = ran): string => {
    try {
      refuseTooMuch(
        { families: ipv4(was), schedule: leased(ran) },
        { families: ipv4(is), schedule: leased(runs) },
        'service',
      );
      return 'fine';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const old = rules(4_999);
  const cases: [what: string, verdict: string, expected: RegExp][] = [
    ['may add a thousand rules', verdict([], rules(1000)), /^fine$/],
    ['may not add one more', verdict([], rules(1001)), /^INVALID_INPUT: service: this would add 1001 rules, .* 1000 /],
    ['may fill up to five thousand rules', verdict(old, [...old, ...rules(1)]), /^fine$/],
    [
      'may open no more then',
      verdict(old, [...old, ...rules(2)]),
      /^INVALID_INPUT: service: there would be 5001 rules/,
    ],
    ['may still close', verdict(old, [...rules(500, 'deny'), ...old]), /^fine$/],
    ['may close up to ten thousand', verdict(rules(9_999), [...rules(2, 'deny'), ...rules(9_999)]), /10001 rules/],
    ['may leave as many as there were, however many', verdict(rules(20_000), rules(20_000)), /^fine$/],
    ['may leave fewer', verdict(rules(20_000), rules(15_000)), /^fine$/],
    ['may be the hundredth temporary change', verdict([], rules(1), 99, 100), /^fine$/],
    ['may not be one more', verdict([], rules(1), 100, 101), /^INVALID_INPUT: duration: 100 temporary changes .* 100 /],
    ['may then still close for a while', verdict([], rules(1, 'deny'), 119, 120), /^fine$/],
    ['may not do so without end', verdict([], rules(1, 'deny'), 120, 121), /^INVALID_INPUT: duration: /],
    ['may replace a temporary change', verdict([], rules(1), 130, 130), /^fine$/],
  ];
  for (const [what, said, expected] of cases) {
    it(what, () => assert.match(said, expected));
  }
});

describe('What a configuration makes', () => {
  const device = useDevice();
  const customServices = Array.from({ length: 60 }, (_, at) => ({
    ...{ id: `s${at}`, label: `Service ${at}`, direction: 'both' },
    ports: Array.from({ length: 15 }, (_, port) => `${20_000 + at * 15 + port}/tcp`),
  }));
  const open = ['https', ...customServices.map(({ id }) => id)].map((service) => ({ service, direction: 'both' }));

  it('is refused, and nothing changed, where it is more rules than a request may add', async () => {
    const engine = await Engine.start(device, { customServices, customProfiles: [{ name: 'huge', open }] });
    const factory = await everything(device);
    await assert.rejects(engine.setProfile({ profile: 'huge' }), (error: EngineError) => {
      assert.equal(error.code, 'INVALID_INPUT');
      assert.match(error.message, /^INVALID_INPUT: profile: this would add \d{4} rules/);
      return true;
    });
    assert.deepEqual(await everything(device), factory);
    assert.deepEqual(await engine.backups(), []);
    await engine.stop();
  });

  it('is refused where its profiles are more than all requests should carry along', () => {
    const profile = (name: string) => ({ name, open: new Array(200).fill({ service: 'ssh' }) });
    check(settings, { customProfiles: ['a', 'b', 'c', 'd', 'e'].map(profile) });
    assert.throws(
      () => check(settings, { customProfiles: ['a', 'b', 'c', 'd', 'e', 'f'].map(profile) }),
      /^INVALID_INPUT: customProfiles: must not open more than 1000 services/,
    );
  });

  it('keeps as many backups as there is room for, the newest in any case', async () => {
    const engine = await Engine.start(device);
    const folder = '/var/lib/smartserver-firewall/backups';
    const { backup } = await engine.toggleService({ action: 'close' });
    const old = [1, 2, 3].map((at) => `2020010${at}T000000000Z-00000${at}`);
    for (const id of old) await device.ok('truncate', '-s', '40M', `${folder}/${id}.json`);
    const next = await engine.toggleService({ action: 'open' });
    const kept = (await device.ok('ls', folder)).trim().split('\n');
    assert.deepEqual(
      kept,
      [old[2], backup, next.backup].map((id) => `${id}.json`),
    );
    await engine.stop();
  });
});
