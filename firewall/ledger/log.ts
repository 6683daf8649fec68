/** An entry as the system's journal and syslog get it. */
import type { Entry } from './entry';
import type { Source } from './source';

/** Of syslog's severities: what was done is a notice, what was refused or amiss a warning. */
const NOTICE = 5;
const WARNING = 4;

/** Authorization messages (4) of syslog's facilities. */
const AUTH = 4;

const AMISS: readonly string[] = ['refusal', 'interrupted', 'drift', 'cut', 'begin'];

/** Who it was, in a few words. */
export function sourceText(source: Source): string {
  switch (source.kind) {
    case 'flow':
      return `flow ${source.flowName || source.flow}, node ${source.name || source.node}`;
    case 'operator':
      return `operator ${source.name || '(no key)'}, request ${source.id}`;
    case 'console':
      return `console ${source.user || '(nobody)'}${source.tty && ` on ${source.tty}`}`;
    default:
      return source.kind;
  }
}

/** One line, as people read it. */
export function logLine({ seq, type, action, result, source, reason, services, hash }: Entry): string {
  const what = [`#${seq} ${type}: ${action}`, ...(result === 'done' ? [] : [result])].join(' – ');
  const where = services.length > 0 ? `; services ${services.slice(0, 20).join(', ')}` : '';
  return `${what}; by ${sourceText(source)}${reason && `; reason: ${reason}`}${where}; hash ${hash}`;
}

/** What `logger --journald` reads: a field a line. Nothing in an entry has a line of its own. */
export function logFields(entry: Entry): string {
  const { seq, at, category, type, id, action, result, source, reason, services, rules, state, previous, hash } = entry;
  const fields = {
    MESSAGE: logLine(entry),
    PRIORITY: AMISS.includes(type) ? WARNING : NOTICE,
    ...{ SYSLOG_FACILITY: AUTH, SYSLOG_IDENTIFIER: 'smartserver-firewall' },
    ...{ FIREWALL_SEQ: seq, FIREWALL_AT: at, FIREWALL_CATEGORY: category, FIREWALL_TYPE: type, FIREWALL_ID: id },
    ...{ FIREWALL_ACTION: action, FIREWALL_RESULT: result, FIREWALL_REASON: reason },
    ...{ FIREWALL_SOURCE: source.kind, FIREWALL_SOURCE_DETAILS: JSON.stringify(source) },
    ...{ FIREWALL_SERVICES: services.join(','), FIREWALL_RULES: JSON.stringify(rules).slice(0, 8192) },
    ...{ FIREWALL_STATE: state, FIREWALL_PREVIOUS: previous, FIREWALL_HASH: hash },
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
