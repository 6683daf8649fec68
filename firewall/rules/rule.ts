/** One rule as ufw holds it: the fields of its tuple. */
export type Family = 'ipv4' | 'ipv6';
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

export type Action = 'allow' | 'deny' | 'reject' | 'limit';

export interface Rule {
  family: Family;
  action: Action;
  log: '' | 'log' | 'log-all';
  /** A `ufw route` rule, about packets that pass through the device. */
  routed: boolean;
  direction: 'in' | 'out';
  /** `any` (tcp and udp where a port is named, else every protocol), tcp, udp, ah, esp, gre, ipv6, igmp, vrrp. */
  protocol: string;
  /** `any`, a port, a range `1:2` or a list of both. */
  dport: string;
  dst: string;
  sport: string;
  src: string;
  /** The ufw application profiles the ports come from; empty for none. */
  dapp: string;
  sapp: string;
  interfaceIn: string;
  interfaceOut: string;
  /** UTF-8 in hexadecimal, as the file has it. */
  comment: string;
}

export const ANYWHERE: Readonly<Record<Family, string>> = { ipv4: '0.0.0.0/0', ipv6: '::/0' };

/** An `allow in` of everything, to be narrowed by `fields`. */
export function makeRule(family: Family, fields: Partial<Rule> = {}): Rule {
  return {
    family,
    action: 'allow',
    log: '',
    routed: false,
    direction: 'in',
    protocol: 'any',
    dport: 'any',
    dst: ANYWHERE[family],
    sport: 'any',
    src: ANYWHERE[family],
    dapp: '',
    sapp: '',
    interfaceIn: '',
    interfaceOut: '',
    comment: '',
    ...fields,
  };
}

/** What makes two rules the same to ufw, whatever their action, log flag and comment: it keeps one rule per identity. */
export function identity(rule: Rule): string {
  const { family, routed, direction, protocol, dport, dst, sport, src, dapp, sapp, interfaceIn, interfaceOut } = rule;
  return [family, routed, direction, protocol, dport, dst, sport, src, dapp, sapp, interfaceIn, interfaceOut].join(' ');
}

/** Whether two rules have the same identity; quicker than comparing texts. */
export function sameIdentity(a: Rule, b: Rule): boolean {
  return (
    a.dport === b.dport &&
    a.protocol === b.protocol &&
    a.family === b.family &&
    a.routed === b.routed &&
    a.direction === b.direction &&
    a.dst === b.dst &&
    a.sport === b.sport &&
    a.src === b.src &&
    a.dapp === b.dapp &&
    a.sapp === b.sapp &&
    a.interfaceIn === b.interfaceIn &&
    a.interfaceOut === b.interfaceOut
  );
}

/** Whether a rule blocks: silently, or with an answer. */
export const isBlock = ({ action }: Rule): boolean => action === 'deny' || action === 'reject';

/** The text of a rule's comment. */
export function commentText(rule: Rule): string {
  return rule.comment === '' ? '' : Buffer.from(rule.comment, 'hex').toString('utf8');
}

/**
 * The key under which ufw shows several tuples of one application rule as one row; empty for other rules.
 * As `UFWRule.get_app_tuple`.
 */
export function appKey(rule: Rule): string {
  if (!rule.dapp && !rule.sapp) return '';
  const scope = [rule.interfaceIn && `in_${rule.interfaceIn}`, rule.interfaceOut && `out_${rule.interfaceOut}`];
  return [
    rule.dapp || rule.dport,
    rule.dst,
    rule.sapp || rule.sport,
    rule.src,
    scope.filter(Boolean).join(' ') || rule.direction,
  ].join(' ');
}

/** For each rule, the number `ufw status numbered` shows it under: tuples of one application rule share theirs. */
export function numbered(rules: readonly Rule[]): number[] {
  const numbers = new Map<string, number>();
  let next = 1;
  return rules.map((rule) => {
    const key = appKey(rule);
    const known = key ? numbers.get(key) : undefined;
    if (known !== undefined) return known;
    if (key) numbers.set(key, next);
    return next++;
  });
}
