import { type Sentence, say } from '../errors';
import type { Span, Statement, Word } from './tokens';

/** nginx's and every browser's port where an `https://` address names none. */
export const HTTPS_PORT = 443;

/** A redirect to HTTPS on this device. The span is the `:PORT` in its address; empty, where it would be, for 443. */
export interface KnownRedirect extends Span {
  understood: true;
  port: number;
  raw: string;
  line: number;
}

/** A redirect that may carry a port, and that nothing here touches. */
interface UnknownRedirect {
  understood: false;
  /** Why, as the end of the sentence "This redirect was not understood: …". */
  reason: Sentence;
  raw: string;
  line: number;
}

export type Redirect = KnownRedirect | UnknownRedirect;

/** These hold the device's name or address and never a port, so a port may follow. `$http_host` may hold one. */
const HOST_VARIABLES = ['host', 'server_name', 'hostname', 'server_addr', 'ssl_server_name'];
/** These begin with a slash or are empty, so they may follow a port. */
const PATH_VARIABLES = ['request_uri', 'uri', 'document_uri', 'is_args'];

const variable = (names: string[]) => String.raw`\$(?:(?:${names.join('|')})(?!\w)|\{(?:${names.join('|')})\})`;

const TO_HTTPS = new RegExp(
  String.raw`^(?<scheme>https://)(?<host>${variable(HOST_VARIABLES)}|[\w.-]+|\[[\da-f:.]+\])(?<port>:\d+)?(?:$|[/?#]|${variable(PATH_VARIABLES)})`,
  'i',
);

/** An address on some host, as opposed to a path on this one, to which nginx itself adds the right port. */
const ABSOLUTE = /^(?:https?|\$scheme|\$\{scheme\}):\/\//i;

/**
 * Reads a `return`, `rewrite` or `error_page` directive; null when it leads to no other scheme, host or port.
 * Only `return [30x] https://HOST[:PORT]…` is understood, where HOST is a variable that holds the device's name, or one
 * of `serverNames`; a fixed host outside them may be another machine, whose ports are none of our business.
 */
export function readRedirect(text: string, statement: Statement, serverNames: ReadonlySet<string>): Redirect | null {
  const { words, start, end, line } = statement;
  const address = words.slice(1).find((word) => ABSOLUTE.test(word.text));
  if (!address) return null;
  const raw = text.slice(start, end);
  const unknown = (reason: Sentence): UnknownRedirect => ({ understood: false, reason, raw, line });
  if (words[0]?.text !== 'return') return unknown(say`only "return" directives are`);
  if (!isReturn(words, address)) return null;
  // An escape would shift the offsets.
  const match = address.text.length === address.end - address.start ? TO_HTTPS.exec(address.text) : null;
  const { scheme = '', host = '', port } = match?.groups ?? {};
  if (!match) return unknown(say`it is not of the form "https://$host:PORT$request_uri"`);
  if (!host.startsWith('$') && !serverNames.has(host.toLowerCase())) {
    return unknown(say`the fixed host "${host}" may be another machine`);
  }
  const portStart = address.start + scheme.length + host.length;
  return {
    understood: true,
    port: port === undefined ? HTTPS_PORT : Number(port.slice(1)),
    start: portStart,
    end: portStart + (port ?? '').length,
    raw,
    line,
  };
}

/** `return https://…` or `return 30x https://…`; with any other code the address is text in the page's body. */
function isReturn(words: readonly Word[], address: Word): boolean {
  const code = words[1]?.text ?? '';
  return words[1] === address ? words.length === 2 : words[2] === address && /^30[12378]$/.test(code);
}
