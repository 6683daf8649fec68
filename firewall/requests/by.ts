/** Who asked for a request. */
import type { By, Source } from '../ledger/source';
import type { Call, Method } from '../messages';

/** An operator's request is his, whatever node has handed it on. */
export function byOf({ source, order, request }: Pick<Call, 'source' | 'order' | 'request'>): By {
  const reason = 'reason' in request ? request.reason : '';
  if (order) return { source: { kind: 'operator', name: order.key ?? '', id: order.id }, reason };
  return { source: source ?? { kind: 'unknown' }, reason };
}

/** What may have an entry that says where it came from. */
const ENTERED: ReadonlySet<Method> = new Set<Method>([
  ...(['setProfile', 'toggleService', 'changeWebPorts', 'confirm', 'restore'] as const),
  ...(['schedule', 'unschedule', 'override', 'learn', 'refused'] as const),
]);

/** A call that says where it comes from, if it may have an entry. */
export const withSource = <C extends Pick<Call, 'method' | 'source'>>(call: C, source: Source | undefined): C =>
  source && ENTERED.has(call.method) ? { ...call, source } : call;
