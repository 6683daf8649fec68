/**
 * Upgrades the stored definition of a node to the version that this package reads. Every node stores the `version` of its
 * properties; the first is 1, and a hand-written flow may omit it.
 */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { asFirewallError, FirewallError, say } from '../firewall/errors';
import { printable } from '../firewall/printable';
import { answerMessages } from './answer';
import { translated } from './translated';

type Stored = NodeDef & { version?: unknown };
/** Converts the properties of one version to those of the next. */
type Migration = (def: Stored) => Stored;

/** By type of node: the first converts version 1 to version 2, and so on. Each type has its own versions. */
type Migrations = Readonly<Record<string, readonly Migration[]>>;

/** So far every node is still at its first version. */
const MIGRATIONS: Migrations = {};

/** The version of its properties that a node of this type stores now. */
export const versionOf = (type: string, migrations = MIGRATIONS): number => 1 + (migrations[type]?.length ?? 0);

/**
 * The definition with the properties that the nodes read.
 * @throws FirewallError INVALID_INPUT if a later version of the package saved it, so that its properties are not understood.
 */
export function upToDate<Def extends Stored>(stored: Def, migrations = MIGRATIONS): Def {
  const { type, version = 1 } = stored;
  const known = versionOf(type, migrations);
  if (!Number.isInteger(version) || Number(version) < 1) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`version: must be a whole number of at least 1 (got ${printable(version)}).`,
    });
  }
  if (Number(version) > known) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`version: this node was saved by a newer version of the package (${version}; this one supports up to ${known}), and is not used.`,
      remedy: say`Update @smartserver/node-red-firewall, or replace the node with a new one.`,
    });
  }
  const due = migrations[type]?.slice(Number(version) - 1) ?? [];
  return due.reduce<Stored>((def, migrate) => migrate(def), stored) as Def;
}

/**
 * Creates the node and returns its upgraded definition; null if a later version saved it. Such a node reports that when
 * flows start, and answers each message with that error: half understood, it might open what it was meant to close.
 */
export function fromStored<Def extends Stored>(RED: NodeAPI, node: Node, stored: Def): Def | null {
  RED.nodes.createNode(node, stored);
  try {
    return upToDate(stored);
  } catch (cause) {
    const error = translated(RED, asFirewallError(cause));
    const show = answerMessages(RED, node, async () => {
      throw error;
    });
    show('error', error.code);
    node.warn(error.message);
    return null;
  }
}
