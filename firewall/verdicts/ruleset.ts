/** All that decides about packets in the kernel. */
import type { Family } from '../rules/rule';
import type { SavedTables, Table } from '../rules/tables';
import type { ForeignChain } from './foreign';

/** The tables that one kind of iptables has put into the kernel: raw, mangle, nat, filter, security. */
export type Layer = SavedTables;

/** What decides about the packets of one family. */
export interface FamilyRuleset {
  family: Family;
  /** A packet must get through all of them; the first is of the iptables that ufw uses. */
  layers: readonly Layer[];
  /** Chains that no iptables made. */
  foreign: readonly ForeignChain[];
}

/** One per family that the kernel has. */
export type Ruleset = readonly FamilyRuleset[];

/** The filter table of the iptables that ufw uses, to make another of it. */
export const filterOf = ({ layers }: FamilyRuleset): Table =>
  layers[0]?.tables.get('filter') ?? { chains: new Map(), policies: new Map() };
