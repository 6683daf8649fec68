/** From a node's properties and a message to a request. Nothing is validated here: the engine's schemas do that. */
import type { Node, NodeAPI, NodeMessageInFlow } from 'node-red';
import { readable } from '../firewall/bounded';
import { FirewallError, say } from '../firewall/errors';
import { printable } from '../firewall/printable';

/** Without the properties that have no value, so that the engine's defaults apply. */
export function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** The editor's forms store numbers as text, and an empty string for none. */
export function asNumber(value: unknown): unknown {
  if (value === '') return undefined;
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}

/** A property of a node with its `…Type` companion. */
export interface TypedInput {
  property: string;
  value: unknown;
  /** As named by the editor's TypedInput; `str` if a flow has none. */
  type: unknown;
}

/** In an object, since a promise of the value itself would call its method `then`, if it has one. */
interface Boxed {
  value: unknown;
}

/** The types whose value is in the node itself and not in the message, the context or the environment. */
const FIXED = ['str', 'num', 'bool', 'json'];

/**
 * The value of a TypedInput for this message, unchanged; undefined only if the node has no such property, nor says where to
 * take it from.
 * @throws FirewallError INVALID_INPUT naming the property, if it cannot be evaluated or what it refers to is missing.
 *   A missing value must never become the engine's default: that would toggle SSH, or let in every address.
 */
export async function evaluate(RED: NodeAPI, node: Node, msg: NodeMessageInFlow, input: TypedInput): Promise<Boxed> {
  const { property, value } = input;
  const type = String(input.type ?? 'str');
  if (value === undefined && FIXED.includes(type)) return { value };
  const source = `${property}: ${type} ${printable(value)}`;
  const { value: result } = await evaluated(RED, node, msg, String(value), type).catch((cause) => {
    throw new FirewallError(
      'INVALID_INPUT',
      { what: say`${source} cannot be evaluated (${readable(property, () => reason(cause))}).` },
      cause,
    );
  });
  // Node-RED evaluates an environment variable that is not set to an empty string.
  const missing = result === undefined || (type === 'env' && result === '');
  if (missing && !FIXED.includes(type)) {
    throw new FirewallError('INVALID_INPUT', { what: say`${source} has no value.` });
  }
  return { value: result };
}

function evaluated(RED: NodeAPI, node: Node, msg: NodeMessageInFlow, value: string, type: string): Promise<Boxed> {
  return new Promise((resolve, reject) => {
    RED.util.evaluateNodeProperty(value, type, node, msg, (err, result) =>
      err ? reject(err) : resolve({ value: result }),
    );
  });
}

/** JSONata's errors are plain objects with a message. */
function reason(cause: unknown): string {
  const message = (cause as { message?: unknown } | null)?.message ?? cause;
  return printable(String(message)).slice(1, -1);
}

/** Why something is asked for, as the node or its message says; undefined where neither does. @throws FirewallError INVALID_INPUT */
export async function reasonOf(
  RED: NodeAPI,
  node: Node,
  msg: NodeMessageInFlow,
  { reason: value, reasonType: type }: Record<string, unknown>,
): Promise<unknown> {
  if (value === undefined) return undefined;
  return (await evaluate(RED, node, msg, { property: 'reason', value, type })).value;
}
