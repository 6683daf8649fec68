/** ufw's default policies, by the chain that each decides for. */
import type { Policies } from '../results';

/** The built-in chains, by the names that ufw's chains end with. */
export const CHAINS = ['input', 'output', 'forward'] as const;
export type ChainName = (typeof CHAINS)[number];

export const POLICY_OF: Readonly<Record<ChainName, keyof Policies>> = {
  input: 'incoming',
  output: 'outgoing',
  forward: 'routed',
};

/** The policies, and in which of them two sets differ. */
export const POLICY_KEYS: readonly (keyof Policies)[] = ['incoming', 'outgoing', 'routed'];

export const differingPolicies = (a: Policies, b: Policies): (keyof Policies)[] =>
  POLICY_KEYS.filter((key) => a[key] !== b[key]);
