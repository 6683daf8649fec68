/** Security advisories that somebody gives: what is read of them, and what is refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { csafQuestion } from '../../firewall/csaf';
import { check } from '../../firewall/messages';
import { ADVISORIES, advisoriesWith, isAffected } from '../../firewall/services/advisories';
import { SEED } from '../seed';
import { Random } from './commands';
import { csafDocument, version } from './csaf-document';

const read = (...csaf: unknown[]) => check(csafQuestion, { csaf }).csaf;

describe('A security advisory in CSAF', () => {
  it('is read: what it is about, which versions have the hole, and which have it no more', () => {
    assert.deepEqual(read(csafDocument()), [
      {
        ...{ id: 'ICSA-27-001-01', title: 'EnOcean SmartServer IoT', cves: ['CVE-2027-1000'], severity: 'critical' },
        ...{ affected: ['vers:generic/<=4.60.030'], fixed: '4.60.031' },
        reference: 'https://www.cisa.gov/news-events/ics-advisories/icsa-27-001-01',
      },
    ]);
  });

  it('adds to those that are known, and says anew what one of them said', () => {
    const known = ADVISORIES[0]?.id ?? '';
    const [first, second] = read(csafDocument(), {
      ...csafDocument(),
      document: { ...csafDocument().document, tracking: { id: known } },
    });
    const all = advisoriesWith([first, second].flatMap((one) => one ?? []));
    assert.deepEqual(
      all.map(({ id, services }) => [id, services]),
      [
        ['ICSA-27-001-01', null],
        [known, ['lon', 'lon-ip70']],
      ],
    );
  });

  it('is refused by the name of what is wrong where it is none, cut off, huge, or about another product', () => {
    const { document, product_tree, vulnerabilities } = csafDocument();
    const cases: [unknown, RegExp][] = [
      ['{ "document": {', /csaf\.0/],
      [null, /csaf\.0/],
      [[csafDocument()], /csaf\.0/],
      [{ document, product_tree }, /csaf\.0\.vulnerabilities/],
      [{ document, vulnerabilities }, /csaf\.0\.product_tree/],
      [{ ...csafDocument(), product_tree: { branches: [] } }, /must be about the SmartServer/],
      [{ ...csafDocument(), vulnerabilities: [{ cve: 'CVE-2027-1000' }] }, /must be about the SmartServer/],
      [{ ...csafDocument(), vulnerabilities: [{ cve: '$(reboot)' }] }, /csaf\.0\.vulnerabilities\.0\.cve/],
      [{ ...csafDocument(), document: { ...document, csaf_version: '1.0' } }, /csaf\.0\.document\.csaf_version/],
      [{ ...csafDocument(), document: { ...document, title: 'x'.repeat(5000) } }, /csaf\.0\.document\.title/],
      [
        { ...csafDocument(), document: { ...document, tracking: { id: '<script>' } } },
        /csaf\.0\.document\.tracking\.id/,
      ],
      [{ ...csafDocument(), vulnerabilities: Array(30_000).fill(vulnerabilities[0]) }, /csaf\.0\.vulnerabilities/],
    ];
    for (const [given, names] of cases) {
      assert.throws(() => read(given), { code: 'INVALID_INPUT', message: names });
    }
    let deep: object = version('<1', 'CSAFPID-0001');
    for (let depth = 0; depth < 5000; depth++) deep = { category: 'vendor', name: 'SmartServer', branches: [deep] };
    assert.throws(() => read({ ...csafDocument(), product_tree: { branches: [deep] } }), { code: 'INVALID_INPUT' });
  });

  it('links to nothing but what is an address of the web', () => {
    const urls = ['javascript:alert(1)', 'https://a.example/<script>', `https://a.example/${'x'.repeat(400)}`];
    const references = urls.map((url) => ({ category: 'self', url }));
    const [found] = read({ ...csafDocument(), document: { ...csafDocument().document, references } });
    assert.equal(found?.reference, null);
  });

  it('is about versions that are in its ranges, however they are written', () => {
    const cases: [string, string, boolean | null][] = [
      ['4.60.009', '<4.60.023', true],
      ['4.60.23', '<4.60.023', false],
      ['4.60', '<=4.60.0', true],
      ['4.50.1', 'vers:intdot/>=4.51|<4.60', false],
      ['4.55', '>=4.51 <4.60', true],
      ['3.9', '3.9', true],
      ['4.60', 'all versions', null],
      ['', '<1', null],
    ];
    for (const [firmware, range, expected] of cases) {
      assert.equal(isAffected({ affected: [range] }, firmware), expected, `${firmware} in ${range}`);
    }
  });

  it('orders versions as numbers: of any two one is below the other, or they are the same', () => {
    const random = new Random(SEED);
    const some = () => Array.from({ length: random.pick([1, 2, 3]) }, () => random.pick([0, 1, 9, 10, 60, 999]));
    for (let time = 0; time < 500; time++) {
      const [a, b] = [some(), some()];
      const rank = Math.sign([0, 1, 2].map((at) => (a[at] ?? 0) - (b[at] ?? 0)).find((one) => one !== 0) ?? 0);
      const is = (sign: string) => isAffected({ affected: [`${sign}${b.join('.')}`] }, a.join('.'));
      assert.deepEqual(
        [is('<'), is('='), is('>'), is('<='), is('>=')],
        [rank < 0, rank === 0, rank > 0, rank <= 0, rank >= 0],
      );
    }
  });
});
