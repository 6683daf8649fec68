/** The example flows of the package, by name; the folders are those of Node-RED's import menu. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

export const EXAMPLES = resolve(__dirname, '..', '..', 'examples');

/** The example flows in a folder and those inside it: paths below it. */
export const flowsIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? flowsIn(join(folder, entry.name)).map((path) => join(entry.name, path)) : [entry.name],
  );

const paths = new Map(flowsIn(EXAMPLES).map((path) => [basename(path, '.json'), path]));

export const EXAMPLE_NAMES: readonly string[] = [...paths.keys()];

/** The folder of an example in the menu. */
export const folderOf = (name: string): string => pathOf(name).split('/')[0] as string;

// biome-ignore lint/suspicious/noExplicitAny: the tests look into nodes of all kinds
export function exampleFlow(name: string): any[] {
  return JSON.parse(readFileSync(join(EXAMPLES, pathOf(name)), 'utf8'));
}

function pathOf(name: string): string {
  const path = paths.get(name);
  if (!path) throw new Error(`no example ${name}`);
  return path;
}
