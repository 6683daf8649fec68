/**
 * `npm run pack:offline`: the package as delivered to users, one `.tgz` in the project's folder (or in the folder named).
 * It is self-contained, so it installs with or without a network, and has no dependencies: third-party code is part of two
 * bundles in `dist/agent/`, `program.js`, and `command-line.js` with the nodes in it, with the licences in THIRD-PARTY.md, an
 * SBOM in sbom.cdx.json, and a VEX in vex.cdx.json.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { buildSync, type Metafile } from 'esbuild';
import { BUNDLE } from './bundle';
import { vexOf } from './vex';

const root = resolve(__dirname, '..', '..');
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const packageJson = JSON.parse(read('package.json'));

/** Licences that may be redistributed in a package under Apache-2.0, with the notice they require. */
export const LICENCES: readonly string[] = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD'];

/** Packs, and returns the tarball's path. @throws Error if a licence is not one of those above, or npm fails. */
export function pack(destination: string): string {
  // A separate one for each call: several tests pack at the same time.
  const stage = mkdtempSync(join(tmpdir(), 'package-'));
  try {
    fill(stage);
    mkdirSync(destination, { recursive: true });
    const said = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', destination], {
      cwd: stage,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return join(destination, JSON.parse(said)[0].filename);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Fills the folder with the contents of the package. */
function fill(stage: string): void {
  const agent = join(stage, 'dist', 'agent');
  for (const path of ['dist/agent', 'dist/nodes/locales', 'dist/nodes/icons', 'examples', 'resources'])
    cpSync(join(root, path), join(stage, path), { recursive: true });
  // Nobody reads them there: a third of them is indentation.
  for (const path of filesIn(join(stage, 'examples')))
    writeFileSync(path, JSON.stringify(JSON.parse(readFileSync(path, 'utf8'))));
  for (const name of ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'])
    cpSync(join(root, name), join(stage, name));
  cpSync(join(root, 'docs'), join(stage, 'docs'), { recursive: true });
  for (const name of readdirSync(join(root, 'dist', 'nodes')).filter((file) => file.endsWith('.html')))
    cpSync(join(root, 'dist', 'nodes', name), join(stage, 'dist', 'nodes', name));
  const names = Object.keys(packageJson['node-red'].nodes);
  // Both consist of the engine, so they are one; each part of it is run when it is needed.
  const { metafile } = buildSync({
    stdin: {
      contents: [
        "exports.commandLine = (argv) => require('./agent/command-line').commandLine(argv);",
        ...names.map((name) => `exports[${JSON.stringify(name)}] = (RED) => require('./nodes/${name}')(RED);`),
      ].join('\n'),
      resolveDir: root,
    },
    outfile: join(agent, 'command-line.js'),
    ...BUNDLE,
    legalComments: 'eof',
    allowOverwrite: true,
  });
  // A node's page, labels and icons are looked for next to its file.
  for (const name of names)
    writeFileSync(
      join(stage, 'dist', 'nodes', `${name}.js`),
      `module.exports = require('../agent/command-line')[${JSON.stringify(name)}];\n`,
    );
  for (const bundle of INSTALLED) rmSync(join(agent, `.${bundle}.meta.json`));
  const { scripts, dependencies, devDependencies, ...kept } = packageJson;
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(kept, null, 2)}\n`);
  const bundled = bundledPackages([metafile as Metafile, ...INSTALLED.map(metaOf)]);
  writeFileSync(join(stage, 'THIRD-PARTY.md'), notices(bundled));
  const bom = sbom(bundled);
  writeFileSync(join(stage, 'sbom.cdx.json'), `${JSON.stringify(bom, null, 2)}\n`);
  writeFileSync(join(stage, 'vex.cdx.json'), `${JSON.stringify(vexOf(bom), null, 2)}\n`);
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });

interface Bundled {
  name: string;
  version: string;
  licence: string;
  /** The text of its licence. */
  text: string;
}

/** The bundles that `setup` installs. */
const INSTALLED = ['program', 'command-line'];

/** What one of them consists of; see scripts/assets.ts, which builds it. */
const metaOf = (bundle: string): Metafile => JSON.parse(read('dist', 'agent', `.${bundle}.meta.json`)) as Metafile;

/** The packages of which the bundles contain code. */
function bundledPackages(metas: readonly Metafile[]): Bundled[] {
  const inputs = metas.flatMap((meta) => Object.keys(meta.inputs)).filter((path) => path.includes('node_modules/'));
  const folders = new Set(inputs.map(packageFolder));
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (!LICENCES.includes(license))
      throw new Error(`The licence of ${name}, ${license}, is not one that may be bundled.`);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return { name, version, licence: license, text: file ? readFileSync(join(folder, file), 'utf8').trim() : license };
  });
}

/** The nearest parent folder of a package: some have further package.json files that only set the module type. */
function packageFolder(path: string): string {
  for (let folder = dirname(resolve(root, path)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version) return folder;
  }
}

const notices = (bundled: readonly Bundled[]): string =>
  [
    '# Third-party software in this package\n',
    ...bundled.map(({ name, version, licence, text }) => `## ${name} ${version} (${licence})\n\n${fenced(text)}\n`),
  ].join('\n');

const fenced = (text: string): string => `\`\`\`\n${text}\n\`\`\``;

/** CycloneDX 1.5. */
function sbom(bundled: readonly Bundled[]) {
  const purl = (name: string, version: string): string => `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const component = (type: string, name: string, version: string, licence: string) => ({
    ...{ type, name, version, purl: purl(name, version), 'bom-ref': purl(name, version) },
    licenses: [{ license: { id: licence } }],
  });
  const { name, version, license } = packageJson;
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component('application', name, version, license) },
    components: bundled.map((one) => component('library', one.name, one.version, one.licence)),
    dependencies: [{ ref: purl(name, version), dependsOn: bundled.map((one) => purl(one.name, one.version)) }],
  };
}

if (require.main === module) process.stdout.write(`${pack(resolve(process.argv[2] ?? root))}\n`);
