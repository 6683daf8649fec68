/**
 * What is looked at of a value from outside before a schema judges it. A message may hold anything that a function node or a
 * parser can make: bytes by the million, a text of any length, nesting of any depth, properties that throw when they are
 * read. So a copy is judged, of no more than the schema speaks of, in which each property was read once.
 */
import type * as z from 'zod/mini';
import { FirewallError, type Sentence, say } from './errors';
import { printable } from './printable';

/** No request and no settings come near so many values … */
const MOST_VALUES = 20_000;
/** … nor near a text of so many characters. */
const LONGEST_TEXT = 4096;
/** So many properties that nobody knows are named in an error. */
const MOST_UNKNOWN = 5;
/** What objects of JSON are, those of a function node's own world too, and maps, bytes and dates are not. */
const PLAIN = '[object Object]';

type Schema = z.core.$ZodType;

/**
 * @returns a copy for the schema to judge. Where the schema has no place for a list or an object, an empty one stands for it.
 * @throws FirewallError INVALID_INPUT, naming the property: it cannot be read, is no object as JSON has them, is larger than
 *   anything that could be meant, or is named `__proto__`, which JSON.parse makes and schemas do not see.
 */
export function bounded(schema: Schema, value: unknown): unknown {
  let left = MOST_VALUES;

  const copied = (at: string, from: unknown, schemas: readonly Schema[]): unknown => {
    if (typeof from === 'string' && from.length > LONGEST_TEXT) {
      throw invalid(at, say`must be a text of at most ${LONGEST_TEXT} characters`);
    }
    if (typeof from !== 'object' || from === null) return from;
    const looked = schemas.flatMap(structures);
    return readable(at, () => (Array.isArray(from) ? listOf(at, from, looked) : objectOf(at, from, looked)));
  };

  const spend = (at: string, count: number): void => {
    // What counts itself may say anything.
    if (!(count >= 0 && count <= left)) throw invalid(at, say`holds more than anything that could be meant`);
    left -= count;
  };

  const listOf = (at: string, from: readonly unknown[], looked: readonly Structure[]): unknown[] => {
    const elements = looked.flatMap((one) => (one.type === 'array' ? [one.element] : []));
    if (elements.length === 0) return [];
    const { length } = from;
    spend(at, length);
    return Array.from({ length }, (_, index) => copied(below(at, index), from[index], elements));
  };

  const objectOf = (at: string, from: object, looked: readonly Structure[]): object => {
    const isMeant = looked.some(({ type }) => type !== 'array');
    if (!isMeant) return {};
    if (Object.prototype.toString.call(from) !== PLAIN) throw invalid(at, say`must be an object as JSON has them`);
    const keys = Object.keys(from);
    spend(at, keys.length);
    const copy: Record<string, unknown> = {};
    let unknown = 0;
    for (const key of keys) {
      if (key === '__proto__') throw invalid(below(at, key), say`properties with this name are not allowed`);
      const schemas = looked.flatMap((one) => valuesAt(one, key));
      if (schemas.length > 0) copy[key] = copied(below(at, key), (from as Record<string, unknown>)[key], schemas);
      else if (++unknown <= MOST_UNKNOWN) copy[printable(key).slice(1, -1)] = null;
    }
    return copy;
  };

  return copied('', value, [schema]);
}

/** What a schema says of a list or an object. */
type Structure = z.core.$ZodArrayDef | z.core.$ZodObjectDef | z.core.$ZodRecordDef;

/** All lists and objects that a schema has a place for. */
function structures(schema: Schema): Structure[] {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'array':
    case 'object':
    case 'record':
      return [def];
    case 'union':
      return def.options.flatMap(structures);
    case 'pipe':
      return [def.in, def.out].flatMap(structures);
    case 'default':
    case 'prefault':
    case 'optional':
    case 'nullable':
    case 'readonly':
      return structures(def.innerType);
    default:
      return [];
  }
}

/** What a structure says of the property of this name; nothing where it knows none. */
function valuesAt(structure: Structure, key: string): Schema[] {
  if (structure.type === 'array') return [];
  if (structure.type === 'record') return [structure.valueType];
  const { shape } = structure;
  return Object.prototype.hasOwnProperty.call(shape, key) ? [shape[key] as Schema] : [];
}

/**
 * Reads what may throw when it is read: a property with a getter, or what stands behind a Proxy.
 * @param at names it
 * @throws FirewallError INVALID_INPUT
 */
export function readable<Value>(at: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof FirewallError) throw error;
    throw invalid(at, say`cannot be read`);
  }
}

const invalid = (at: string, what: Sentence): FirewallError =>
  new FirewallError('INVALID_INPUT', { what: say`${at || 'the request'}: ${what}.` });

const below = (at: string, step: PropertyKey): string => (at ? `${at}.${property(step)}` : property(step));

/** A step of a path in words: bare where it is a name. */
export const property = (step: PropertyKey): string =>
  /^[\w-]{1,60}$/.test(String(step)) ? String(step) : printable(step);
