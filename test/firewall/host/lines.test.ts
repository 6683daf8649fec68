import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { Lines } from '../../../firewall/host/lines';

describe('Lines', () => {
  it('are the same however their bytes are cut', () => {
    const text = fc
      .array(fc.string({ unit: 'binary', maxLength: 20 }).map((line) => line.replace(/\n/g, '')))
      .map((lines) => lines.map((line) => `${line}\n`).join(''));
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 30 })), (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const lines = new Lines();
        const got: string[] = [];
        let at = 0;
        for (const size of [...cuts, bytes.length]) {
          got.push(...lines.push(bytes.subarray(at, at + size)));
          at += size;
        }
        assert.deepEqual(got, bytes.toString('latin1').split('\n').slice(0, -1));
      }),
    );
  });

  it('that have no end are left out, and keep nothing', () => {
    const lines = new Lines();
    assert.deepEqual(lines.push(Buffer.from('first\nsecond')), ['first']);
    for (let n = 0; n < 1000; n++) assert.deepEqual(lines.push(Buffer.alloc(64 * 1024, 'x')), []);
    assert.deepEqual(lines.push(Buffer.from('x\nthird\n')), ['third']);
    assert.deepEqual(lines.push(Buffer.from(`${'y'.repeat(9000)}\nfourth\n`)), ['fourth']);
  });
});
