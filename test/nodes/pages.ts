/** The editor's pages of the nodes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createContext, runInContext } from 'node:vm';

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
