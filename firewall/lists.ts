/**
 * What is there by construction: at an index within bounds, or where parts that touch have one in common.
 * @throws TypeError where it is not
 */
export function present<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new TypeError('A value that must be there is not.');
  return value;
}

/** Whether two lists hold the very same elements in the same order. */
export const isSameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a === b || (a.length === b.length && a.every((element, at) => element === b[at]));
