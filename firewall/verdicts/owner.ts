/** Whose a rule is, guessed from where it stands and what it says. */
import { fromBytes } from '../printable';

/** What decided: a rule, or the policy of a chain. */
export interface DecidedBy {
  /** With the table in front of it where that is not `filter`: `raw PREROUTING`. */
  chain: string;
  /** As `iptables-save` prints it, without `-A CHAIN`; null for the policy. */
  rule: string | null;
  /** `ufw` for what `ufw` commands make, `ufw base rules`, `policy`, a program's name, or `other`. */
  owner: string;
}

/** As a person reads it: what programs print is bytes, see `run`. */
export const asRead = (by: DecidedBy): DecidedBy => ({
  ...by,
  chain: fromBytes(by.chain),
  rule: by.rule && fromBytes(by.rule),
});

/** Each of them once. */
export const distinct = (deciders: readonly DecidedBy[]): DecidedBy[] => [
  ...new Map(deciders.map((one) => [JSON.stringify(one), one])).values(),
];

/** The chains that ufw keeps for what its commands make. */
const UFW_RULES = /^ufw6?-user-(?:(?:logging-)?(?:input|output|forward)|limit(?:-accept)?)$/;
/** Those that stand for its default policies. */
const UFW_POLICY = /^ufw6?-(?:track|reject|skip-to-policy)-(?:input|output|forward)$/;
/** Those of its before and after rules. */
const UFW_BASE =
  /^ufw6?-(?:(?:before|after)(?:-logging)?-(?:input|output|forward)|not-local|logging-(?:deny|allow)|caps-test)$/;

/** By the chain's name or the text of the rule; the first that fits. */
const PROGRAMS: readonly (readonly [name: string, mark: RegExp])[] = [
  ['fail2ban', /(?:^| )(?:f2b-|fail2ban)/],
  ['Tailscale', /(?:^| )ts-(?:input|forward|postrouting)|\btailscale/],
  ['CrowdSec', /crowdsec/i],
  ['Docker', /docker/i],
  ['WireGuard', /wg-quick|(?:^| )(?:! )?-[io] wg\d/],
  ['libvirt', /(?:^| )(?:LIBVIRT_|virbr\d)/],
  ['Kubernetes', /(?:^| )(?:KUBE-|cali-|CNI-)/],
  ['firewalld', /firewalld/],
];

/** @param rule null for a policy */
export function ownerOf(chain: string, rule: string | null): string {
  const name = chain.slice(chain.lastIndexOf(' ') + 1);
  if (rule === null || UFW_POLICY.test(name)) return 'policy';
  if (UFW_RULES.test(name)) return 'ufw';
  if (UFW_BASE.test(name)) return 'ufw base rules';
  const text = `${chain} ${rule}`;
  return PROGRAMS.find(([, mark]) => mark.test(text))?.[0] ?? 'other';
}
