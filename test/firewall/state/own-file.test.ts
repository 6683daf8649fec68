/** What is understood of the files this package keeps: all that is right in them, and never an error. */
import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { say } from '../../../firewall/errors';
import { CHECKPOINT } from '../../../firewall/state/checkpoint';
import { type Form, textFor, type Understood, understood } from '../../../firewall/state/own-file';
import { REPORTED } from '../../../firewall/state/reported';
import { NOTHING_SCHEDULED, SCHEDULE, type Schedule } from '../../../firewall/state/schedule';
import { inWords } from '../in-words';
import { kept } from './kept';

const FORMS: readonly (readonly [string, Form<unknown>, string])[] = [
  ['a schedule', SCHEDULE, 'schedule.json'],
  ['a journal', CHECKPOINT, 'journal.json'],
  ['a record of what was reported', REPORTED, 'told'],
];

const json = (value: unknown): string => Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');
/** A value is there, or a flaw is said, or both; only what is whole has none. */
const isAnswer = ({ value, flaw }: Understood<unknown>): boolean =>
  (value !== null || flaw !== null) && (flaw === null || /^[^\n]{1,499}$/.test(inWords(flaw)));

describe('A file of this package’s own', () => {
  for (const [name, form, file] of FORMS) {
    describe(`(${name})`, () => {
      const { value } = understood(form, kept(file));

      it('as 1.0.0 wrote it is understood in full, and is the same when it is written with its version', () => {
        assert.notEqual(value, null);
        assert.equal(understood(form, kept(file)).flaw, null);
        const written = textFor(form, value);
        assert.equal(JSON.parse(written).version, 1);
        assert.deepEqual(understood(form, written), { value, flaw: null });
      });

      it('of another type says so', () => {
        for (const text of ['[]', '5', 'null', '"text"', 'true', '{', '\0\0\0\0', 'nginx', '[{"version":1}]']) {
          const { value: none, flaw } = understood(form, text);
          assert.equal(none, null, text);
          assert.match(inWords(flaw), /no JSON object|ids/, text);
        }
      });

      it('of a later version, or one that is none, is left alone and says so', () => {
        const content = { ...JSON.parse(textFor(form, value)) };
        assert.match(inWords(understood(form, json({ ...content, version: 2 })).flaw), /later version.* 2.* 1/);
        for (const version of [0, -1, 1.5, '1', null, [], {}]) {
          const { value: none, flaw } = understood(form, json({ ...content, version }));
          assert.equal(none, null);
          assert.match(inWords(flaw), /version must be/);
        }
      });

      it('with properties that nobody knows is understood without them', () => {
        const content = { ...JSON.parse(textFor(form, value)), somethingNew: { of: 'later' } };
        assert.deepEqual(understood(form, json(content)), { value, flaw: null });
      });

      it('that is cut off anywhere is never an error, and never taken as whole', () => {
        // A 1.0.0 list of ids is whole at each line's end.
        const text = textFor(form, value);
        fc.assert(
          fc.property(fc.nat({ max: text.length - 2 }), (length) => {
            const found = understood(form, text.slice(0, length));
            assert.ok(isAnswer(found));
            if (length > 0) assert.notEqual(found.flaw, null);
          }),
        );
      });

      it('with any bytes changed is never an error', () => {
        const text = textFor(form, value);
        const edits = fc.array(fc.tuple(fc.nat({ max: text.length - 1 }), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 5,
        });
        fc.assert(
          fc.property(edits, (bytes) => {
            const spoilt = bytes.reduce(
              (now, [at, byte]) => now.slice(0, at) + String.fromCharCode(byte) + now.slice(at + 1),
              text,
            );
            const found = understood(form, spoilt);
            assert.ok(isAnswer(found));
            // What is understood can be written and read again.
            if (found.value !== null) {
              assert.deepEqual(understood(form, textFor(form, found.value)), { value: found.value, flaw: null });
            }
          }),
        );
      });

      it('of any JSON, or any text, is never an error', () => {
        fc.assert(fc.property(fc.json({ maxDepth: 6 }), (text) => assert.ok(isAnswer(understood(form, text)))));
        fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.ok(isAnswer(understood(form, text)))));
        const content = JSON.parse(textFor(form, value)) as Record<string, unknown>;
        // One of its own properties, and any value in its place.
        const property = fc.constantFrom(...Object.keys(content), '__proto__', 'constructor', 'toString');
        fc.assert(
          fc.property(property, fc.jsonValue({ maxDepth: 4 }), (key, other) => {
            const text = JSON.stringify(content).replace(/^\{/, `{${JSON.stringify(key)}:${JSON.stringify(other)},`);
            assert.ok(isAnswer(understood(form, json({ ...content, [key]: other }))));
            assert.ok(isAnswer(understood(form, Buffer.from(text, 'utf8').toString('latin1'))));
          }),
        );
      });
    });
  }

  it('that is empty says nothing is scheduled, or reported; as a journal it is damaged', () => {
    assert.deepEqual(understood(SCHEDULE, '').value, NOTHING_SCHEDULED);
    assert.deepEqual(understood(REPORTED, ''), { value: { ids: [], asked: [] }, flaw: null });
    assert.deepEqual(understood(CHECKPOINT, ''), { value: null, flaw: say`it is empty` });
  });

  it('nested as deep as it can be is never an error', () => {
    for (const text of ['['.repeat(500_000), `{"leases":${'['.repeat(100_000)}${']'.repeat(100_000)}}`]) {
      for (const [, form] of FORMS) assert.ok(isAnswer(understood(form, text)));
    }
  });

  it('with millions of entries that are none is not looked at to its end', () => {
    const entries = `[${'0,'.repeat(2_000_000)}0]`;
    const { flaw } = understood(SCHEDULE, `{"leases":${entries}}`) as Understood<Schedule>;
    assert.match(inWords(flaw), /^leases\.0: .*; and 999 more$/);
    assert.match(inWords(understood(REPORTED, 'x\n'.repeat(2_000_000)).flaw), /and 999 more$/);
  });
});
