/**
 * Builds what the compiler does not: puts editor HTML with its included parts, locales and icons next to the compiled
 * nodes, where Node-RED looks for them, writes what the editor needs of the catalogue to `resources/`, which Node-RED
 * serves, and bundles the privileged program with its dependencies.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { BUNDLE } from './bundle';

const root = resolve(__dirname, '..', '..');
const source = join(root, 'nodes');
const target = join(root, 'dist', 'nodes');

type Labels = Record<string, Record<string, string>>;

/** Labels shared by several nodes are in `common.json` once; Node-RED only supports one file per node. */
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
    if (name.endsWith('.html')) writeFileSync(join(to, name), withParts(readFileSync(join(from, name), 'utf8'), from));
    else if (name.endsWith('.json') && name !== COMMON) {
      writeFileSync(join(to, name), JSON.stringify(withCommon(readLabels(join(from, name)), common)));
    }
  }
}

/** `<!-- include NAME -->` in a page, `// include NAME` in its script. */
const INCLUDE = /^( *)(?:<!-- include (\S+) -->|\/\/ include (\S+))\n/gm;

/** The page with the parts shared by several pages, which are in the folder `parts/` next to them. */
function withParts(page: string, folder: string): string {
  return page.replace(INCLUDE, (_, indent: string, markup?: string, script?: string) =>
    readFileSync(join(folder, 'parts', (markup ?? script) as string), 'utf8').replace(/^(?=.)/gm, indent),
  );
}

/** The engine's own code and data that the editor uses, each as one file for the browser that sets a global of this name. */
const FOR_EDITOR = [
  // What the dialogs need to know about services and profiles.
  {
    from: ['services', 'preview.ts'],
    to: 'catalogue.js',
    name: 'smartserverFirewallServices',
    more: 'window.smartserverFirewallCatalogue = smartserverFirewallServices.servicesOf({});',
  },
  // What the dialog of a schedule says in words.
  {
    from: ['calendar', 'preview.ts'],
    to: 'calendar.js',
    name: 'smartserverFirewallCalendar',
    more: 'window.smartserverFirewallCalendar = smartserverFirewallCalendar;',
  },
  // What a change would do to the device; large, and loaded by the dialogs that need it.
  {
    from: ['plan', 'preview.ts'],
    to: 'foresee.js',
    name: 'smartserverFirewallForesight',
    more: 'window.smartserverFirewallForesight = smartserverFirewallForesight;',
  },
];

function writeForEditor({ from, to, name, more }: (typeof FOR_EDITOR)[number]): void {
  buildSync({
    entryPoints: [join(root, 'firewall', ...from)],
    outfile: join(root, 'resources', to),
    bundle: true,
    platform: 'browser',
    target: 'es2020',
    alias: { 'node:net': join(root, 'scripts', 'browser', 'net.ts') },
    inject: [join(root, 'scripts', 'browser', 'globals.ts')],
    minify: to === 'foresee.js',
    // Served as UTF-8, in which the texts of three languages take half as much.
    charset: 'utf8',
    globalName: name,
    footer: { js: more },
  });
}

for (const name of readdirSync(source).filter((file) => file.endsWith('.html'))) {
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, name), withParts(readFileSync(join(source, name), 'utf8'), source));
}
for (const language of readdirSync(join(source, 'locales'))) writeLocale(language);
cpSync(join(root, 'icons'), join(target, 'icons'), { recursive: true });
for (const one of FOR_EDITOR) writeForEditor(one);

const agent = join(root, 'dist', 'agent');
/** What is installed as self-contained files: the privileged program and the command line. */
for (const name of ['program', 'command-line']) {
  const { metafile } = buildSync({
    entryPoints: [join(root, 'agent', `${name}.ts`)],
    outfile: join(agent, `${name}.js`),
    ...BUNDLE,
    legalComments: 'eof',
    allowOverwrite: true,
  });
  // For the list of third-party code in the package.
  writeFileSync(join(agent, `.${name}.meta.json`), JSON.stringify(metafile));
}
const ENTRIES = ['load.js', 'program.js', 'command-line.js', 'agent.js', 'smartserver-firewall.js'];
for (const name of readdirSync(agent))
  if (!ENTRIES.includes(name) && !name.endsWith('.meta.json')) rmSync(join(agent, name));
