/** The editor's pages of the nodes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { DASHBOARD } from '../sets';

const root = resolve(__dirname, '..', '..', '..');

/** As built, with the included parts. */
export const page = (name: string): string => readFileSync(join(root, 'dist', 'nodes', `${name}.html`), 'utf8');

/** What the page registers with the editor. @param globals what other scripts of it have made */
export function definition(name: string, globals = {}): { type: string; definition: Record<string, unknown> } {
  const script = /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(page(name))?.[1] ?? '';
  const registered: { type: string; definition: Record<string, unknown> }[] = [];
  const RED = {
    nodes: { registerType: (type: string, def: object) => registered.push({ type, definition: { ...def } }) },
  };
  runInContext(script, createContext({ RED, ...globals }));
  assert.equal(registered.length, 1);
  return registered[0] as (typeof registered)[number];
}

/** Stands for whatever a page of another package uses of the editor. */
const anything: unknown = new Proxy(() => undefined, { get: () => anything, apply: () => anything });

const dashboardFolder = join(root, 'node_modules', DASHBOARD);

/** The nodes of the dashboard, and where their code is. */
export const DASHBOARD_NODES: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(dashboardFolder, 'package.json'), 'utf8'),
)['node-red'].nodes;

/** The properties that one of the dashboard's nodes stores, with those that refer to a configuration node, and to which type. */
export function dashboardDefaults(type: string): Record<string, { type?: string }> {
  const file = join(dashboardFolder, String(DASHBOARD_NODES[type]).replace('.js', '.html'));
  const script = /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  const registered: Record<string, { defaults: Record<string, { type?: string }> }> = {};
  const nodes = {
    registerType: (name: string, def: (typeof registered)[string]) => Object.assign(registered, { [name]: def }),
  };
  const RED = new Proxy({}, { get: (_, name) => (name === 'nodes' ? { ...nodes, eachConfig: anything } : anything) });
  runInContext(script, createContext({ RED, $: anything, document: anything, window: anything }));
  return registered[type]?.defaults ?? assert.fail(type);
}
