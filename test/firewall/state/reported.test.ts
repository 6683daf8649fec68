import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { textFor, understood } from '../../../firewall/state/own-file';
import { REPORTED } from '../../../firewall/state/reported';
import { inWords } from '../in-words';
import { kept } from './kept';

const ID = '20261126T191931595Z-c59a76';

describe('What was reported', () => {
  it('of 1.0.0, an id in each line, is understood', () => {
    const { value, flaw } = understood(REPORTED, kept('told'));
    assert.deepEqual(value, { ids: kept('told').trim().split('\n'), asked: [] });
    assert.deepEqual([value?.ids[0], flaw], [ID, null]);
  });

  it('keeps the ids that are some, of either form', () => {
    assert.deepEqual(understood(REPORTED, `${ID}\n20261126T1919`).value, { ids: [ID], asked: [] });
    const { value, flaw } = understood(REPORTED, JSON.stringify({ version: 1, ids: [ID, '../x', 7] }));
    assert.deepEqual(value, { ids: [ID], asked: [] });
    assert.match(inWords(flaw), /^ids\.1: must be the id of a change; and 1 more$/);
  });

  it('without any is as good as nothing: what lies there is history', () => {
    assert.equal(understood(REPORTED, 'nothing\n').value, null);
    const empty = { ids: [], asked: [] };
    assert.deepEqual(understood(REPORTED, textFor(REPORTED, empty)), { value: empty, flaw: null });
  });

  it('keeps what was asked for, and says where that is damaged', () => {
    const differences = [
      { service: 'ssh', direction: 'in' as const, expected: 'open' as const, actual: 'closed' as const },
    ];
    const asked = [{ profile: 'enhanced', differences }];
    const value = { ids: [ID], asked };
    assert.deepEqual(understood(REPORTED, textFor(REPORTED, value)), { value, flaw: null });
    const damaged = understood(REPORTED, JSON.stringify({ ids: [ID], asked: [{ profile: 7 }, ...asked] }));
    assert.deepEqual(damaged.value, value);
    assert.match(inWords(damaged.flaw), /^asked\.0\.profile: /);
  });
});
