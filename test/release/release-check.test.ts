/** The check before a release, on small repositories with one fault each. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Checks, refusals } from '../../scripts/release-check';

const CHANGELOG = '# Changelog\n\n## [1.2.0] – 2026-02-28\n\n### Added\n- Doors.\n\n## [1.1.0] – 2026-01-31\n';
const LOCK = {
  ...{ name: 'doors', version: '1.2.0', lockfileVersion: 3 },
  packages: {
    '': { name: 'doors', version: '1.2.0' },
    'node_modules/hinge': { version: '2.0.0', integrity: 'sha512-x' },
  },
};
const HINGE = { version: '2.0.0', resolved: 'https://registry.example/hinge.tgz', integrity: 'sha512-x' };
const GREEN: Checks = { audit: () => [], scorecard: async () => [] };

describe('The check before a release', () => {
  let folder: string;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], { cwd: folder });
  const write = (name: string, content: string | object): void =>
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

  /** A repository that may be released, except for what is given. */
  function commit(tag: string | null = 'v1.2.0', files: Record<string, string | object> = {}): void {
    write('package.json', { name: 'doors', version: '1.2.0' });
    write('package-lock.json', LOCK);
    write('CHANGELOG.md', CHANGELOG);
    write('SECURITY.md', 'Write to security@doors.org.\n');
    for (const [name, content] of Object.entries(files)) write(name, content);
    git('add', '-A');
    git('commit', '-qm', 'Doors');
    if (tag) git('tag', tag);
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'release-'));
    git('init', '-q');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('accepts a correct one', async () => {
    commit();
    assert.deepEqual(await refusals(folder, GREEN), []);
    assert.deepEqual(await refusals(folder, GREEN, 'v1.2.0'), []);
  });

  it('accepts additional tags', async () => {
    commit();
    git('tag', 'latest');
    assert.deepEqual(await refusals(folder, GREEN), []);
  });

  it('refuses a commit without a tag, even if an earlier one has it', async () => {
    commit();
    write('door', 'open');
    git('add', '-A');
    git('commit', '-qm', 'Another door');
    assert.deepEqual(await refusals(folder, GREEN), ['The commit has no tag; package.json requires v1.2.0.']);
  });

  for (const tag of ['v1.2.1', '1.2.0', 'v1.2.0-rc.1']) {
    it(`refuses the tag ${tag} for version 1.2.0, at the commit or as it is named`, async () => {
      const refused = [`The tag is ${tag}, but package.json requires v1.2.0.`];
      commit(tag);
      assert.deepEqual(await refusals(folder, GREEN), refused);
      assert.deepEqual(await refusals(folder, GREEN, tag), refused);
    });
  }

  for (const heading of ['## [1.2.0] – unreleased', '## [1.2.0]', '## [1.2.0] – 2026-02-31', '## [1.2.0] – soon']) {
    it(`refuses the undated entry "${heading}"`, async () => {
      commit('v1.2.0', { 'CHANGELOG.md': CHANGELOG.replace('## [1.2.0] – 2026-02-28', heading) });
      assert.deepEqual(await refusals(folder, GREEN), [
        `The entry for 1.2.0 in CHANGELOG.md has no date: "${heading}".`,
      ]);
    });
  }

  it('refuses a CHANGELOG without the version', async () => {
    commit('v1.2.0', { 'CHANGELOG.md': CHANGELOG.replace('[1.2.0]', '[1.2.00]') });
    assert.deepEqual(await refusals(folder, GREEN), ['CHANGELOG.md has no entry for 1.2.0.']);
  });

  it('refuses uncommitted changes, and names the files', async () => {
    commit();
    write('CHANGELOG.md', `${CHANGELOG}\n`);
    write('new', '');
    assert.deepEqual(await refusals(folder, GREEN), ['There are uncommitted changes: M CHANGELOG.md, ?? new.']);
  });

  it('refuses a lock file with addresses', async () => {
    commit('v1.2.0', { 'package-lock.json': { ...LOCK, packages: { ...LOCK.packages, 'node_modules/hinge': HINGE } } });
    assert.deepEqual(await refusals(folder, GREEN), [
      'package-lock.json ties 1 packages to addresses, for example node_modules/hinge: remove the "resolved" entries.',
    ]);
  });

  it('refuses a lock file of another version', async () => {
    commit('v1.2.0', { 'package-lock.json': { ...LOCK, version: '1.1.0' } });
    assert.deepEqual(await refusals(folder, GREEN), [
      'package-lock.json has version 1.1.0, but package.json has 1.2.0.',
    ]);
  });

  for (const text of ['Write to security@example.com.', 'Write to us.', '']) {
    it(`refuses a SECURITY.md that says “${text}”`, async () => {
      commit('v1.2.0', { 'SECURITY.md': text });
      assert.deepEqual(await refusals(folder, GREEN), [
        'SECURITY.md has no address to which vulnerabilities can be reported.',
      ]);
    });
  }

  it('refuses what the audit and the scorecard find, and if they cannot check', async () => {
    commit();
    const checks: Checks = {
      audit: () => ['npm audit --omit=dev found: hinge (high).'],
      scorecard: async () => {
        throw new Error('no answer');
      },
    };
    assert.deepEqual(await refusals(folder, checks), [
      'npm audit --omit=dev found: hinge (high).',
      'The scorecard could not be checked: no answer',
    ]);
  });

  it('reports everything that is wrong at once', async () => {
    commit('v1.1.9', {
      'CHANGELOG.md': '',
      'package-lock.json': { ...LOCK, packages: { 'node_modules/hinge': HINGE } },
    });
    write('new', '');
    const found = await refusals(folder, { scorecard: () => ['The scorecard is red.'] });
    assert.equal(found.length, 6, found.join('\n'));
  });
});
