import * as z from 'zod/mini';
import { FirewallError, say } from '../errors';
import { port } from '../messages';
import { socketOf } from './listen';
import { listensOf, sitePorts } from './ports';
import { HTTPS_PORT } from './redirect';
import { siteRefusal } from './refusal';
import { type PortListen, type Server, type Site, separatorBefore } from './site';
import type { Span } from './tokens';

const portMove = z.object({ from: port, to: port });
export type PortMove = z.infer<typeof portMove>;

export const webPortChange = z.object({
  /** Left out: stays. */
  http: z.optional(portMove),
  https: z.optional(portMove),
  /** Redirects to HTTPS on this device follow it; those that lead to a port where no HTTPS listens are mended. */
  fixRedirect: z.boolean(),
});
export type WebPortChange = z.infer<typeof webPortChange>;

/** Bytes of the file and what stands there instead. */
interface Splice extends Span {
  text: string;
}

/**
 * The site file with its ports changed: every `listen` on an old port, and redirects. Only port digits change, never an
 * address or a parameter: nginx cannot change the address of a socket in a reload. A port that was left to nginx's
 * default is written out, and stays so on the way back; one in a redirect that leads to 443 is left out.
 *
 * @throws FirewallError NGINX_CONFIG when the site has no server, no HTTPS server, or no listen on an old port;
 * INVALID_INPUT when HTTP and HTTPS would share a port
 */
export function changePorts(site: Site, change: WebPortChange): Buffer {
  checkChange(site, change);
  const listens = site.servers.flatMap((server) =>
    server.listens.filter((listen) => moveOf(listen, change)).map((listen) => replaced(listen, change)),
  );
  return spliced(site.text, [...listens, ...redirectSplices(site, change)]);
}

/**
 * The site file with every `listen` on an old port followed by its like on the new one, so that both answer for a
 * while. All parameters are copied: those nginx allows once per socket, it allows again on another port.
 * `dropOldPorts` ends the while.
 *
 * @throws FirewallError as `changePorts` does
 */
export function listenOnBoth(site: Site, change: WebPortChange): Buffer {
  checkChange(site, change);
  checkApart(site, change);
  const copies = site.servers.flatMap((server) =>
    server.listens.filter((listen) => moveOf(listen, change)).map((listen) => copied(site.text, listen, change)),
  );
  return spliced(site.text, [...copies, ...redirectSplices(site, change)]);
}

/**
 * Takes the old ports out of a file that `listenOnBoth` wrote: the result is what `changePorts` makes of the original,
 * byte for byte. What somebody else changed in the file meanwhile stays; a listen on an old port whose copy is
 * gone moves to the new one.
 *
 * @param site the file as it is now
 * @throws FirewallError NGINX_CONFIG when the site has no server or no HTTPS server
 */
export function dropOldPorts(site: Site, change: WebPortChange): Buffer {
  checkServers(site);
  const listens = site.servers.flatMap((server) => droppedListens(site.text, server, change));
  return spliced(site.text, [...listens, ...redirectSplices(site, change)]);
}

function checkServers(site: Site): void {
  if (site.servers.length === 0) throw siteRefusal(say`The nginx site file has no server.`);
  if (listensOf(site, true).length === 0) throw siteRefusal(say`The nginx site file has no HTTPS server.`);
}

function checkChange(site: Site, { http, https }: WebPortChange): void {
  checkServers(site);
  checkListens(site, false, http);
  checkListens(site, true, https);
  const plain = portsAfter(site, false, http);
  const secure = portsAfter(site, true, https);
  if (http && http.from !== http.to && secure.has(http.to)) throw sharedPort(http.to);
  if (https && https.from !== https.to && plain.has(https.to)) throw sharedPort(https.to);
}

function checkListens(site: Site, ssl: boolean, move: PortMove | undefined): void {
  if (!move || listensOf(site, ssl).some((listen) => listen.port === move.from)) return;
  throw siteRefusal(say`In the nginx site file no ${ssl ? 'HTTPS' : 'HTTP'} server listens on port ${move.from}.`);
}

