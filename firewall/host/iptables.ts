/** The kernel's packet filter, through iptables' own save and restore programs: one call reads or swaps a whole table. */
import { FirewallError, notPermitted, say } from '../errors';
import type { Family } from '../rules/rule';
import type { FamilyText } from '../state/checkpoint';
import { run } from './run';

const PREFIX: Readonly<Record<Family, string>> = { ipv4: 'iptables', ipv6: 'ip6tables' };
/** iptables' exit code where another program holds its lock or the kernel was changed meanwhile. */
const TRY_AGAIN = 4;
const TRIES = 20;
const PAUSE_MS = 50;

/** @throws FirewallError NOT_PERMITTED, UFW_NOT_FOUND, INTERNAL */
export const save = (family: Family): Promise<string> => call(`${PREFIX[family]}-save`, []);

/**
 * All tables as the iptables of a kind prints them, which need not be the one that ufw uses.
 * @throws FirewallError NOT_PERMITTED, UFW_NOT_FOUND (there is no such iptables), INTERNAL
 */
export const saveOfKind = (family: Family, kind: 'nft' | 'legacy'): Promise<string> =>
  call(`${PREFIX[family]}-${kind}-save`, []);

/**
 * Swaps what the text declares, in one commit of the kernel per table; the rest stays (`-n`).
 * @throws FirewallError NOT_PERMITTED, UFW_NOT_FOUND, INTERNAL (the text was refused, nothing of it is in effect)
 */
export async function restore({ family, text }: FamilyText): Promise<void> {
  await call(`${PREFIX[family]}-restore`, ['-n'], text);
}

/** Whether the kernel would take the text; throws as restore would. */
export async function tryRestore({ family, text }: FamilyText): Promise<void> {
  await call(`${PREFIX[family]}-restore`, ['-n', '--test'], text);
}

/** Replaces the whole filter table, also what the text does not name. */
export async function replaceTable({ family, text }: FamilyText): Promise<void> {
  await call(`${PREFIX[family]}-restore`, [], text);
}

async function call(program: string, args: readonly string[], input?: string): Promise<string> {
  for (let left = TRIES; ; left--) {
    const { code, stdout, stderr } = await run(program, args, { input, bytes: true });
    if (code === 0) return stdout;
    if (code === TRY_AGAIN && left > 0 && !/Permission denied|must be root/.test(stderr)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      continue;
    }
    if (/Permission denied|must be root/.test(stderr)) {
      throw notPermitted(say`this user does not have permission to run ${program}.`);
    }
    const reason = stderr.trim().split('\n')[0] ?? '';
    throw new FirewallError('INTERNAL', {
      what: say`${program} failed with code ${code}: ${reason.slice(0, 300)}.`,
      state: null,
    });
  }
}
