import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { formatSchedule, NOTHING_SCHEDULED, parseSchedule } from '../../../firewall/state/schedule';

describe('The schedule', () => {
  it('of a version that did not keep the profile is read, and names none', () => {
    const old = '{ "pending": null, "leases": [] }';
    assert.deepEqual(parseSchedule(old, 'schedule.json'), NOTHING_SCHEDULED);
  });

  it('that says nothing is an empty file, and one that names a profile is not', () => {
    assert.equal(formatSchedule(NOTHING_SCHEDULED), '');
    const wanted = { profile: 'enhanced', optionalServices: 'keep' } as const;
    const named = { ...NOTHING_SCHEDULED, wanted };
    assert.deepEqual(parseSchedule(formatSchedule(named), 'schedule.json'), named);
  });
});
