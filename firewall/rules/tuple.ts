/** ufw's `### tuple ###` lines: the only part of a rule file that ufw itself reads. */
import { isIP } from 'node:net';
import { isMulti } from './ports';
import { type Action, ANYWHERE, type Family, type Rule } from './rule';

const MARK = /^### tuple ###\s*/;
const PROTOCOLS = new Set(['any', 'tcp', 'udp', 'ipv6', 'esp', 'ah', 'igmp', 'gre', 'vrrp']);
const INTERFACE = /^[a-zA-Z0-9_\-.+,=%@]{1,15}$/;
/** iptables' multiport match holds 15 ports, a range counts as two. */
const MAX_PORTS = 15;

export const isTupleLine = (line: string): boolean => MARK.test(line);

/** The rule of one tuple line, or null where ufw would skip it as malformed. */
export function parseTuple(line: string, family: Family): Rule | null {
  const [body = '', commentPart, ...more] = line.split(' comment=');
  const comment = (commentPart ?? '').trim();
  if (more.length > 0 || !/^(?:[0-9a-fA-F]{2})*$/.test(comment)) return null;
  const fields = body.replace(MARK, '').trim().split(/\s+/);
  if (fields.length < 6 || fields.length > 9) return null;
  const [actionField = '', protocol = '', dport = '', dst = '', sport = '', src = '', dapp = '', sapp = ''] = fields;
  // Files of old releases have six fields, or eight with applications, and no direction: all of them are incoming.
  const scope = parseScope((fields.length % 2 === 1 && fields[fields.length - 1]) || 'in');
  const action = parseAction(actionField);
  if (!scope || !action || !PROTOCOLS.has(protocol)) return null;
  if (!isPorts(dport) || !isPorts(sport) || !isAddress(dst, family) || !isAddress(src, family)) return null;
  const portless = dport === 'any' && sport === 'any';
  if (protocol !== 'tcp' && protocol !== 'udp' && (isMulti(dport) || isMulti(sport))) return null;
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'any' && !portless) return null;
  const hasApps = fields.length >= 8;
  return {
    family,
    ...action,
    ...scope,
    protocol,
    dport,
    dst: anywhere(dst, family),
    sport,
    src: anywhere(src, family),
    dapp: hasApps ? appName(dapp) : '',
    sapp: hasApps ? appName(sapp) : '',
    comment,
  };
}

/** The tuple line of a rule, byte for byte as ufw writes it, without the line's end. */
export function formatTuple(rule: Rule): string {
  const action = `${rule.routed ? 'route:' : ''}${rule.action}${rule.log ? `_${rule.log}` : ''}`;
  const apps = rule.dapp || rule.sapp ? ` ${fileName(rule.dapp)} ${fileName(rule.sapp)}` : '';
  const comment = rule.comment ? ` comment=${rule.comment}` : '';
  return `### tuple ### ${action} ${rule.protocol} ${rule.dport} ${rule.dst} ${rule.sport} ${rule.src}${apps} ${formatScope(rule)}${comment}`;
}

function parseAction(field: string): Pick<Rule, 'action' | 'log' | 'routed'> | null {
  const match = /^(route:)?(allow|deny|reject|limit)(?:_(log|log-all))?$/.exec(field);
  if (!match) return null;
  return { routed: match[1] !== undefined, action: match[2] as Action, log: (match[3] ?? '') as Rule['log'] };
}

type Scope = Pick<Rule, 'direction' | 'interfaceIn' | 'interfaceOut'>;

function parseScope(field: string): Scope | null {
  if (field === 'in' || field === 'out') return { direction: field, interfaceIn: '', interfaceOut: '' };
  const both = /^in_([^!]+)!out_([^!]+)$/.exec(field);
  if (both) return checked({ direction: 'in', interfaceIn: both[1] ?? '', interfaceOut: both[2] ?? '' });
  const one = /^(in|out)_([^!]+)$/.exec(field);
  if (!one) return null;
  return one[1] === 'in'
    ? checked({ direction: 'in', interfaceIn: one[2] ?? '', interfaceOut: '' })
    : checked({ direction: 'out', interfaceIn: '', interfaceOut: one[2] ?? '' });
}

function checked(scope: Scope): Scope | null {
  return [scope.interfaceIn, scope.interfaceOut].every((name) => name === '' || INTERFACE.test(name)) ? scope : null;
}

function formatScope(rule: Rule): string {
  if (rule.interfaceIn && rule.interfaceOut) return `in_${rule.interfaceIn}!out_${rule.interfaceOut}`;
  const one = rule.interfaceIn || rule.interfaceOut;
  return one ? `${rule.direction}_${one}` : rule.direction;
}

function isPorts(field: string): boolean {
  if (field === 'any') return true;
  if (/^\d{1,5}$/.test(field)) return Number(field) >= 1 && Number(field) <= 65535;
  if (!/^\d+(?::\d+)?(?:,\d+(?::\d+)?)*$/.test(field) || field.split(/[,:]/).length > MAX_PORTS) return false;
  return field.split(',').every((part) => {
    const [first = 0, last] = part.split(':').map(Number);
    return first >= 1 && first <= 65535 && (last === undefined || (last > first && last <= 65535));
  });
}

function isAddress(field: string, family: Family): boolean {
  if (field === 'any' || field === '0.0.0.0/0' || field === '::/0') return true;
  const [address = '', mask, ...rest] = field.split('/');
  if (rest.length > 0 || isIP(address) !== (family === 'ipv4' ? 4 : 6)) return false;
  if (mask === undefined) return true;
  // To iptables a leading zero makes the number an octal one.
  if (/^(0|[1-9]\d{0,2})$/.test(mask)) return Number(mask) <= (family === 'ipv4' ? 32 : 128);
  return family === 'ipv4' && isIP(mask) === 4;
}

const anywhere = (field: string, family: Family): string =>
  field === 'any' || field === '0.0.0.0/0' || field === '::/0' ? ANYWHERE[family] : field;

const appName = (field: string): string => (field === '-' ? '' : field.replace(/%20/g, ' '));
const fileName = (app: string): string => (app ? app.replace(/ /g, '%20') : '-');
