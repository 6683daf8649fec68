/**
 * A separate Node-RED process, with this package installed as a user would have it, on a free loopback port. Its nodes
 * get fake devices: a node may act as soon as flows start, and must not do so on the machine that runs the tests.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DASHBOARD, paletteWith } from '../sets';
import { http } from './http';

const root = resolve(__dirname, '..', '..', '..');
/** Both are logged before Node-RED serves requests, in either order. */
const STARTED = [/Started flows/, /Server now running/];
const PATIENCE_MS = 60_000;

export interface NodeRed {
  /** `http://127.0.0.1:PORT/` */
  url: string;
  /** Its output so far. */
  log(): string;
  stop(): Promise<void>;
}

const settings = (port: number, dashboard: boolean) => ({
  uiPort: port,
  uiHost: '127.0.0.1',
  credentialSecret: 'only for this test',
  telemetry: { enabled: false },
  editorTheme: { tours: false, palette: { catalogues: [] }, multiplayer: { enabled: false } },
  externalModules: { palette: paletteWith(dashboard) },
});

/** Logged for each device that nodes open. */
export const OPENED = 'opens a fake device';

/** Node-RED runs this file in its own process before it loads the nodes. */
const settingsFor = (port: number, dashboard: boolean): string => `
const { openDevicesWith } = require(${JSON.stringify(join(root, 'dist', 'nodes', 'device.js'))});
const { FakeFirewall } = require(${JSON.stringify(join(root, 'dist', 'test', 'nodes', 'fake-firewall.js'))});
openDevicesWith((settings) => {
  console.log(${JSON.stringify(OPENED)});
  return new FakeFirewall(settings);
});
module.exports = ${JSON.stringify(settings(port, dashboard))};
`;

/** Starts Node-RED with an empty flow, with FlowFuse Dashboard or without, and waits until it serves requests. @throws Error with its output if it does not. */
export async function startNodeRed({ dashboard = false } = {}): Promise<NodeRed> {
  const userDir = mkdtempSync(join(tmpdir(), 'node-red-'));
  const modules = join(userDir, 'node_modules', '@smartserver');
  mkdirSync(modules, { recursive: true });
  symlinkSync(root, join(modules, 'node-red-firewall'));
  if (dashboard) {
    const link = join(userDir, 'node_modules', DASHBOARD);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', DASHBOARD), link);
  }
  const port = await freePort();
  const settingsFile = join(userDir, 'settings.js');
  writeFileSync(settingsFile, settingsFor(port, dashboard));
  const red = require.resolve('node-red/red.js', { paths: [root] });
  const child = spawn(process.execPath, [red, '-u', userDir, '-s', settingsFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: userDir, TZ: 'UTC' },
  });
  const clean = () => rmSync(userDir, { recursive: true, force: true });
  const endWithUs = () => {
    child.kill('SIGKILL');
    clean();
  };
  process.once('exit', endWithUs);
  let output = '';
  const stop = async () => {
    await end(child);
    process.removeListener('exit', endWithUs);
    clean();
  };
  const started = new Promise<void>((done, fail) => {
    const failed = (why: string) => fail(new Error(`Node-RED ${why}:\n${output}`));
    const timer = setTimeout(failed, PATIENCE_MS, 'does not start');
    const collect = (text: Buffer) => {
      output += text;
      if (!STARTED.every((sign) => sign.test(output))) return;
      clearTimeout(timer);
      done();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('exit', () => {
      clearTimeout(timer);
      failed('ended');
    });
  });
  await started.catch(async (err) => {
    await stop();
    throw err;
  });
  return { url: `http://127.0.0.1:${port}/`, log: () => output, stop };
}

/** Deploys these flows in place of the existing ones. */
export async function putFlows(url: string, flows: readonly object[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const { status, body } = await http('POST', `${url}flows`, headers, JSON.stringify(flows));
  if (status !== 204) throw new Error(`Node-RED does not take the flows: ${body}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
