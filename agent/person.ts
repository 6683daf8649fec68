/** Who sits at the command line, for the ledger. */
import { readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Source } from '../firewall/ledger/source';

/** The user, before `sudo`, and the terminal that standard input, output or errors are. */
export function personHere(): Source & { kind: 'console' } {
  const ttys = [0, 1, 2].map(terminalAt).filter((path) => path !== '');
  return { kind: 'console', user: process.env.SUDO_USER || userName(), tty: ttys[0] ?? '' };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user that has no name has a number.
    return String(process.getuid?.() ?? '');
  }
}

function terminalAt(descriptor: number): string {
  try {
    const path = readlinkSync(`/proc/self/fd/${descriptor}`);
    return /^\/dev\/(tty|pts\/)/.test(path) ? path : '';
  } catch {
    // It was closed by whoever started this program.
    return '';
  }
}
