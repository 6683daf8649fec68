/** A real Node-RED process inside a device, with this package installed as a user would have it. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Device } from './device';
import type { InsideProcess } from './inside-process';

const root = resolve(__dirname, '..', '..', '..');

/** Node-RED's port on the device: internal, reached from outside only through nginx. */
export const NODE_RED_PORT = 1880;

const settings = {
  uiPort: NODE_RED_PORT,
  uiHost: '127.0.0.1',
  credentialSecret: 'only for this device',
  telemetry: { enabled: false },
  editorTheme: { tours: false, palette: { catalogues: [] }, multiplayer: { enabled: false } },
  externalModules: { palette: { allowInstall: false } },
  // The editor's own listening address is loopback; requests of several megabytes are part of the tests.
  apiMaxLength: '20mb',
};

/** The nodes of one of the package's example flows. Its debug nodes write to Node-RED's output too. */
export async function example(name: string): Promise<unknown[]> {
  const flow: { type: string }[] = JSON.parse(await readFile(join(root, 'examples', `${name}.json`), 'utf8'));
  return flow.map((node) => (node.type === 'debug' ? { ...node, console: true } : node));
}

/** Starts Node-RED with these flows and resolves when they run. Rejects with its output when they do not. */
export async function startNodeRed(device: Device, flows: readonly unknown[]): Promise<InsideProcess> {
  const userDir = join(device.folder, 'node-red');
  const scope = join(userDir, 'node_modules', '@smartserver');
  await mkdir(scope, { recursive: true });
  await symlink(root, join(scope, 'node-red-firewall'));
  await writeFile(join(userDir, 'settings.js'), `module.exports = ${JSON.stringify(settings)};\n`);
  await writeFile(join(userDir, 'flows.json'), JSON.stringify(flows));
  const red = require.resolve('node-red/red.js', { paths: [root] });
  const argv = [process.execPath, red, '-u', userDir, '-s', join(userDir, 'settings.js'), 'flows.json'];
  const nodeRed = await device.spawn(argv, { env: { HOME: userDir, TZ: 'UTC' } });
  await Promise.all([nodeRed.until(/Started flows/), nodeRed.until(/Server now running/)]);
  return nodeRed;
}
