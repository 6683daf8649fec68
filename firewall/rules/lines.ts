/** The iptables lines that ufw derives from a rule, as it writes them into its rule files (ufw 0.36: `_get_rules_from_formatted`). */

import { isMulti } from './ports';
import { ANYWHERE, type Rule } from './rule';

const LOG_LIMIT = '-m limit --limit 3/min --limit-burst 10';
const NEW = '-m conntrack --ctstate NEW';

/** Chain prefix of a family: `ufw` or `ufw6`. */
export const chainPrefix = (family: Rule['family']): string => (family === 'ipv4' ? 'ufw' : 'ufw6');

/** The chain a rule stands in, without the prefix. */
export const chainOf = (rule: Rule): 'input' | 'output' | 'forward' =>
  rule.routed ? 'forward' : rule.direction === 'out' ? 'output' : 'input';

/** The rule's lines in the order ufw writes them, without line ends. */
export function ruleLines(rule: Rule): string[] {
  const prefix = chainPrefix(rule.family);
  const chain = chainOf(rule);
  return protocolsOf(rule).flatMap((protocol) => {
    const match = matchOf(rule, protocol);
    const comment = appComment(rule);
    const head = `-A ${prefix}-user-${chain}${match}`;
    return [...logLines(rule, match, prefix, chain), ...verdictLines(rule, head, protocol, comment, prefix)];
  });
}

/** iptables cannot match a port without a protocol, so ufw writes a rule for `any` and a port once for tcp, once for udp. */
function protocolsOf(rule: Rule): readonly string[] {
  if (rule.protocol !== 'any') return [rule.protocol];
  return rule.dport === 'any' && rule.sport === 'any' ? [''] : ['tcp', 'udp'];
}

function matchOf(rule: Rule, protocol: string): string {
  const { dport, sport, dst, src } = rule;
  const everywhere = ANYWHERE[rule.family];
  const multi = isMulti(dport) || isMulti(sport);
  let match = '';
  if (rule.interfaceIn) match += ` -i ${rule.interfaceIn}`;
  if (rule.interfaceOut) match += ` -o ${rule.interfaceOut}`;
  if (protocol) match += ` -p ${protocol}`;
  if (multi) match += ' -m multiport';
  if (multi && dport !== 'any') match += ` --dports ${dport}`;
  if (multi && dport !== 'any' && sport !== 'any') match += ' -m multiport';
  if (multi && sport !== 'any') match += ` --sports ${sport}`;
  if (dst !== everywhere) match += ` -d ${dst}`;
  if (!multi && dport !== 'any') match += ` --dport ${dport}`;
  if (src !== everywhere) match += ` -s ${src}`;
  if (!multi && sport !== 'any') match += ` --sport ${sport}`;
  return match;
}

function appComment(rule: Rule): string {
  const names = [rule.dapp && `dapp_${rule.dapp}`, rule.sapp && `sapp_${rule.sapp}`].filter(Boolean);
  return names.length === 0 ? '' : ` -m comment --comment '${names.join(',').replace(/ /g, '%20')}'`;
}

const LOG_PREFIX: Readonly<Record<Rule['action'], string>> = {
  allow: 'ALLOW',
  limit: 'LIMIT',
  deny: 'BLOCK',
  reject: 'BLOCK',
};

function logLines(rule: Rule, match: string, prefix: string, chain: string): string[] {
  if (!rule.log) return [];
  const logging = `${prefix}-user-logging-${chain}`;
  const state = rule.log === 'log' ? `${NEW} ` : '';
  return [
    `-A ${logging}${match} ${state}${LOG_LIMIT} -j LOG --log-prefix "[UFW ${LOG_PREFIX[rule.action]}] "`,
    `-A ${logging}${match} -j RETURN`,
    `-A ${prefix}-user-${chain}${match} -j ${logging}`,
  ];
}

function verdictLines(rule: Rule, head: string, protocol: string, comment: string, prefix: string): string[] {
  switch (rule.action) {
    case 'allow':
      return [`${head} -j ACCEPT${comment}`];
    case 'deny':
      return [`${head} -j DROP${comment}`];
    case 'reject':
      // TCP's own answer to a closed port is a reset.
      return [`${head} -j REJECT${protocol === 'tcp' ? ' --reject-with tcp-reset' : ''}${comment}`];
    case 'limit':
      return [
        `${head} ${NEW} -m recent --set${comment}`,
        `${head} ${NEW} -m recent --update --seconds 30 --hitcount 6 -j ${prefix}-user-limit${comment}`,
        `${head} -j ${prefix}-user-limit-accept${comment}`,
      ];
  }
}
