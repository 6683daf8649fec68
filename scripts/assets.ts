/**
 * Makes what the compiler does not: puts editor HTML, locales and icons beside the compiled nodes where Node-RED looks
 * for them, writes what the editor needs of the catalogue to `resources/`, which Node-RED serves, and makes one file of
 * the privileged program and all it uses.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { CATALOGUE, type Service } from '../firewall/services/catalogue';

const root = resolve(__dirname, '..', '..');
const source = join(root, 'nodes');
const target = join(root, 'dist', 'nodes');

type Labels = Record<string, Record<string, string>>;

/** Labels that several nodes share stand in `common.json` once; Node-RED knows only one file per node. */
const COMMON = 'common.json';

function readLabels(path: string): Labels {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** The node's own labels over the common ones, section by section. */
function withCommon(own: Labels, common: Labels): Labels {
  const sections = new Set([...Object.keys(common), ...Object.keys(own)]);
  return Object.fromEntries([...sections].map((section) => [section, { ...common[section], ...own[section] }]));
}

function writeLocale(language: string): void {
  const from = join(source, 'locales', language);
  const to = join(target, 'locales', language);
  mkdirSync(to, { recursive: true });
  const common = readLabels(join(from, COMMON));
  for (const name of readdirSync(from)) {
    if (name.endsWith('.html')) cpSync(join(from, name), join(to, name));
    else if (name !== COMMON) {
      writeFileSync(join(to, name), `${JSON.stringify(withCommon(readLabels(join(from, name)), common), null, 2)}\n`);
    }
  }
}

/** The groups of the vendor's page. */
function groupOf({ internal, directions }: Service): 'incoming' | 'outgoing' | 'internal' {
  if (internal) return 'internal';
  return directions.includes('in') ? 'incoming' : 'outgoing';
}

function editorCatalogue(): string {
  const services = CATALOGUE.map((service) => ({
    id: service.id,
    label: service.label,
    ports: service.opens,
    group: groupOf(service),
    optional: service.optional,
    consequence: service.consequence,
  }));
  return `window.smartserverFirewallCatalogue = ${JSON.stringify(services, null, 2)};\n`;
}

for (const name of readdirSync(source).filter((file) => file.endsWith('.html'))) {
  mkdirSync(target, { recursive: true });
  cpSync(join(source, name), join(target, name));
}
for (const language of readdirSync(join(source, 'locales'))) writeLocale(language);
cpSync(join(root, 'icons'), join(target, 'icons'), { recursive: true });
writeFileSync(join(root, 'resources', 'catalogue.js'), editorCatalogue());

const agent = join(root, 'dist', 'agent');
const { metafile } = buildSync({
  entryPoints: [join(root, 'agent', 'program.ts')],
  outfile: join(agent, 'program.js'),
  bundle: true,
  platform: 'node',
  // The oldest Node.js the package runs on.
  target: 'node14.18',
  legalComments: 'eof',
  minifyWhitespace: true,
  minifySyntax: true,
  allowOverwrite: true,
  metafile: true,
});
// The package says what of others is in it.
writeFileSync(join(agent, '.program.meta.json'), JSON.stringify(metafile));
const ENTRIES = ['.program.meta.json', 'program.js', 'agent.js', 'smartserver-firewall.js'];
for (const name of readdirSync(agent)) if (!ENTRIES.includes(name)) rmSync(join(agent, name));
