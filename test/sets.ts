/** What Node-RED loads of the package, from its package.json. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const packageJson = JSON.parse(readFileSync(resolve(__dirname, '..', '..', 'package.json'), 'utf8'));

/** The names of all node sets. */
export const SETS: readonly string[] = Object.keys(packageJson['node-red'].nodes);

/** The sets that contain a node of their name: the sidebar is a set without one. */
export const NODES: readonly string[] = SETS.filter((name) => name !== 'sidebar');

/** The only package besides Node-RED's own whose nodes an example may use: one named `dashboard-…`, which says so. */
export const DASHBOARD = '@flowfuse/node-red-dashboard';

/**
 * Node-RED's setting `externalModules.palette`. Node-RED also finds what is installed next to it, which here are the project's tools:
 * the dashboard is kept from every Node-RED that is not to have it.
 */
export const paletteWith = (dashboard: boolean) => ({ allowInstall: false, denyList: dashboard ? [] : [DASHBOARD] });
