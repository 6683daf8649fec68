/**
 * A list of boxes made ready to be asked which of them packets can meet. Boxes that differ in nothing but their addresses,
 * as those of a blocklist, are one group; groups about one port are found by it, as most questions are about one port.
 */
import { ALL_ADDRESSES, type Box, touches } from './boxes';

interface Group {
  /** With any addresses. */
  box: Box;
  /** Where in the list its boxes stand, in order. */
  places: number[];
}

export interface Groups {
  ofPort: ReadonlyMap<number, readonly Group[]>;
  /** Those about more ports than one. */
  ofMany: readonly Group[];
}

/** @param list boxes, each with a text that is the same for all that differ in nothing but their addresses */
export function groupsOf(list: readonly { box: Box; kind: string }[]): Groups {
  const byKind = new Map<string, Group>();
  const ofPort = new Map<number, Group[]>();
  const ofMany: Group[] = [];
  for (const [at, { box, kind }] of list.entries()) {
    const known = byKind.get(kind);
    if (known) {
      known.places.push(at);
      continue;
    }
    const group: Group = { box: { ...box, src: ALL_ADDRESSES, dst: ALL_ADDRESSES }, places: [at] };
    byKind.set(kind, group);
    const [first, last] = box.dport;
    const before = ofPort.get(first);
    if (first !== last) ofMany.push(group);
    else if (before) before.push(group);
    else ofPort.set(first, [group]);
  }
  return { ofPort, ofMany };
}

export const NO_GROUPS: Groups = { ofPort: new Map(), ofMany: [] };

/** Where in the list those stand that packets of a region can meet if their addresses agree, in order. */
export function placesNear({ ofPort, ofMany }: Groups, region: Box): readonly number[] {
  const near = ofMany.filter(({ box }) => touches(region, box));
  const [first, last] = region.dport;
  const single = first === last ? [ofPort.get(first) ?? []] : [...ofPort.values()];
  for (const groups of single) near.push(...groups.filter(({ box }) => touches(region, box)));
  const [only, ...more] = near;
  if (only && more.length === 0) return only.places;
  return near.flatMap(({ places }) => places).sort((a, b) => a - b);
}
