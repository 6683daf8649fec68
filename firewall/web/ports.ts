import { type Sentence, say } from '../errors';
import { isLoopback } from './listen';
import { HTTPS_PORT, type KnownRedirect } from './redirect';
import type { PortListen, Server, Site } from './site';

/** On which ports a site serves its pages. */
export interface SitePorts {
  /** The port of plain HTTP: the default server's, else the first in the file; null when there is none. */
  http: number | null;
  https: number | null;
  /** Further ports of the same kind, in the order of the file. */
  otherHttp: number[];
  otherHttps: number[];
  /** The port of HTTPS to which the plain HTTP page sends browsers; null when it sends them nowhere. */
  redirectsTo: number | null;
  /** What in the file itself keeps a page from being reached, or cannot be changed here. */
  problems: Sentence[];
}

/** Reads the ports off a site; says what is wrong with them, without failing. */
export function sitePorts(site: Site): SitePorts {
  const [http = null, ...otherHttp] = portsOf(site, false);
  const [https = null, ...otherHttps] = portsOf(site, true);
  const redirectsTo = redirectOfHttp(site)?.port ?? null;
  return { http, https, otherHttp, otherHttps, redirectsTo, problems: problemsOf(site, https, otherHttps) };
}

/** Every listen of the site with a port, of plain HTTP or of TLS. */
export function listensOf(site: Site, ssl: boolean): PortListen[] {
  return site.servers.flatMap((server) => server.listens.filter((listen) => listen.ssl === ssl));
}

/** The ports, most public first: the default server's, then the others', then those only the device itself reaches. */
function portsOf(site: Site, ssl: boolean): number[] {
  const listens = listensOf(site, ssl);
  const outside = listens.filter((listen) => !isLoopback(listen));
  const ordered = [
    ...outside.filter((listen) => listen.defaultServer),
    ...outside.filter((listen) => !listen.defaultServer),
    ...listens.filter(isLoopback),
  ];
  return [...new Set(ordered.map((listen) => listen.port))];
}

function redirectOfHttp(site: Site): KnownRedirect | undefined {
  const isHttp = (server: Server) => server.listens.some((listen) => !listen.ssl);
  const redirects = site.servers.filter(isHttp).flatMap((server) => server.redirects);
  return redirects.find((redirect): redirect is KnownRedirect => redirect.understood);
}

function problemsOf(site: Site, https: number | null, otherHttps: number[]): Sentence[] {
  if (site.servers.length === 0) return [say`The nginx site file has no server, so it serves no pages.`];
  return [
    ...publicProblems(site, https),
    ...site.servers.flatMap((server) => redirectProblems(server, https, otherHttps)),
    ...site.servers.flatMap(listenProblems),
  ];
}

function publicProblems(site: Site, https: number | null): Sentence[] {
  if (https === null) return [say`The nginx site file has no HTTPS server, so no page can be reached over HTTPS.`];
  if (!listensOf(site, true).every(isLoopback)) return [];
  return [say`HTTPS listens on port ${https} for the device itself only, so no other machine can open its pages.`];
}

function redirectProblems({ redirects }: Server, https: number | null, otherHttps: number[]): Sentence[] {
  const alive = [https, ...otherHttps];
  return redirects.flatMap((redirect) => {
    if (redirect.understood) {
      if (https === null || alive.includes(redirect.port)) return [];
      return [
        say`The redirect in line ${redirect.line} leads to port ${redirect.port}, but HTTPS listens on port ${https}: browsers that follow it reach no page.`,
      ];
    }
    // Without a port of its own a redirect leads to 443, whatever its form.
    if (https === HTTPS_PORT) return [];
    return [
      say`The redirect in line ${redirect.line} was not understood: ${redirect.reason}. It may lead to a port without a page.`,
    ];
  });
}

function listenProblems({ otherListens }: Server): Sentence[] {
  return otherListens
    .filter(({ kind }) => kind !== 'unix')
    .map(({ kind, line }) =>
      kind === 'range'
        ? say`The "listen" in line ${line} specifies a range of ports; its ports are not changed.`
        : say`The "listen" in line ${line} was not understood; its port is not changed.`,
    );
}
