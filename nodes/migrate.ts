/**
 * What a flow stores of a node, brought to what this version of the package reads. Every node stores the `version` of its
 * properties; the first is 1, and a flow written by hand may leave it out.
 */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { asFirewallError, FirewallError, say } from '../firewall/errors';
import { printable } from '../firewall/printable';
import { answerMessages } from './answer';
import { translated } from './translated';

type Stored = NodeDef & { version?: unknown };
/** Makes the properties of one version those of the next. */
type Migration = (def: Stored) => Stored;

/** By type of node: the first makes version 1 to version 2, and so on. Versions count for each type by itself. */
type Migrations = Readonly<Record<string, readonly Migration[]>>;

/** So far each node is stored as it was first. */
const MIGRATIONS: Migrations = {};

/** The version of its properties that a node of this type stores now. */
export const versionOf = (type: string, migrations = MIGRATIONS): number => 1 + (migrations[type]?.length ?? 0);

/**
 * The definition with the properties that the nodes read.
 * @throws FirewallError INVALID_INPUT: a later version of the package saved it, and what its properties mean is not known.
 */
export function upToDate<Def extends Stored>(stored: Def, migrations = MIGRATIONS): Def {
  const { type, version = 1 } = stored;
  const known = versionOf(type, migrations);
  if (!Number.isInteger(version) || Number(version) < 1) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`version: must be a whole number from 1 (got ${printable(version)}).`,
    });
  }
  if (Number(version) > known) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`version: this node was saved by a newer version of the package (${version}; this one knows up to ${known}), and is not used.`,
      remedy: say`Update @smartserver/node-red-firewall, or put the node in anew.`,
    });
  }
  const due = migrations[type]?.slice(Number(version) - 1) ?? [];
  return due.reduce<Stored>((def, migrate) => migrate(def), stored) as Def;
}

/**
 * Makes the node, and gives its definition up to date; null where a later version saved it. Such a node says so as flows
 * start, and answers each message with that error: half understood, it might open what it was to close.
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
