import { say } from '../errors';
import { endOfLuaBlock } from './lua';
import { siteRefusal } from './refusal';

/** From `start` up to, and without, `end`: offsets of bytes in the site file. */
export interface Span {
  start: number;
  end: number;
}

/** One word of a directive. The span leaves the quotes out; `text` has its escapes resolved as nginx does. */
export interface Word extends Span {
  text: string;
}

/**
 * What nginx reads in one go: the words of a directive up to the `;` that ends it or the `{` that opens its block, or
 * the `}` that closes a block (no words). The span runs from the first word, or its quote, to behind the terminator.
 */
export interface Statement extends Span {
  words: readonly Word[];
  terminator: ';' | '{' | '}';
  /** Of the first word, counted from 1. */
  line: number;
}

/**
 * Reads nginx configuration the way nginx's `ngx_conf_read_token` does:
 * - a quote opens a string only at the beginning of a word, and behind a string stands a blank, `;`, `{` or `)`;
 * - `#` opens a comment only at the beginning of a word, `}` closes a block only there; inside a word both are text;
 * - a backslash takes the next byte with it, and the `{` of `${name}` is no block.
 *
 * @param text the file, one character per byte
 * @throws FirewallError NGINX_CONFIG, naming the line, where nginx would find no statement
 */
export function* statements(text: string): Generator<Statement> {
  let words: Word[] = [];
  let start = 0;
  let line = 1;
  let counted = 0;
  let at = skipBlank(text, 0);
  while (at < text.length) {
    if (words.length === 0) {
      line += newlines(text, counted, at);
      counted = at;
      start = at;
    }
    const ch = text.charAt(at);
    if (ch === ';' || ch === '{' || ch === '}') {
      if ((ch === '}') !== (words.length === 0)) throw unexpected(text, at);
      yield { words, terminator: ch, start, end: at + 1, line };
      at += 1;
      if (ch === '{' && words[0]?.text.endsWith('_by_lua_block')) at = endOfLuaBlock(text, at, line);
      words = [];
    } else {
      const quoted = ch === '"' || ch === "'";
      const word = quoted ? quotedWord(text, at, ch) : bareWord(text, at);
      words.push(word);
      at = quoted ? word.end + 1 : word.end;
      if (quoted && at < text.length && !/[ \t\r\n;{)]/.test(text.charAt(at))) throw unexpected(text, at);
    }
    at = skipBlank(text, at);
  }
  if (words.length > 0)
    throw siteRefusal(say`The nginx site file ends inside the directive that begins in line ${line}.`);
}

function isBlank(ch: string | undefined): boolean {
  return ch === ' ' || ch === '\t' || ch === '\r' || ch === '\n';
}

/** Behind white space and comments. A comment ends with a line feed, never with a carriage return alone. */
function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    if (text[at] === '#') {
      const newline = text.indexOf('\n', at);
      if (newline === -1) return text.length;
      at = newline;
    } else if (!isBlank(text[at])) {
      return at;
    }
    at += 1;
  }
  return at;
}

function quotedWord(text: string, start: number, quote: string): Word {
  let at = start + 1;
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1;
  if (at >= text.length) {
    throw siteRefusal(say`The nginx site file ends inside the string that begins in line ${lineAt(text, start)}.`);
  }
  return { text: unescaped(text.slice(start + 1, at)), start: start + 1, end: at };
}

function bareWord(text: string, start: number): Word {
  let at = start;
  let variable = false;
  while (at < text.length) {
    const ch = text.charAt(at);
    if (ch === '{' && variable) {
      at += 1;
      continue;
    }
    if (ch === ';' || ch === '{' || isBlank(ch)) break;
    variable = ch === '$';
    at += ch === '\\' ? 2 : 1;
  }
  const end = Math.min(at, text.length);
  return { text: unescaped(text.slice(start, end)), start, end };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n' };

/** nginx resolves these six escapes and keeps the backslash of every other one. */
function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw;
  return raw.replace(/\\(["'\\trn])/g, (_, ch: string) => ESCAPES[ch] ?? ch);
}

function newlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += 1) if (text[at] === '\n') count += 1;
  return count;
}

function lineAt(text: string, at: number): number {
  return 1 + newlines(text, 0, at);
}

function unexpected(text: string, at: number) {
  return siteRefusal(say`The nginx site file has an unexpected "${text[at]}" in line ${lineAt(text, at)}.`);
}
