/** Results in words, for a terminal. Untrusted text is made printable. */
import { sourceText } from '../firewall/ledger/log';
import { printable } from '../firewall/printable';
import type { BackupReport, ChangeResult, History, LearnResult, State } from '../firewall/results';
import { ruleText } from '../firewall/state/rule-text';

export function statusLines(state: State): string[] {
  const { active, enabledAtBoot, profile, policies, webPorts, pending, leases, lastRequest } = state;
  const at = { true: 'on', false: 'off' } as const;
  const open = state.services.filter((service) => service.in !== 'closed');
  return [
    ...state.findings.map(({ severity, text }) => `! ${severity}: ${text.replace(/\p{C}|\p{Zl}|\p{Zp}/gu, '?')}`),
    `Firewall: ${at[`${active}`]} now, ${at[`${enabledAtBoot}`]} at the next boot`,
    `Profile: ${profile.name ?? `none; the closest is ${profile.closest}, with ${profile.differences.length} differences`}`,
    `Default policies: ${policies.incoming} incoming, ${policies.outgoing} outgoing`,
    ...(webPorts ? [`Web pages: http ${webPorts.http ?? 'none'}, https ${webPorts.https ?? 'none'}`] : []),
    'Open from outside:',
    ...open.map(({ id, ports, in: how, sources }) => {
      const some = sources.length > 0 ? ` (${sources.join(', ')})` : '';
      return `  ${id}: ${ports.join(', ')}${how === 'partial' ? ` partially${some}` : ''}`;
    }),
    ...(pending
      ? [`Pending, to be confirmed by ${pending.confirmBy}: ${pending.action} ("smartserver-firewall confirm")`]
      : []),
    ...leases.map(({ service, until }) => `Temporary, until ${until}: ${service}`),
    ...(lastRequest
      ? [
          `Last request of an operator: ${lastRequest.id}, issued ${lastRequest.issued}${lastRequest.key ? `, signed with the key ${lastRequest.key}` : ''}${lastRequest.undone ? '; undone since' : ''}`,
        ]
      : []),
    ...[
      ...(state.inSync ? [] : ['The rules in the kernel do not match ufw\'s files: run "ufw reload".']),
      ...(webPorts?.problems ?? []),
      ...state.leftovers,
      ...state.otherOwners,
      ...state.unreadable.map((line) => `Not a ufw rule: ${printable(line)}`),
    ].map((problem) => `! ${problem}`),
  ];
}

export function changeLines({ action, changed, added, removed, backup, warnings }: ChangeResult): string[] {
  return [
    changed ? `Done: ${action} (backup ${backup})` : `Nothing to do: ${action}`,
    ...removed.map((rule) => `- ${ruleText(rule)}`),
    ...added.map((rule) => `+ ${ruleText(rule)}`),
    ...warnings.map((warning) => `! ${warning}`),
  ];
}

export function backupLines(backups: readonly BackupReport[]): string[] {
  if (backups.length === 0) return ['There is no backup: nothing has been changed yet.'];
  return backups.map(({ id, at, action, reason, rules, place, damaged }) => {
    if (damaged) return `${id}  ${at}  damaged, cannot be restored: ${damaged}`;
    const why = reason === 'requested' ? '' : ` (${reason})`;
    return `${id}  ${at}  ${place.padEnd(7)}  ${rules} rules, before: ${printable(action).slice(1, -1)}${why}`;
  });
}

export const learnLines = (result: LearnResult): string[] => [
  result.changed ? `Done: ${result.action}` : `Nothing to do: ${result.action}`,
  learningText(result),
  ...result.warnings.map((warning) => `! ${warning}`),
];

