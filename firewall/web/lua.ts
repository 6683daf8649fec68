import { say } from '../errors';
import { siteRefusal } from './refusal';

const OPENING = /--\[(=*)\[|--|\[(=*)\[|["'{}]/g;

/**
 * Where the block of a `…_by_lua_block` directive ends. Such a block holds Lua, which is not nginx syntax: it has no `;`,
 * and a brace in a Lua string or comment does not count. The Lua module reads it with a lexer of its own, so does this.
 * @param start just behind the opening brace
 * @returns the offset of the closing brace
 * @throws FirewallError NGINX_CONFIG when the block, a string or a comment in it does not end
 */
export function endOfLuaBlock(text: string, start: number, line: number): number {
  const scan = new RegExp(OPENING);
  scan.lastIndex = start;
  let depth = 1;
  for (let match = scan.exec(text); match; match = scan.exec(text)) {
    const [token] = match;
    if (token === '{') depth += 1;
    else if (token === '}') depth -= 1;
    else scan.lastIndex = endOfLuaText(text, match, line);
    if (depth === 0) return match.index;
  }
  throw siteRefusal(say`The nginx site file ends inside the Lua block that begins in line ${line}.`);
}

/** Where the Lua string or comment that `opening` begins ends. */
function endOfLuaText(text: string, opening: RegExpExecArray, line: number): number {
  const [token, commentLevel, stringLevel] = opening;
  const from = opening.index + token.length;
  if (token === '"' || token === "'") return endOfQuoted(text, from, token, line);
  if (token === '--') return endsWith(text, '\n', from, line);
  return endsWith(text, `]${commentLevel ?? stringLevel}]`, from, line);
}

function endOfQuoted(text: string, from: number, quote: string, line: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) return at + 1;
  }
  throw unending(line);
}

function endsWith(text: string, closing: string, from: number, line: number): number {
  const at = text.indexOf(closing, from);
  if (at === -1) throw unending(line);
  return at + closing.length;
}

function unending(line: number) {
  return siteRefusal(
    say`In the nginx site file, the Lua block that begins in line ${line} contains an unterminated string.`,
  );
}
