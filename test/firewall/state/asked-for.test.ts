/** Drift is what nobody asked for: held against a model that knows of each difference who has made it. */
import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { check, settings } from '../../../firewall/messages';
import type { Difference, OwnChange, RuleReport } from '../../../firewall/results';
import { registryOf } from '../../../firewall/services/registry';
import { askedFor, unasked } from '../../../firewall/state/asked-for';
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
const change = (action: string, ids: readonly Id[]): OwnChange => ({
  ...{ id: '20261127T191931595Z-c59a76', at: '2026-11-27T19:19:31.595Z', action, reason: 'requested' },
  ...{ added: ids.map(rule), removed: [], policies: {}, enabled: null, logging: null, reverted: null, ended: [] },
});
const differs = (id: Id): Difference => ({ service: id, direction: 'in', expected: 'open', actual: 'closed' });
const NOBODY = { added: [], removed: [] };

describe('What was asked for since a profile was set', () => {
  it('is no drift, and all else is, in any order of flows, people, profiles and looks', () => {
    /** Between two looks: who closes which services; people after flows. A profile opens them all. */
    const step = fc.record({
      sets: fc.boolean(),
      flows: fc.uniqueArray(fc.constantFrom(...IDS), { maxLength: 3 }),
      people: fc.uniqueArray(fc.constantFrom(...IDS), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
        /** Who has closed what is closed. */
        let closed = new Map<Id, 'flow' | 'person'>();
        let known: AskedFor | null = null;
        for (const { sets, flows, people } of steps) {
          if (sets) closed = new Map();
          for (const id of flows) if (!closed.has(id)) closed.set(id, 'flow');
          const byPeople = people.filter((id) => !closed.has(id));
          for (const id of byPeople) closed.set(id, 'person');
          // What is closed already is left as it is.
          const own = [...closed].filter(([id, who]) => who === 'flow' && flows.includes(id)).map(([id]) => id);
          const changes = [
            ...(sets ? [change('set-profile enhanced', IDS)] : []),
            ...own.map((id) => change(`toggle-service close ${id}`, [id])),
          ];
          const drift = { profile: 'enhanced', differences: [...closed.keys()].map(differs) };
          known = askedFor(registry, drift, known, changes, { added: byPeople.map(rule), removed: [] });
          const told = unasked(drift, known)?.differences.map(({ service }) => service);
          const expected = [...closed].filter(([, who]) => who === 'person').map(([id]) => id);
          assert.deepEqual(told, expected);
        }
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('is forgotten when another profile is set, by a schedule too, and when the service is otherwise by now', () => {
    const drift = { profile: 'enhanced', differences: [differs('ssh')] };
    const known = askedFor(registry, drift, null, [change('toggle-service close ssh', ['ssh'])], NOBODY);
    assert.deepEqual(unasked(drift, known)?.differences, []);
    assert.deepEqual(askedFor(registry, drift, known, [], NOBODY), known);
    assert.equal(askedFor(registry, { ...drift, profile: 'standard' }, known, [], NOBODY), null);
    const byDay = change('schedule by day: set-profile enhanced', IDS);
    assert.equal(askedFor(registry, drift, known, [byDay], NOBODY), null);
    const partly: Difference = { ...differs('ssh'), actual: 'partial' };
    assert.equal(askedFor(registry, { ...drift, differences: [partly] }, known, [], NOBODY), null);
  });

  it('says nothing of the default policies, nor of the other direction', () => {
    const others: Difference = { ...differs('ssh'), service: 'all others' };
    const out: Difference = { ...differs('ssh'), direction: 'out' };
    const drift = { profile: 'enhanced', differences: [others, out] };
    assert.equal(askedFor(registry, drift, null, [change('toggle-service close ssh', ['ssh'])], NOBODY), null);
  });
});
