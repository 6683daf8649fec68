/**
 * The running nginx: checked, reloaded and asked for its pages. nginx says yes when it means no: `nginx -t` and
 * `nginx -s reload` both exit 0 with a port taken by another program, so the kernel's tables and the pages themselves
 * are the judges.
 */
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, FirewallError, say } from '../errors';
import { asideOf, readText, removeIfThere, writeAside } from '../host/files';
import { globbed } from '../host/glob';
import { run } from '../host/run';
import { processesOf, readSockets } from '../host/sockets';
import type { FileText } from '../state/file-text';
import type { ListeningSocket } from '../state/socket';
import { siteRefusal } from './refusal';
import { parseSite } from './site';

/** Where Debian's and Ubuntu's nginx has its configuration. */
const MAIN = '/etc/nginx/nginx.conf';
/** The copy of it that includes a site file which is not live yet. */
const CHECK = join(dirname(MAIN), 'smartserver-check.conf');
/** How long a reload may take until nginx listens as the file says, in ms. */
const RELOAD_MS = 10_000;
/** How long one page may take, in ms. */
const PAGE_MS = 5_000;

/**
 * Has nginx judge a site file that stands aside and is not live: a copy of the main configuration that includes it in
 * the live one's place.
 * @throws FirewallError NGINX_NOT_FOUND, NGINX_CONFIG
 */
export async function testAside(site: FileText): Promise<void> {
  const main = await readText(MAIN);
  if (!main) throw nginxNotFound();
  const copy = { ...main, path: CHECK };
  try {
    await writeAside(site);
    await writeAside({ ...copy, text: await including(main.text, site.path, asideOf(site.path)) });
    const { code, stderr } = await nginx(['-t', '-q', '-c', asideOf(copy.path)]);
    if (code === 0) return;
    const reason = stderr.split('\n').find((line) => line.includes('[emerg]')) ?? stderr;
    throw siteRefusal(say`nginx rejects the new site file: ${reason.trim().slice(0, 300)}.`);
  } finally {
    await removeCheck();
    await removeIfThere(asideOf(site.path));
  }
}

/** Removes the copy left behind by an interrupted check. */
export const removeCheck = (): Promise<void> => removeIfThere(asideOf(CHECK));

/** The main configuration's text with the live site's place taken by another file. */
async function including(text: string, live: string, instead: string): Promise<string> {
  let found = false;
  let result = text;
  // From the end, so that earlier offsets stay valid.
  for (const { path, start, end } of [...parseSite(Buffer.from(text, 'latin1')).includes].reverse()) {
    const files = await globbed(path.startsWith('/') ? path : join(dirname(MAIN), path));
    const real = await Promise.all(files.map(async (file) => ({ file, target: await realpath(file) })));
    if (!real.some(({ target }) => target === live)) continue;
    found = true;
    const lines = real.map(({ file, target }) => `include "${target === live ? instead : file}";`);
    result = result.slice(0, start) + lines.join('\n') + result.slice(end);
  }
  if (found) return result;
  throw siteRefusal(say`${MAIN} does not include ${live}: nginx does not serve this site.`);
}

/** @throws FirewallError VERIFY_FAILED where nginx does not run, NGINX_NOT_FOUND */
export async function reload(): Promise<void> {
  const { code, stderr } = await nginx(['-s', 'reload']);
  if (code === 0) return;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`nginx could not be reloaded (${stderr.trim().split('\n')[0]?.slice(0, 200)}).`,
    state: say`Everything was rolled back to its previous state.`,
    remedy: say`Check that nginx is running (systemctl status nginx), then try again.`,
  });
}

/**
 * Waits until nginx listens on its new ports, and no longer on those it has to leave.
 * @throws FirewallError VERIFY_FAILED
 */
export async function settled(ports: { listening: readonly number[]; left: readonly number[] }): Promise<void> {
  const deadline = Date.now() + RELOAD_MS;
  for (;;) {
    const held = new Set((await socketsOfNginx()).map(({ port }) => port));
    const missing = ports.listening.filter((port) => !held.has(port));
    const lingering = ports.left.filter((port) => held.has(port));
    if (missing.length === 0 && lingering.length === 0) return;
    if (Date.now() > deadline) {
      throw new FirewallError('VERIFY_FAILED', {
        what:
          missing.length > 0
            ? say`nginx is not listening on port ${missing.join(', ')} after the reload.`
            : say`nginx is still listening on port ${lingering.join(', ')} after the reload.`,
        state: say`Everything was rolled back to its previous state.`,
        remedy: say`Check /var/log/nginx/error.log; another program may have taken the port.`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Of the sockets that listen now, the TCP ones of nginx. */
export async function socketsOfNginx(listeners?: readonly ListeningSocket[]): Promise<ListeningSocket[]> {
  const tcp = (listeners ?? (await readSockets())).filter(({ protocol }) => protocol === 'tcp');
  const processes = await processesOf(tcp.map(({ inode }) => inode));
  return tcp.filter(({ inode }) => processes.get(inode)?.name === 'nginx');
}

/**
 * Asks for the pages on loopback until HTTPS answers, and HTTP answers with a redirect that leads to an HTTPS page: for a
 * moment after a reload it may be one of the old workers that answers.
 * @throws FirewallError VERIFY_FAILED
 */
export async function probe(ports: { http: number | null; https: number | null }): Promise<void> {
  const deadline = Date.now() + RELOAD_MS;
  for (;;) {
    const failure = await pagesOf(ports).then(
      () => null,
      (error: FirewallError) => error,
    );
    if (failure === null) return;
    if (Date.now() > deadline) throw failure;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function pagesOf({ http, https }: { http: number | null; https: number | null }): Promise<void> {
  if (https !== null) await page(`https://127.0.0.1:${https}/`);
  if (http === null) return;
  const { status, location } = await page(`http://127.0.0.1:${http}/`);
  if (status < 300 || status > 399 || !location.startsWith('https://127.0.0.1')) return;
  await page(location);
}

async function page(url: string): Promise<{ status: number; location: string }> {
  // Only here: a reading by the agent does not wait for them to be loaded.
  const { request: ask } = await (url.startsWith('https:') ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void =>
      reject(
        new FirewallError('VERIFY_FAILED', {
          what: say`the page ${url} does not respond (${reason}).`,
          state: say`Everything was rolled back to its previous state.`,
          remedy: say`Check /var/log/nginx/error.log, then try again.`,
        }),
      );
    // The certificate is the device's own and names no address; who answers on loopback is the device.
    const request = ask(url, { rejectUnauthorized: false, timeout: PAGE_MS, agent: false }, (response) => {
      response.resume();
      response.destroy();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '' });
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => fail(error.message));
    request.end();
  });
}

async function nginx(args: readonly string[]): ReturnType<typeof run> {
  return run('nginx', args).catch((error) => {
    throw codeOf(error) === 'UFW_NOT_FOUND' ? nginxNotFound() : error;
  });
}

function nginxNotFound(): FirewallError {
  return new FirewallError('NGINX_NOT_FOUND', {
    what: say`nginx, which serves the web pages, was not found here.`,
    remedy: say`This node only works on the device itself, whose web server is nginx.`,
  });
}
