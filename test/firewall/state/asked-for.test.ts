/** Drift is what nobody asked for: held against a model that knows of each difference who has made it. */
import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { check, settings } from '../../../firewall/messages';
import type { Difference, News, RuleReport } from '../../../firewall/results';
import { registryOf } from '../../../firewall/services/registry';
import { askedFor, type Effect, type Made, unasked } from '../../../firewall/state/asked-for';
import type { AskedFor } from '../../../firewall/state/reported';
import { SEED } from '../../seed';

const registry = registryOf(check(settings, {}), null);
const PORTS = { ssh: '22', https: '443', mqtt: '1883', bacnet: '47808' } as const;
type Id = keyof typeof PORTS;
const IDS = Object.keys(PORTS) as Id[];

const rule = (id: Id): RuleReport => ({
  ...{ number: 1, action: 'deny', direction: 'in', protocol: 'any', interface: null, log: null, family: 'ipv4' },
  to: { address: '0.0.0.0/0', port: PORTS[id], app: null },
  from: { address: '0.0.0.0/0', port: 'any', app: null },
  comment: '',
});
const NOTHING: Effect = { added: [], removed: [], policies: {}, enabled: null };
const NOBODY = () => NOTHING;
const change = (action: string, ids: readonly Id[], profile = 'enhanced'): Made => ({
  ...{ ...NOTHING, action, added: ids.map(rule), profile },
});
const differs = (id: Id): Difference => ({ service: id, direction: 'in', expected: 'open', actual: 'closed' });
const told = (drift: News['drift'], known: readonly AskedFor[]) =>
  unasked(drift, known)?.differences.map(({ service, direction }) => `${service} ${direction}`);

describe('What was asked for since a profile was set', () => {
  it('is no drift, and all else is, in any order of flows, people, profiles, ways back to them, and looks', () => {
    /** Between two looks: a profile, what flows close then, and people. A lockdown that is taken back leaves all as it was. */
    const step = fc.record({
      goes: fc.constantFrom('set', 'stay', 'stay', 'away', 'back'),
      flows: fc.uniqueArray(fc.constantFrom(...IDS), { maxLength: 3 }),
      people: fc.uniqueArray(fc.constantFrom(...IDS), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        /** Who has closed what is closed under the profile. */
        let closed = new Map<Id, 'flow' | 'person'>();
        let isAway = false;
        let known: readonly AskedFor[] = [];
        for (const { goes, flows, people } of steps) {
          const changes: Made[] = [];
          if (goes === 'set') {
            closed = new Map();
            isAway = false;
            changes.push(change('set-profile enhanced', IDS));
          }
          if (goes === 'away' && !isAway) {
            isAway = true;
            changes.push(change('set-profile lockdown', [], 'lockdown'));
          }
          if (goes === 'back' && isAway) {
            isAway = false;
            changes.push(change('not confirmed: set-profile lockdown', []));
          }
          if (isAway) {
            known = askedFor(registry, { profile: 'lockdown', differences: [] }, known, changes, NOBODY);
            continue;
          }
          for (const id of flows) {
            // What is closed already is left as it is.
            if (closed.has(id)) continue;
            closed.set(id, 'flow');
            changes.push(change(`toggle-service close ${id}`, [id]));
          }
          const byPeople = people.filter((id) => !closed.has(id));
          for (const id of byPeople) closed.set(id, 'person');
          const drift = { profile: 'enhanced', differences: [...closed.keys()].map(differs) };
          known = askedFor(registry, drift, known, changes, () => ({ ...NOTHING, added: byPeople.map(rule) }));
          const expected = [...closed].filter(([, who]) => who === 'person').map(([id]) => `${id} in`);
          assert.deepEqual(told(drift, known), expected);
        }
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('is forgotten when the profile is set again, by a schedule too, and when the service is otherwise by now', () => {
    const drift = { profile: 'enhanced', differences: [differs('ssh')] };
    const known = askedFor(registry, drift, [], [change('toggle-service close ssh', ['ssh'])], NOBODY);
    assert.deepEqual(told(drift, known), []);
    assert.deepEqual(askedFor(registry, drift, known, [], NOBODY), known);
    const standard = { ...drift, profile: 'standard' };
    assert.deepEqual(told(standard, askedFor(registry, standard, known, [], NOBODY)), ['ssh in']);
    const byDay = change('schedule by day: set-profile enhanced', IDS);
    assert.deepEqual(askedFor(registry, drift, known, [byDay], NOBODY), []);
    const partly: Difference = { ...differs('ssh'), actual: 'partial' };
    assert.deepEqual(askedFor(registry, { ...drift, differences: [partly] }, known, [], NOBODY), []);
  });

  it('is found again by who goes back to the profile, however that is called, also where nobody looked in between', () => {
    const drift = { profile: 'enhanced', differences: [differs('ssh')] };
    const closing = change('toggle-service close ssh', ['ssh']);
    const away = change('set-profile lockdown', [], 'lockdown');
    for (const action of [
      'undo set-profile lockdown',
      'not confirmed: set-profile lockdown',
      'end of lease: profile lockdown',
      'not confirmed: schedule by day: set-profile lockdown',
    ]) {
      const back = change(action, []);
      const once = askedFor(registry, drift, [], [closing, away, back], NOBODY);
      assert.deepEqual(told(drift, once), [], action);
      let known = askedFor(registry, drift, [], [closing], NOBODY);
      known = askedFor(registry, { profile: 'lockdown', differences: [] }, known, [away], NOBODY);
      known = askedFor(registry, drift, known, [back], NOBODY);
      assert.deepEqual(told(drift, known), [], action);
    }
  });

  it('is the default policies, too, where they were asked for, in their direction, and what they let in or keep out', () => {
    const open = { expected: 'closed' as const, actual: 'open' as const };
    const others: Difference = { service: 'all others', direction: 'out', ...open };
    const ntp: Difference = { service: 'ntp', direction: 'out', ...open };
    const drift = {
      profile: 'enhanced',
      differences: [others, ntp, { ...others, direction: 'in' as const }, differs('ssh')],
    };
    const restored: Made = {
      ...change('restore 20261127T191931595Z-c59a76', []),
      policies: { outgoing: { from: 'deny', to: 'allow' } },
    };
    const known = askedFor(registry, drift, [], [restored], NOBODY);
    assert.deepEqual(told(drift, known), ['all others in', 'ssh in']);
    const byHand = () => ({ ...NOTHING, policies: restored.policies });
    assert.deepEqual(told(drift, askedFor(registry, drift, [], [restored], byHand)), [
      'all others out',
      'ntp out',
      'all others in',
      'ssh in',
    ]);
    const off: Made = { ...change('restore latest', []), enabled: { from: true, to: false } };
    assert.deepEqual(told(drift, askedFor(registry, drift, [], [off], NOBODY)), ['ssh in']);
  });

  it('says nothing of what no change has touched, nor of the other direction', () => {
    const others: Difference = { ...differs('ssh'), service: 'all others' };
    const out: Difference = { ...differs('ssh'), direction: 'out' };
    const drift = { profile: 'enhanced', differences: [others, out] };
    assert.deepEqual(askedFor(registry, drift, [], [change('toggle-service close ssh', ['ssh'])], NOBODY), []);
  });
});