/** While both answer, a new port may be none of the other kind's old ones either. */
function checkApart(site: Site, { http, https }: WebPortChange): void {
  if (http && listensOf(site, true).some((listen) => listen.port === http.to)) throw sharedPort(http.to);
  if (https && listensOf(site, false).some((listen) => listen.port === https.to)) throw sharedPort(https.to);
}

function sharedPort(port: number): FirewallError {
  return new FirewallError('INVALID_INPUT', { what: say`HTTP and HTTPS cannot share port ${port}.` });
}

function portsAfter(site: Site, ssl: boolean, move: PortMove | undefined): Set<number> {
  return new Set(listensOf(site, ssl).map(({ port }) => (move && port === move.from ? move.to : port)));
}

/** How this listen moves; undefined when it stays. */
function moveOf(listen: PortListen, { http, https }: WebPortChange): PortMove | undefined {
  const move = listen.ssl ? https : http;
  return move && move.from === listen.port && move.to !== listen.port ? move : undefined;
}

/** Where its port goes. */
function target(listen: PortListen, change: WebPortChange): number {
  return moveOf(listen, change)?.to ?? listen.port;
}

/** The port in place of the listen's own, or behind its address where none is written. */
function portSplice({ portSpan }: PortListen, port: number): Splice {
  return { ...portSpan, text: portSpan.start === portSpan.end ? `:${port}` : `${port}` };
}

function replaced(listen: PortListen, change: WebPortChange): Splice {
  const port = target(listen, change);
  if (listen.kind === 'implied') return { ...listen.portSpan, text: `${listen.separator}listen ${port};` };
  return portSplice(listen, port);
}

/** The directive as it reads on the new port. */
function movedDirective(listen: PortListen, change: WebPortChange): string {
  const { start, end, text } = portSplice(listen, target(listen, change));
  return listen.raw.slice(0, start - listen.start) + text + listen.raw.slice(end - listen.start);
}

function copied(text: string, listen: PortListen, change: WebPortChange): Splice {
  const { end } = listen;
  if (listen.kind === 'implied') {
    const directive = (port: number) => `${listen.separator}listen ${port};`;
    return { start: end, end, text: directive(listen.port) + directive(target(listen, change)) };
  }
  return { start: end, end, text: separatorBefore(text, listen.start) + movedDirective(listen, change) };
}

function droppedListens(text: string, { listens }: Server, change: WebPortChange): Splice[] {
  const sockets = new Set(listens.map(socketOf));
  return listens.flatMap((listen, index) => {
    if (!moveOf(listen, change)) return [];
    const next = listens[index + 1];
    const hasCopy = next?.raw === movedDirective(listen, change) && text.slice(listen.end, next.start).trim() === '';
    if (hasCopy && next) return [{ start: listen.start, end: next.start, text: '' }];
    // nginx refuses a server that listens on one socket twice.
    const isDouble = sockets.has(socketOf({ address: listen.address, port: target(listen, change) }));
    return [isDouble ? { start: listen.start, end: listen.end, text: '' } : replaced(listen, change)];
  });
}

function redirectSplices(site: Site, { https, fixRedirect }: WebPortChange): Splice[] {
  const port = https?.to ?? sitePorts(site).https;
  if (!fixRedirect || port === null) return [];
  const alive = portsAfter(site, true, https);
  return site.servers
    .flatMap((server) => server.redirects)
    .flatMap((redirect) => {
      if (!redirect.understood || alive.has(redirect.port)) return [];
      return [{ start: redirect.start, end: redirect.end, text: port === HTTPS_PORT ? '' : `:${port}` }];
    });
}

/** Every offset is one of the original, so the splices are made in one pass, in the order of the file. */
function spliced(text: string, splices: Splice[]): Buffer {
  const ordered = [...splices].sort((a, b) => a.start - b.start);
  const parts: string[] = [];
  let at = 0;
  for (const splice of ordered) {
    parts.push(text.slice(at, splice.start), splice.text);
    at = splice.end;
  }
  parts.push(text.slice(at));
  return Buffer.from(parts.join(''), 'latin1');
}
