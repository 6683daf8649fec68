/** The chain of entries: whatever is done to it, the first entry that is not as it was is named. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import {
  firstLineFor,
  headOf,
  lineOf,
  NO_HASH,
  type Segment,
  sealed,
  sha256,
  verify,
} from '../../../firewall/ledger/chain';
import type { Content, Entry } from '../../../firewall/ledger/entry';
import { contentOf, type Happened } from '../../../firewall/ledger/happened';
import { SEED } from '../../seed';
import { inWords } from '../in-words';

const TIMER: Happened = { type: 'change', source: { kind: 'timer' }, action: 'a change' };
const moment = { at: '2026-11-27T08:00:00.000Z', uptime: { boot: 'boot-1', ms: 1000 } };

function chain(count: number, reasons: readonly string[] = []): Entry[] {
  const entries: Entry[] = [];
  let last = { seq: 0, hash: NO_HASH };
  for (let at = 0; at < count; at++) {
    const happened: Happened = {
      ...{ type: at === 0 ? 'begin' : 'change', source: { kind: 'timer' }, action: `change ${at}` },
      reason: reasons[at] ?? '',
    };
    const content: Content = contentOf(happened, moment, sha256(`${at}`));
    const one = sealed(headOf(last), content);
    entries.push(one);
    last = one;
  }
  return entries;
}

function file(entries: readonly Entry[], lines = entries.map(lineOf)): Segment {
  const [last = { seq: 0, hash: NO_HASH }] = entries.slice(-1);
  return { path: 'ledger', text: `${firstLineFor(headOf(last))}${lines.join('')}` };
}

describe('The chain of the ledger', () => {
  it('is whole as it was entered, whatever the words in it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary', maxLength: 500 }), { minLength: 1, maxLength: 12 }),
        (reasons) => {
          const entries = chain(reasons.length, reasons);
          const found = verify([file(entries)]);
          assert.equal(found.fault, null);
          assert.deepEqual(found.entries, JSON.parse(JSON.stringify(entries)));
          assert.deepEqual(found.head, headOf(entries[entries.length - 1] as Entry));
        },
      ),
      { seed: SEED },
    );
  });

  const entries = chain(9);
  const lines = entries.map(lineOf);
  const faultOf = (changed: readonly string[]) => verify([file(entries, [...changed])]).fault;

  it('names the first entry that was altered, at every byte of every entry', () => {
    for (const [at, line] of lines.entries()) {
      for (let place = 0; place < line.length - 1; place++) {
        const other = line[place] === 'x' ? 'y' : 'x';
        const altered = `${line.slice(0, place)}${other}${line.slice(place + 1)}`;
        const fault = faultOf(lines.map((one, index) => (index === at ? altered : one)));
        assert.deepEqual([fault?.seq, fault?.line], [at + 1, at + 2], `byte ${place} of entry ${at + 1}`);
      }
    }
  });

  it('names an entry that was altered and given a hash of its own: the next one does not follow it', () => {
    for (const [at, one] of entries.entries()) {
      const { hash, ...open } = { ...one, reason: 'another' };
      const forged = { ...open, hash: sha256(JSON.stringify(open)) };
      const fault = faultOf(lines.map((line, index) => (index === at ? lineOf(forged) : line)));
      // Of the last one only the operator's copy of the head tells, or the first line.
      if (at === entries.length - 1) assert.match(inWords(fault?.what), /first line/);
      else assert.equal(fault?.seq, at + 2);
    }
  });

  it('names the first entry that is missing, repeated or out of order, at every place', () => {
    for (let at = 0; at < lines.length; at++) {
      assert.equal(faultOf(lines.filter((_, index) => index !== at))?.seq, at + 1, `without ${at + 1}`);
      const repeated = [...lines.slice(0, at + 1), lines[at] as string, ...lines.slice(at + 1)];
      assert.deepEqual([faultOf(repeated)?.line, faultOf(repeated)?.seq], [at + 3, at + 2], `${at + 1} twice`);
      for (let to = at + 1; to < lines.length; to++) {
        const swapped = [...lines];
        [swapped[at], swapped[to]] = [lines[to] as string, lines[at] as string];
        assert.deepEqual([faultOf(swapped)?.line, faultOf(swapped)?.seq], [at + 2, at + 1], `${at + 1} and ${to + 1}`);
      }
    }
  });

  it('names the first entry that is gone, wherever the file was truncated', () => {
    const { text } = file(entries);
    const bounds = lines.map((_, at) => text.length - lines.slice(at).join('').length);
    for (let end = 0; end < text.length; end++) {
      const gone = bounds.findIndex((from, at) => end < from + (lines[at] as string).length);
      const { fault } = verify([{ path: 'ledger', text: text.slice(0, end) }]);
      assert.equal(fault?.seq, gone + 1, `at ${end}`);
    }
  });

  it('takes a line that was being written when the power was cut for what it is', () => {
    const next = lineOf(sealed(headOf(entries[8] as Entry), contentOf({ ...TIMER }, moment, NO_HASH)));
    for (let end = 0; end < next.length; end++) {
      const { text } = file(entries);
      const found = verify([{ path: 'ledger', text: text + next.slice(0, end) }]);
      assert.deepEqual([found.fault, found.entries.length], [null, 9], `at ${end}`);
    }
  });

  it('goes on over a cut, and tells a half that was taken away', () => {
    const [first] = entries as [Entry];
    const dropped: Happened = { ...TIMER, type: 'cut', cut: { dropped: 0, last: first.previous, first: 1 } };
    const cut = sealed(headOf(entries[8] as Entry), contentOf(dropped, moment, NO_HASH));
    const [older, newer] = [file(entries), file([cut])];
    assert.equal(verify([older, newer]).fault, null);
    assert.match(inWords(verify([newer]).fault?.what), /it is missing, up to the cut/);
    assert.equal(verify([newer], true).fault, null);
    assert.equal(verify([file(entries.slice(0, 8)), newer]).fault?.seq, 9);
  });

  it('is not understood where a later version has written it', () => {
    const { text } = file(entries);
    const later = text.replace('"version":1', '"version":2');
    assert.match(
      inWords(verify([{ path: 'ledger', text: later }]).fault?.what),
      /a later version of this package wrote it/,
    );
  });
});
