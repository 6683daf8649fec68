/** What Node-RED loads of the package, from its package.json. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const packageJson = JSON.parse(readFileSync(resolve(__dirname, '..', '..', 'package.json'), 'utf8'));

/** The names of all node sets. */
export const SETS: readonly string[] = Object.keys(packageJson['node-red'].nodes);

/** The sets that contain a node of their name: the sidebar is a set without one. */
export const NODES: readonly string[] = SETS.filter((name) => name !== 'sidebar');
