/**
 * What turns one table into another, for `iptables-restore -n`. Where the kernel is known to hold the first, this is loaded
 * in place of the second: of thousands of rules a change touches a handful.
 */
import type { Table } from './tables';

/** The text to load; empty where the tables are the same. A chain that only the first table has is left alone. */
export function tableEdits(from: Table, to: Table): string {
  const policies = [...to.policies].filter(([name, policy]) => from.policies.get(name) !== policy);
  const fresh = [...to.chains.keys()].filter((name) => !from.chains.has(name));
  const lines = [
    ...policies.map(([name, policy]) => `:${name} ${policy} [0:0]`),
    // Before the lines that jump to it. Declaring empties what may be there.
    ...fresh.map((name) => `:${name} - [0:0]`),
    ...[...to.chains].flatMap(([name, specs]) => edits(name, from.chains.get(name) ?? [], specs)),
  ];
  return lines.length === 0 ? '' : `*filter\n${lines.join('\n')}\nCOMMIT\n`;
}

/**
 * From the top down, so that the place of an edit is always that of a line which has been in the chain before: some
 * versions of iptables cannot put a rule in front of one of the same commit.
 */
function edits(chain: string, old: readonly string[], next: readonly string[]): string[] {
  const ahead = new Map<string, number>();
  for (const spec of next) ahead.set(spec, (ahead.get(spec) ?? 0) + 1);
  const lines: string[] = [];
  let at = 0;
  let place = 0;
  while (at < old.length || place < next.length) {
    const [gone, spec] = [old[at], next[place]];
    if (spec === undefined || (gone !== undefined && gone !== spec && !ahead.get(gone))) {
      lines.push(`-D ${chain} ${place + 1}`);
      at++;
      continue;
    }
    // A line that occurs again further on is handled there.
    if (gone === undefined) lines.push(`-A ${chain} ${spec}`);
    else if (gone !== spec) lines.push(`-I ${chain} ${place + 1} ${spec}`);
    else at++;
    ahead.set(spec, (ahead.get(spec) ?? 0) - 1);
    place++;
  }
  return lines;
}