/** A line for each peer, by service. */
export const peerLines = (result: LearnResult): string[] => [
  learningText(result),
  ...Object.entries(result.services).flatMap(([service, { peers, flooded, rarest, unseen }]) => [
    `${service}: ${peers.length} peers, the rarest seen ${rarest ?? 0} times, ${Math.round(unseen * 100)} % estimated unseen`,
    ...peers.map(
      ({ direction, address, count, lastSeen }) =>
        `  ${direction === 'in' ? 'from' : 'to'} ${address}: ${count} times, last ${lastSeen}`,
    ),
    ...(flooded.length > 0 ? ['  ! more addresses than are kept: who is missing is not known'] : []),
  ]),
];

function learningText({ learning }: LearnResult): string {
  if (!learning) return 'It was never learned who talks with this device ("smartserver-firewall learn start").';
  const days = `learned for ${learning.days} days`;
  if (!learning.on) return `Learning is off; ${days}`;
  const end = learning.until ? `until ${learning.until}` : 'until it is stopped';
  return `Learning is on, ${end}; ${days}${learning.looking ? '' : '; but nobody looks'}`;
}

/** Entries of the ledger, the newest first. */
export function historyLines({ entries, fault }: Pick<History, 'entries' | 'fault'>): string[] {
  const lines = entries.flatMap((one) => {
    const { seq, at, type, action, result, source, reason, rules, policies, note, repeated } = one;
    const asked = `${at}  #${seq} ${type}: ${action}${result === 'done' ? '' : ` – ${result}`}, by ${sourceText(source)}`;
    return [
      `${asked}${reason && `: ${reason}`}`,
      ...rules.removed.map((rule) => `  - ${rule}`),
      ...rules.added.map((rule) => `  + ${rule}`),
      ...(rules.more > 0 ? [`  … and ${rules.more} rules more`] : []),
      ...Object.entries(policies).map(([direction, { from, to }]) => `  default ${direction}: ${from} → ${to}`),
      ...(note ? [`  ${note}`] : []),
      ...(repeated > 0 ? [`  and ${repeated} refusals before it that were not entered`] : []),
    ].map((line) => line.replace(/\p{C}|\p{Zl}|\p{Zp}/gu, '?'));
  });
  return [...(fault ? [faultLine(fault)] : []), ...(lines.length > 0 ? lines : ['There is no such entry.'])];
}

const faultLine = ({ path, line, seq, what }: NonNullable<History['fault']>): string =>
  `! The ledger is not whole: entry ${seq} (${path}, line ${line}): ${what}`;

export const verificationLines = ({ fault, head, kept, dropped }: Omit<History, 'entries'>): string[] => {
  if (fault) return [faultLine(fault)];
  if (!head) return ['There is no ledger yet.'];
  const cut = dropped > 0 ? [`It was cut: ${dropped} older entries were dropped, as it is bounded`] : [];
  return [`The ledger is whole: ${kept} entries, the last ${head.hash}`, ...cut];
};

const COLUMNS = [
  ...['seq', 'at', 'category', 'type', 'source', 'action', 'result', 'reason', 'services', 'added', 'removed'],
  ...['id', 'note', 'boot', 'uptime', 'state', 'previous', 'hash'],
];

/** The same for a spreadsheet (RFC 4180), a line for each entry. */
export const historyCsv = ({ entries }: Pick<History, 'entries'>): string[] => [
  COLUMNS.join(','),
  ...entries.map((one) =>
    [
      ...[one.seq, one.at, one.category, one.type, sourceText(one.source), one.action, one.result, one.reason],
      ...[one.services.join(' '), one.rules.added.join('; '), one.rules.removed.join('; ')],
      ...[one.id, one.note, one.uptime.boot, one.uptime.ms, one.state, one.previous, one.hash],
    ]
      .map(cell)
      .join(','),
  ),
];

/** What a spreadsheet would take for a formula is text there with an apostrophe before it. */
function cell(value: string | number): string {
  const text = String(value).replace(/\p{C}|\p{Zl}|\p{Zp}/gu, '?');
  const safe = /^\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return `"${safe.replace(/"/g, '""')}"`;
}
