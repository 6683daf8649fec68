import { say } from '../errors';
import { DEFAULT_PORT, type ImpliedListen, type Listen, type OtherListen, readListen, socketOf } from './listen';
import { type Redirect, readRedirect } from './redirect';
import { siteRefusal } from './refusal';
import { type Span, type Statement, statements } from './tokens';

/** A listen whose port can be read and changed. */
export type PortListen = Listen | ImpliedListen;

export interface Server {
  line: number;
  listens: PortListen[];
  otherListens: OtherListen[];
  /** Of `return`, `rewrite` and `error_page`, at any depth. */
  redirects: Redirect[];
}

/** Another file that nginx reads as part of this one. It is neither read nor changed here. */
interface Include extends Span {
  path: string;
  line: number;
}

/** An nginx site file, read. */
export interface Site {
  /** The file, one character per byte, so that every offset is an offset in the file. */
  text: string;
  /** Web servers: those of `stream {}` and `mail {}` are left out. */
  servers: Server[];
  includes: Include[];
}

/** The vendor's file has a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads an nginx site file, or a whole `nginx.conf`.
 *
 * A listen speaks TLS when it says `ssl` (or `quic`), when its server says `ssl on`, or when it shares its socket with
 * one that does: nginx then answers TLS for every server on that socket.
 *
 * @throws FirewallError NGINX_CONFIG if it is not text (NUL bytes), over 1 MB, or its braces, strings or directives do not
 * end
 */
export function parseSite(bytes: Buffer): Site {
  const text = siteText(bytes);
  const { blocks, includes, sslByDefault } = readBlocks(text);
  const serverNames = new Set(blocks.flatMap(namesOf));
  const servers = blocks.map((block) => readServer(text, block, sslByDefault, serverNames));
  return { text, servers: sharedTls(servers), includes };
}

/** For nginx as well as here a byte is a byte, in whatever encoding it was typed. A power cut leaves NUL bytes in a file. */
function siteText(bytes: Buffer): string {
  if (bytes.length > MAX_BYTES) throw siteRefusal(say`The nginx site file is larger than 1 MB.`);
  if (bytes.includes(0)) throw siteRefusal(say`The nginx site file contains NUL bytes, so it is damaged.`);
  return bytes.toString('latin1');
}

/** What matters of one `server {}`. */
interface ServerBlock {
  opening: Statement;
  /** Of its own directives, as opposed to those of a `location {}` in it. */
  own: Statement[];
  /** `return`, `rewrite` and `error_page`, its own and deeper ones. */
  redirecting: Statement[];
  /** Some of its directives are in another file. */
  includes: boolean;
  /** The first directive in it, of whatever kind. */
  first: Statement | null;
}

const OWN = new Set(['listen', 'ssl', 'server_name']);
const REDIRECTING = new Set(['return', 'rewrite', 'error_page']);

interface Blocks {
  blocks: ServerBlock[];
  includes: Include[];
  /** `ssl on` outside the servers, which they inherit. */
  sslByDefault: boolean;
}

/** Walks the file with a stack of its own: a hostile one nests deeper than JavaScript can recurse. */
function readBlocks(text: string): Blocks {
  const found: Blocks = { blocks: [], includes: [], sslByDefault: false };
  const open: Statement[] = [];
  let server: { block: ServerBlock; depth: number } | null = null;
  for (const statement of statements(text)) {
    const name = statement.words[0]?.text ?? '';
    if (statement.terminator === '}') {
      if (!open.pop()) throw siteRefusal(say`The nginx site file has an unexpected "}" in line ${statement.line}.`);
      if (server && open.length < server.depth) server = null;
      continue;
    }
    if (server) keep(server.block, statement, open.length === server.depth);
    else if (name === 'ssl' && isWebContext(open)) found.sslByDefault = isOn(statement);
    if (name === 'include') {
      const { start, end, line } = statement;
      found.includes.push({ path: statement.words[1]?.text ?? '', start, end, line });
    }
    if (statement.terminator === '{') {
      const isServer = name === 'server' && statement.words.length === 1 && isWebContext(open);
      open.push(statement);
      if (isServer) {
        const block = { opening: statement, own: [], redirecting: [], includes: false, first: null };
        server = { block, depth: open.length };
        found.blocks.push(block);
      }
    }
  }
  const unclosed = open.pop();
  if (unclosed) throw siteRefusal(say`The nginx site file does not close the "{" in line ${unclosed.line}.`);
  return found;
}

/** Where a `server {}` is a web server: at the top, as nginx includes a site file in its `http {}`, or in one itself. */
function isWebContext(open: readonly Statement[]): boolean {
  return open.length === 0 || (open.length === 1 && open[0]?.words[0]?.text === 'http');
}

function isOn(statement: Statement): boolean {
  return statement.words[1]?.text.toLowerCase() === 'on';
}

function keep(block: ServerBlock, statement: Statement, isOwn: boolean): void {
  const name = statement.words[0]?.text ?? '';
  block.first = block.first ?? statement;
  if (isOwn && OWN.has(name)) block.own.push(statement);
  if (isOwn && name === 'include') block.includes = true;
  if (REDIRECTING.has(name)) block.redirecting.push(statement);
}

function namesOf(block: ServerBlock): string[] {
  const names = block.own.filter((statement) => statement.words[0]?.text === 'server_name');
  return names.flatMap(({ words }) => words.slice(1).map((word) => word.text.toLowerCase()));
}

function readServer(text: string, block: ServerBlock, sslByDefault: boolean, names: ReadonlySet<string>): Server {
  const named = (name: string) => block.own.filter((statement) => statement.words[0]?.text === name);
  const listens = named('listen').map((statement) => readListen(text, statement));
  const ssl = named('ssl').reduce((_, statement) => isOn(statement), sslByDefault);
  const ports = listens.filter((listen): listen is Listen => listen.kind === 'port');
  const implied = listens.length === 0 && !block.includes ? [impliedListen(text, block)] : [];
  return {
    line: block.opening.line,
    listens: [...ports, ...implied].map((listen) => ({ ...listen, ssl: listen.ssl || ssl })),
    otherListens: listens.filter((listen): listen is OtherListen => listen.kind !== 'port'),
    redirects: block.redirecting
      .map((statement) => readRedirect(text, statement, names))
      .filter((redirect): redirect is Redirect => redirect !== null),
  };
}

function impliedListen(text: string, { opening, first }: ServerBlock): ImpliedListen {
  const span = { start: opening.end, end: opening.end };
  return {
    kind: 'implied',
    address: null,
    family: 'ipv4',
    port: DEFAULT_PORT,
    portSpan: span,
    ssl: false,
    defaultServer: false,
    raw: '',
    ...span,
    line: opening.line,
    separator: first ? separatorBefore(text, first.start) : ' ',
  };
}

/** What separates a directive from the one before it: a line break and its indentation, or a space on the same line. */
export function separatorBefore(text: string, start: number): string {
  let lineStart = start;
  while (text[lineStart - 1] === ' ' || text[lineStart - 1] === '\t') lineStart -= 1;
  if (text[lineStart - 1] !== '\n') return ' ';
  return `${text[lineStart - 2] === '\r' ? '\r\n' : '\n'}${text.slice(lineStart, start)}`;
}

function sharedTls(servers: Server[]): Server[] {
  const all = servers.flatMap((server) => server.listens);
  const tls = new Set(all.filter((listen) => listen.ssl).map(socketOf));
  const decided = (listen: PortListen): PortListen => ({ ...listen, ssl: tls.has(socketOf(listen)) });
  return servers.map((server) => ({ ...server, listens: server.listens.map(decided) }));
}
