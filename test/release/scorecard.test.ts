/** The flow library's own tool, run on the packed package, with a stand-in for the library. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { CHECKS, EXPLAINED, faultsOf, type Scorecard, scorecard } from '../../scripts/scorecard';
import { packed as packPackage } from '../matrix/toolbox';
import { NODES, SETS } from '../sets';
import { type Listed, startLibrary } from './library';

const root = resolve(__dirname, '..', '..', '..');

describe('The scorecard of the packed package', function () {
  this.timeout(240_000);
  let packed: { folder: string; tarball: string };

  before(async () => {
    packed = await packPackage();
  });
  after(() => rm(packed.folder, { recursive: true, force: true }));

  /** With what the tool requested. */
  async function judge(listed: readonly Listed[] = []): Promise<Scorecard & { asked: string[] }> {
    const library = await startLibrary(listed);
    try {
      return { ...(await scorecard(packed.tarball, library.url)), asked: library.asked };
    } finally {
      library.close();
    }
  }

  it('is green in every check of the tool except those that the README explains', async () => {
    const { checks, said, asked } = await judge();
    assert.deepEqual(Object.keys(checks).sort(), Object.keys(CHECKS).sort());
    for (const [name, check] of Object.entries(checks)) {
      assert.equal(check.test, !EXPLAINED.includes(name), `${name} ${JSON.stringify(check)}\n${said}`);
    }
    assert.deepEqual(faultsOf({ checks }), []);
    // It is also green where it could not check.
    const unread = [...said.matchAll(/Unable to (?:parse|read) .*?([\w-]+)\.js/g)].map((match) => match[1]);
    assert.deepEqual(
      unread,
      SETS.filter((name) => !NODES.includes(name)),
    );
    assert.deepEqual(
      [...(checks.N02 as unknown as { nodes: string[] }).nodes].sort(),
      NODES.filter((name) => name !== 'smartserver').sort(),
    );
    assert.deepEqual([...new Set(asked)].sort(), ['/catalogue.json', '/node-red']);
  });

  it('is red if another package in the library has a node of the same name', async () => {
    const { checks } = await judge([{ id: '@example/node-red-guard', types: ['guard', 'watch-firewall'] }]);
    assert.deepEqual(checks.N01, { test: false, nodes: ['@example/node-red-guard'] });
    assert.match(faultsOf({ checks }).join(), /^The scorecard is red: N01 .*@example\/node-red-guard/);
  });

  it('is an error, and not green, if the library does not respond', async () => {
    const library = await startLibrary();
    library.close();
    await assert.rejects(scorecard(packed.tarball, library.url), /^Error: node-red-dev gave up, .*ECONNREFUSED/);
  });

  it('has the keyword that the tool does not check for', () => {
    // The tool's check P05 is green without it as well.
    const { keywords } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));
    assert.ok(keywords.includes('node-red'));
  });

  it('has its red checks explained in the README, and no others', () => {
    const said = [...readFileSync(resolve(root, 'README.md'), 'utf8').matchAll(/\b[PND]\d\d\b/g)].map(String);
    assert.deepEqual([...new Set(said)].sort(), [...EXPLAINED].sort());
  });

  it('counts a new check, and a missing one, as a fault', () => {
    const checks = Object.fromEntries(Object.keys(CHECKS).map((name) => [name, { test: true }]));
    const { P01, ...others } = checks;
    assert.deepEqual(faultsOf({ checks }), []);
    assert.deepEqual(faultsOf({ checks: others }), ['The scorecard does not report P01 (has a licence).']);
    assert.match(faultsOf({ checks: { ...checks, X09: { test: false } } }).join(), /red: X09 \(an unknown check\)/);
    assert.ok(P01);
  });
});
