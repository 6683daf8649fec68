/**
 * What iptables itself makes of a text: it is loaded into a network namespace that is made for it, holds nothing else and is
 * gone afterwards, and saved again by the same programs as the device's own tables.
 */
import { createHash } from 'node:crypto';
import { FirewallError } from '../errors';
import type { Family } from '../rules/rule';
import { restored, type Table } from '../rules/tables';
import { run } from './run';

export type Scratch =
  | {
      kind: 'loaded';
      /** The filter table, as `iptables-save` prints it. */
      filter: Table;
      /** All tables that the text fills, as `iptables-save` prints them. */
      text: string;
    }
  /** iptables does not take the text. */
  | { kind: 'refused'; reason: string }
  /** There is no such namespace to be had here: not permitted, not in this kernel, or no `unshare`. */
  | { kind: 'unavailable'; reason: string };

const REFUSED = 90;

/**
 * iptables-legacy has one lock for all network namespaces, and a `ufw` command that finds it taken fails: hence a `/run` of
 * its own, which also takes the text: who gives it shall not be left with half of it.
 */
const scriptOf = (program: string): string =>
  `mount -t tmpfs tmpfs /run && cat >/run/text && { ${program}-restore -n </run/text || exit ${REFUSED}; exec ${program}-save; }`;
const SCRIPTS: Readonly<Record<Family, string>> = { ipv4: scriptOf('iptables'), ipv6: scriptOf('ip6tables') };

/** Texts are asked about again with every reading while the files stay as they are; so many of them are remembered. */
const MOST_TEXTS = 8;
const remembered = new Map<string, Promise<Scratch>>();

/**
 * Loads the text as `iptables-restore -n` does. Never throws for what iptables or the kernel say of it.
 * @param text bytes as latin1
 */
export function inScratch(family: Family, text: string): Promise<Scratch> {
  const key = `${family} ${createHash('sha256').update(text, 'latin1').digest('base64')}`;
  const asked = remembered.get(key) ?? loaded(family, text);
  remembered.delete(key);
  remembered.set(key, asked);
  for (const oldest of remembered.keys()) {
    if (remembered.size <= MOST_TEXTS) break;
    remembered.delete(oldest);
  }
  // What does not work now may work the next time.
  const forget = (): unknown => remembered.get(key) === asked && remembered.delete(key);
  asked.then(({ kind }) => kind !== 'loaded' && forget(), forget);
  return asked;
}

/** How many lines that iptables refuses are set aside, one try for each. */
const MOST_SET_ASIDE = 10;

/** Lines that name something of the machine's which an empty namespace cannot have. */
const NEEDS_MORE = /--(?:match-set|add-set|del-set|map-set|nfacct-name)\s/;

/** A line that adds a rule: command, chain and place, and what the rule says. */
const ADDITION = /^((?:-A|--append|-I|--insert)\s+\S+\s+(?:\d+\s+)?)(\S.*)$/;
const PLACE = '-m comment --comment smartserver-firewall-set-aside-';
const PLACES = new RegExp(`${PLACE}(\\d+)$`, 'gm');

/**
 * A rule may need what only the device's own namespace has, such as a set. It is set aside: a comment takes its place, and it
 * stands in the result as it stands in the text.
 */
async function loaded(family: Family, text: string): Promise<Scratch> {
  const lines = text.split('\n');
  const aside: string[] = [];
  const setAside = (at: number): boolean => {
    const [, command, spec] = ADDITION.exec(lines[at] ?? '') ?? [];
    if (command === undefined || spec === undefined || spec.startsWith(PLACE)) return false;
    lines[at] = `${command}${PLACE}${aside.push(spec) - 1}`;
    return true;
  };
  for (const [at, line] of lines.entries()) if (NEEDS_MORE.test(line)) setAside(at);
  for (let tries = 0; ; tries++) {
    const { code, stdout, stderr } = await answer(SCRIPTS[family], lines.join('\n'));
    if (code === 0) {
      const saved = stdout.replace(PLACES, (_, at: string) => aside[Number(at)] ?? '');
      return { kind: 'loaded', filter: restored(saved), text: saved };
    }
    const reason = stderr.replace(/\s+/g, ' ').trim().slice(0, 300);
    if (code !== REFUSED) return { kind: 'unavailable', reason };
    const at = Number(/\bline:? (\d+)/.exec(stderr)?.[1] ?? 0) - 1;
    if (tries >= MOST_SET_ASIDE || !setAside(at)) return { kind: 'refused', reason };
  }
}

const answer = (script: string, input: string): ReturnType<typeof run> =>
  run('unshare', ['-n', '-m', 'sh', '-c', script], { input, bytes: true }).catch((error: unknown) => {
    if (!(error instanceof FirewallError)) throw error;
    return { code: -1, stdout: '', stderr: error.message };
  });
