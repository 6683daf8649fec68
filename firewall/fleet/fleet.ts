/** From an operator's request to the engine's calls, and from what comes of them to the answer. */

import { readable } from '../bounded';
import { asFirewallError, type FirewallError, inEnglish } from '../errors';
import { type Call, check, type Method, type OperatorKey, requestId } from '../messages';
import { isCarriedOut, isRepetition } from '../requests/order';
import type { Answers, ChangeResult, Confirmation, Repetition, State } from '../results';
import type { FleetResult } from './answer';
import { FLEET_ACTIONS, type FleetRequest, fleetRequest } from './envelope';
import { opened, refuseBeyond, requestIn, type Trust } from './signature';
import { summaryOf } from './summary';

/** Has the engine make a call. */
type Ask = <M extends Method>(call: Call<M>) => Promise<Answers[M]>;

/** What no request may do here, whatever it says. */
export interface Limits {
  /** It may not let anything more in or out. */
  onlyTighten?: boolean;
}

/** The answer, and what went wrong, with its sentences. */
export interface FleetDone {
  result: FleetResult;
  error: FirewallError | null;
}

/** Warnings in an answer, and characters in each: they may quote what stands in files. */
const MOST_WARNINGS = 10;
const LONGEST_TEXT = 500;

/**
 * Does what the envelope asks for. Never rejects.
 */
export async function fleet(envelope: unknown, ask: Ask, trust: Trust, limits: Limits = {}): Promise<FleetDone> {
  const started = process.hrtime.bigint();
  const answer = (known: Partial<FleetResult>, ended: Pick<FleetResult, 'outcome'> & Partial<FleetResult>) => ({
    ...NOTHING_KNOWN,
    ...known,
    at: new Date().toISOString(),
    ...ended,
    warnings: (ended.warnings ?? []).slice(0, MOST_WARNINGS).map(short),
    durationMs: Number(process.hrtime.bigint() - started) / 1e6,
  });
  let known: Partial<FleetResult> = {};
  try {
    const { request: value, key } = opened(parsed(envelope), trust);
    known = namesOf(value);
    const request = check(fleetRequest, value);
    if (key) refuseBeyond(key, request, trust);
    return { result: answer(known, await carriedOut(request, ask, key, limits)), error: null };
  } catch (cause) {
    // Whatever it is: an operator who hears nothing takes the device for one that is off.
    const error = asFirewallError(cause);
    const said = { code: error.code, message: short(inEnglish(error)) };
    return { result: answer(known, { outcome: 'failed', error: said }), error };
  }
}

const NOTHING_KNOWN: Omit<FleetResult, 'at' | 'outcome' | 'durationMs'> = {
  ...{ id: null, action: null, error: null, backup: null, pending: null, profile: null, warnings: [], state: null },
};

const short = (text: string): string => text.slice(0, LONGEST_TEXT);

/** @throws FirewallError INVALID_INPUT */
function parsed(envelope: unknown): unknown {
  const text = readable('the request', () =>
    typeof envelope === 'string' || Buffer.isBuffer(envelope) ? envelope : null,
  );
  return text === null ? envelope : requestIn(text.toString());
}

/** What an answer can say of a request that may not be valid: which one it was. */
function namesOf(value: unknown): Pick<FleetResult, 'id' | 'action'> {
  const [id, action] = readable('the request', () => {
    const named = (value ?? {}) as Partial<FleetRequest>;
    return [named.id, named.action];
  });
  return {
    id: requestId.safeParse(id).data ?? null,
    action: FLEET_ACTIONS.find((one) => one === action) ?? null,
  };
}

type End = Pick<FleetResult, 'outcome'> & Partial<FleetResult>;

/** @throws FirewallError EXPIRED, INVALID_INPUT for a reading; of a change the engine decides, when it is carried out. */
async function carriedOut(envelope: FleetRequest, ask: Ask, key: OperatorKey | null, limits: Limits): Promise<End> {
  const { id, issued, expires } = envelope;
  const order = { id, issued, expires, ...(key && { key: key.name }) };
  const limited = <Request extends { onlyTighten: boolean }>(request: Request): Request =>
    limits.onlyTighten || key?.onlyTighten ? { ...request, onlyTighten: true } : request;
  switch (envelope.action) {
    case 'set-profile':
      return afterChange(await ask({ method: 'setProfile', request: limited(envelope.request), order }));
    case 'toggle-service':
      return afterChange(await ask({ method: 'toggleService', request: limited(envelope.request), order }));
    case 'change-web-ports':
      return afterChange(await ask({ method: 'changeWebPorts', request: limited(envelope.request), order }));
    case 'restore-firewall':
      return afterChange(await ask({ method: 'restore', request: limited(envelope.request), order }));
    case 'confirm-change':
      return afterConfirmation(await ask({ method: 'confirm', request: envelope.request, order }));
    case 'read-firewall':
      isCarriedOut(order, null, Date.now());
      return afterReading(await ask({ method: 'read', request: {} }));
  }
}

const afterReading = (state: State): End => ({
  ...{ outcome: 'read', profile: state.profile.name, state: summaryOf(state) },
});

function afterConfirmation(answer: Confirmation | Repetition): End {
  if (isRepetition(answer)) return afterRepetition(answer);
  return { outcome: 'confirmed', profile: answer.state.profile.name, backup: answer.id, warnings: answer.warnings };
}

function afterRepetition({ state, warnings }: Repetition): End {
  const undone = state.lastRequest?.undone ? ['Its change has been undone since.'] : [];
  return { outcome: 'repeated', profile: state.profile.name, warnings: [...undone, ...warnings] };
}

function afterChange(answer: ChangeResult | Repetition): End {
  if (isRepetition(answer)) return afterRepetition(answer);
  const { backup, warnings, dryRun, changed, pending, state } = answer;
  return {
    ...{ backup, warnings, profile: state.profile.name },
    outcome: dryRun ? 'dry-run' : changed ? 'changed' : 'unchanged',
    pending: pending && state.pending,
  };
}
