/** The third-party code in the package: declared in full, harmless, and as in the lock file. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { advisoriesIn, auditFaults, signaturesIn } from '../../scripts/audit';
import { licenceFaults, licensed } from '../../scripts/licences';
import { vexOf } from '../../scripts/vex';
import { packed as packPackage, tool } from '../matrix/toolbox';

const root = resolve(__dirname, '..', '..', '..');
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'));
const lock = json(root, 'package-lock.json');
const locked = Object.entries<{ version: string; dev?: boolean; hasInstallScript?: boolean; resolved?: string }>(
  lock.packages,
).filter(([path]) => path !== '');
/** What the project's dependencies bring along; everything else is tools. */
const forUsers = locked.filter(([, { dev }]) => !dev);

interface Vulnerability {
  id: string;
  source: { url: string };
  analysis: { state: string; justification?: string; detail: string; firstIssued: string };
  affects: { ref: string }[];
}

interface Component {
  type: string;
  name: string;
  version: string;
  purl: string;
}

describe('The packed package', function () {
  this.timeout(240_000);
  let packed: { folder: string; tarball: string };
  let folder: string;
  let files: string[];

  before(async () => {
    packed = await packPackage();
    execFileSync('tar', ['-xzf', packed.tarball, '-C', packed.folder]);
    folder = join(packed.folder, 'package');
    files = readdirSync(folder, { recursive: true }).map(String);
    files = files.filter((name) => statSync(join(folder, name)).isFile());
  });
  after(() => rm(packed.folder, { recursive: true, force: true }));

  it('runs nothing when it is installed, and requires no other package', () => {
    const packageJson = json(folder, 'package.json');
    const asks = Object.keys(packageJson).filter((key) =>
      /^scripts$|dependencies|gyp|^binary$|^workspaces$/i.test(key),
    );
    assert.deepEqual(asks, []);
    const builds = files.filter((name) =>
      /(^|\/)(binding\.gyp|node_modules|npm-shrinkwrap\.json|\.npmrc)(\/|$)/.test(name),
    );
    assert.deepEqual(builds, []);
  });

  it('has no native code', () => {
    assert.ok(files.length > 50);
    // For a fleet's broker: its configuration, its access list, and the script that creates certificates.
    const known = /\.(js|json|html|css|md|svg|png)$|^LICENSE$|^docs\/fleet\/(mosquitto\.conf|acl|certificates\.sh)$/;
    assert.deepEqual(
      files.filter((name) => !known.test(name)),
      [],
    );
    const magic = ['\x7fELF', 'MZ', '\0asm', '\xcf\xfa\xed\xfe', '!<arch>'];
    for (const name of files) {
      const start = readFileSync(join(folder, name)).subarray(0, 8).toString('latin1');
      assert.ok(!magic.some((one) => start.startsWith(one)), name);
    }
    for (const name of files.filter((file) => file.endsWith('.js'))) {
      assert.doesNotMatch(readFileSync(join(folder, name), 'utf8'), /process\.dlopen\(|require\("[^"]*\.node"\)/, name);
    }
  });

  it('has nothing but ASCII in its bundles', () => {
    for (const name of ['program.js', 'command-line.js']) {
      const bytes = readFileSync(join(folder, 'dist', 'agent', name));
      const at = bytes.findIndex((byte) => byte > 127);
      assert.equal(at, -1, `${name}: “${bytes.subarray(at, at + 40)}”; V8 would keep two bytes for each character`);
    }
  });

  it('has an SBOM and a VEX that are valid against the CycloneDX 1.5 schema', async () => {
    const sbom = json(folder, 'sbom.cdx.json');
    const vex = json(folder, 'vex.cdx.json');
    const library = await tool('@cyclonedx/cyclonedx-library', '10.3.0');
    const schema = (name: string) =>
      json(library, '@cyclonedx', 'cyclonedx-library', 'res', 'schema', `${name}.SNAPSHOT.schema.json`);
    const { default: Ajv } = require(join(await tool('ajv', '8.17.1'), 'ajv'));
    // Addresses and times, which the schema's formats concern, are checked below.
    const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
    for (const name of ['spdx', 'jsf-0.82']) {
      ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
    }
    const validate = ajv.compile(schema('bom-1.5'));
    for (const bom of [sbom, vex]) assert.equal(validate(bom), true, JSON.stringify(validate.errors, null, 2));
    const [judged] = vex.vulnerabilities;
    assert.equal(validate({ ...vex, vulnerabilities: [{ ...judged, analysis: { state: 'harmless' } }] }), false);
    const [first, ...others] = sbom.components;
    const { name, ...nameless } = first;
    assert.equal(validate({ ...sbom, components: [nameless, ...others] }), false, name);
    const misnamed = { ...first, licenses: [{ license: { id: 'MIT License' } }] };
    assert.equal(validate({ ...sbom, components: [misnamed, ...others] }), false);
  });

  it('lists in the SBOM what the lock file has for users, in the same versions, each with its licence', () => {
    const sbom = json(folder, 'sbom.cdx.json');
    const components: Component[] = sbom.components;
    const expected = forUsers.map(([path, { version }]) => `${path.replace('node_modules/', '')}@${version}`);
    assert.deepEqual(components.map(({ name, version }) => `${name}@${version}`).sort(), expected.sort());
    const notices = readFileSync(join(folder, 'THIRD-PARTY.md'), 'utf8');
    for (const { name, version, purl } of components) {
      assert.equal(purl, `pkg:npm/${name.replace('@', '%40')}@${version}`);
      assert.ok(notices.includes(`## ${name} ${version} (`), name);
    }
    const { name, version } = json(root, 'package.json');
    assert.deepEqual(json(folder, 'vex.cdx.json').metadata, sbom.metadata);
    assert.deepEqual([sbom.metadata.component.name, sbom.metadata.component.version], [name, version]);
  });
});

describe('The VEX', () => {
  const components = ['cross-spawn', 'zod'].map((name) => ({ name, 'bom-ref': `pkg:npm/${name}@1` }));
  const bom = { metadata: {}, components };

  it('judges vulnerabilities of what is bundled, each with its reason, source and day', () => {
    const { vulnerabilities } = vexOf(bom) as { vulnerabilities: Vulnerability[] };
    assert.ok(vulnerabilities.length > 0);
    for (const { id, source, analysis, affects } of vulnerabilities) {
      assert.match(id, /^(CVE-\d{4}-\d{4,}|GHSA(-\w{4}){3})$/);
      assert.equal(new URL(source.url).protocol, 'https:');
      assert.ok(analysis.detail.length > 20, id);
      assert.equal(analysis.state === 'not_affected', analysis.justification !== undefined, id);
      assert.equal(new Date(analysis.firstIssued).toISOString(), analysis.firstIssued.replace('Z', '.000Z'));
      for (const { ref } of affects) assert.ok(components.some((one) => one['bom-ref'] === ref));
    }
  });

  it('says nothing of what is not bundled: a statement that is left over stops the packing', () => {
    assert.throws(() => vexOf({ ...bom, components: [] }), /about cross-spawn, which is not bundled/);
  });

  it('may be empty', () => {
    assert.deepEqual(vexOf(bom, []), {
      ...{ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata: {}, components: [], vulnerabilities: [] },
    });
  });
});

describe('The lock file', () => {
  it('ties no package to an address, and each to its content', () => {
    assert.deepEqual(
      locked.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
      [],
    );
    const loose = Object.entries<{ integrity?: string; inBundle?: boolean }>(lock.packages).filter(
      ([path, { integrity, inBundle }]) => path !== '' && !inBundle && !integrity?.startsWith('sha512-'),
    );
    assert.deepEqual(
      loose.map(([path]) => path),
      [],
    );
  });

  it('has no package for users that runs anything when it is installed', () => {
    assert.ok(forUsers.length > 10);
    assert.deepEqual(
      forUsers.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path),
      [],
    );
  });
});

describe('The licences', () => {
  it('of the whole tree are known, and permit its use', () => {
    const packages = licensed(root);
    assert.equal(packages.length, locked.length);
    assert.deepEqual(licenceFaults(packages), []);
  });

  it('that do not are named, with stricter rules for what users get', () => {
    const one = (licence: string, isTool: boolean) => licenceFaults([{ name: 'x', version: '1.0.0', licence, isTool }]);
    assert.deepEqual(one('(GPL-2.0 OR MIT)', false), []);
    assert.deepEqual(one('MPL-2.0', true), []);
    assert.deepEqual(one('MPL-2.0', false), [
      'The licence of x 1.0.0, MPL-2.0, is not one of those that may be passed on to users.',
    ]);
    assert.deepEqual(one('', true), [
      'The licence of x 1.0.0, which is not known, is not one of those that may be used by the project.',
    ]);
    assert.equal(one('MIT AND GPL-3.0', true).length, 1);
  });
});

/** As printed by npm 11. */
const REFUSED = { message: '405 Method Not Allowed - POST https://…/bulk', statusCode: 405, error: { summary: '' } };
const UNREACHED = { error: { code: 'ENOTFOUND', summary: 'request to https://…/root.json failed' } };

describe('The audit', () => {
  it('is clean only if npm says so', () => {
    const clean = [
      advisoriesIn(JSON.stringify({ auditReportVersion: 2, vulnerabilities: {}, metadata: {} })),
      signaturesIn(JSON.stringify({ invalid: [], missing: [] })),
    ];
    assert.deepEqual(
      clean.map(({ verdict }) => verdict),
      ['clean', 'clean'],
    );
    assert.deepEqual(auditFaults(clean), []);
  });

  it('names what was found', () => {
    const found = [
      advisoriesIn(JSON.stringify({ vulnerabilities: { execa: { severity: 'high' } }, metadata: {} })),
      signaturesIn(
        JSON.stringify({
          invalid: [{ name: 'zod', version: '4.6.7' }],
          missing: [{ name: 'which', version: '2.0.2' }],
        }),
      ),
    ];
    assert.deepEqual(auditFaults(found), [
      'npm audit --omit=dev found: execa (high).',
      'npm audit signatures found: zod@4.6.7 has a wrong signature, which@2.0.2 has no signature.',
    ]);
  });

  for (const [what, printed, said] of [
    ['refuses', JSON.stringify(REFUSED), '405 Method Not Allowed - POST https://…/bulk'],
    ['cannot be reached', JSON.stringify(UNREACHED), 'request to https://…/root.json failed'],
    ['says nothing', '', 'npm printed nothing'],
    ['says something else', '<html>', '<html>'],
    ['says something that is neither', '{}', '{}'],
  ] as const) {
    it(`is not clean if the registry ${what}`, () => {
      assert.deepEqual(auditFaults([advisoriesIn(printed), signaturesIn(printed)]), [
        `npm audit --omit=dev was not answered (${said}), so nothing is known.`,
        `npm audit signatures was not answered (${said}), so nothing is known.`,
      ]);
    });
  }
});
