/**
 * What only one of two lists of rules has, the order of which matters; all between the first and the last difference where the
 * rest is in another order.
 * @param keyOf a text that is the same for rules that are taken as the same
 */
export function changes<Rule>(
  old: readonly Rule[],
  next: readonly Rule[],
  keyOf: (rule: Rule) => string,
): { gone: Rule[]; fresh: Rule[] } {
  if (old === next) return { gone: [], fresh: [] };
  const isSame = (one: Rule | undefined, other: Rule | undefined): boolean =>
    one === other || (one !== undefined && other !== undefined && keyOf(one) === keyOf(other));
  const shorter = Math.min(old.length, next.length);
  let first = 0;
  while (first < shorter && isSame(old[first], next[first])) first++;
  let tail = 0;
  while (tail < shorter - first && isSame(old[old.length - 1 - tail], next[next.length - 1 - tail])) tail++;
  const [from, to] = [old.slice(first, old.length - tail), next.slice(first, next.length - tail)];
  const [oldKeys, nextKeys] = [new Set(from.map(keyOf)), new Set(to.map(keyOf))];
  const staying = from.filter((rule) => nextKeys.has(keyOf(rule)));
  const stayed = to.filter((rule) => oldKeys.has(keyOf(rule)));
  const isInOrder = staying.length === stayed.length && staying.every((one, at) => isSame(one, stayed[at]));
  if (!isInOrder) return { gone: from, fresh: to };
  return {
    gone: from.filter((rule) => !nextKeys.has(keyOf(rule))),
    fresh: to.filter((rule) => !oldKeys.has(keyOf(rule))),
  };
}
