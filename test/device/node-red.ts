/** A real Node-RED process inside a device, with this package installed as a user would have it. */
import { dirname, join, resolve } from 'node:path';
import { exampleFlow } from '../examples';
import { DASHBOARD, paletteWith } from '../sets';
import type { InsideProcess } from './inside-process';
import type { Account, Machine } from './machine';

const root = resolve(__dirname, '..', '..', '..');

/** Node-RED's port on the device: internal, reached from outside only through nginx. */
export const NODE_RED_PORT = 1880;

/** What Node-RED says when flows run, in English, German and Japanese, and when it serves. */
const STARTED = /Started flows|Flows sind gestartet|フローを開始しました/;
const SERVES = /http:\/\/127\.0\.0\.1:\d+/;

const settings = {
  uiPort: NODE_RED_PORT,
  uiHost: '127.0.0.1',
  credentialSecret: 'only for this device',
  telemetry: { enabled: false },
  editorTheme: { tours: false, palette: { catalogues: [] }, multiplayer: { enabled: false } },
  // The editor's own listening address is loopback; requests of several megabytes are part of the tests.
  apiMaxLength: '20mb',
  // A broker that comes back is found at once.
  mqttReconnectTime: 200,
};

/** The nodes of one of the package's example flows. Its debug nodes write to Node-RED's output too. */
export async function example(name: string): Promise<unknown[]> {
  return exampleFlow(name).map((node) => (node.type === 'debug' ? { ...node, console: true } : node));
}

/** Which Node-RED runs, by which Node.js, with which installation of this package; as paths inside the device. */
export interface Installation {
  node: string;
  /** `red.js` of a Node-RED. */
  red: string;
  /** A `node_modules` with this package in it, for the one of Node-RED's folder. */
  modules: string;
}

interface Start {
  /** Who runs it; the device's own user for it where left out. */
  account?: Account;
  port?: number;
  /** The language of the runtime; English where left out. */
  lang?: string;
  /** A module that is loaded into its process first; as a path outside. */
  preload?: string;
  /** Added to its environment. */
  env?: Record<string, string>;
  /** Whether FlowFuse Dashboard is installed, too. */
  dashboard?: boolean;
  /** How long it may take to start, in ms; half a minute where left out. */
  patienceMs?: number;
  /** The project's own where left out: the package as it was built, the Node.js and Node-RED that it is developed with. */
  installation?: Installation;
}

/**
 * Starts Node-RED with these flows, or with those that it has where they are null, and resolves when they run. Rejects with its output when they do not. May be called
 * again after it has ended; what it keeps in its folder is kept.
 */
export async function startNodeRed(
  device: Machine,
  flows: readonly unknown[] | null,
  { account: { uid, gid, home } = device.account, port = NODE_RED_PORT, ...start }: Start = {},
): Promise<InsideProcess> {
  const { lang, preload, env, dashboard = false, installation, patienceMs } = start;
  const userDir = join(home, '.node-red');
  const settingsFile = join(userDir, 'settings.js');
  const modules = join(userDir, 'node_modules');
  if (installation) {
    await device.ok('mkdir', '-p', userDir);
    await device.ok('ln', '-sfn', installation.modules, modules);
  } else {
    await device.ok('mkdir', '-p', join(modules, '@smartserver'));
    await device.ok('ln', '-sfn', device.packageFolder, join(modules, '@smartserver', 'node-red-firewall'));
  }
  if (dashboard) {
    await device.ok('mkdir', '-p', dirname(join(modules, DASHBOARD)));
    await device.ok('ln', '-sfn', device.inside(join(root, 'node_modules', DASHBOARD)), join(modules, DASHBOARD));
  }
  const own = { uiPort: port, lang, externalModules: { palette: paletteWith(dashboard) } };
  await device.write(settingsFile, `module.exports = ${JSON.stringify({ ...settings, ...own })};\n`);
  if (flows) await device.write(join(userDir, 'flows.json'), JSON.stringify(flows));
  await device.ok('chown', '-R', `${uid}:${gid}`, userDir);
  const { node, red } = installation ?? {
    node: device.node,
    red: device.inside(join(root, 'node_modules', 'node-red', 'red.js')),
  };
  const first = preload ? ['-r', device.inside(preload)] : [];
  const argv = [node, ...first, red, '-u', userDir, '-s', settingsFile, 'flows.json'];
  const nodeRed = await device.spawn(argv, { uid, gid, env: { HOME: home, TZ: 'UTC', ...env } });
  await Promise.all([nodeRed.until(STARTED, patienceMs), nodeRed.until(SERVES, patienceMs)]);
  return nodeRed;
}
