/**
 * The program that `setup` has installed stays as it is when the package is updated, and may be older or newer. Both do what
 * both know: a request has only what differs from a default, and the answer of an older program is completed. A lockdown is
 * held up by nothing.
 */
import { version } from '../package.json';
import { FirewallError, phrase, say } from './errors';
import { type Method, REQUESTS, type Settings, settings as settingsSchema } from './messages';

export type Values = Readonly<Record<string, unknown>>;

const isValues = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What holds where nothing is said, by the keys of a schema. */
const defaultsOf = (shape: Readonly<Record<string, { safeParse(value: unknown): { data?: unknown } }>>): Values =>
  Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, schema.safeParse(undefined).data]));

const differing = (values: Values, defaults: Values): Values =>
  Object.fromEntries(
    Object.entries(values).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(defaults[key])),
  );

/** What a request can be made without, and still be what it is: the package says these, not who asks. */
const DISPENSABLE = ['version', 'since'];
export const isDispensable = (key: string): boolean => DISPENSABLE.includes(key);

/** One of any method; with these alone, what a call of one method is, is one of them. */
interface Question {
  method: Method;
  request: Values;
  since?: number | undefined;
}

/** A request as it is sent. @param lacking which of these the program does not know */
export const toSend = (settings: Settings, call: Question, lacking: ReadonlySet<string>): Values => ({
  version: lacking.has('version') ? undefined : version,
  settings: differing(settings, defaultsOf(settingsSchema.shape)),
  call: {
    ...call,
    since: lacking.has('since') ? undefined : call.since,
    request: differing(call.request, defaultsOf(REQUESTS[call.method].shape)),
  },
});

/** As zod and `check` word it, in every version of this package. */
const UNKNOWN = /^INVALID_INPUT: (the request|[\w.-]+): Unrecognized keys?: ("[^"]+"(?:, "[^"]+")*) \(/;
const UNKNOWN_METHOD = /^INVALID_INPUT: call\.method: /;

/**
 * What is sent instead where the program says that it does not know all of a request: fewer settings, which are for many
 * requests, and for a lockdown whatever it does not know. Null where it says something else.
 * @throws FirewallError OUTDATED where something would be left out that this request is about
 */
export function withoutUnknown(sent: Values, message: string): { sent: Values; unknown: readonly string[] } | null {
  const call = isValues(sent.call) ? sent.call : {};
  if (UNKNOWN_METHOD.test(message)) throw outdated([String(call.method)]);
  const [, place = '', names] = UNKNOWN.exec(message) ?? [];
  if (names === undefined) return null;
  const path = place === 'the request' ? [] : place.split('.');
  // What has something in it that is not known is left out as a whole.
  const top = path[0] === 'settings' ? 1 : Math.min(path.length, 2);
  const within = path[top];
  const unknown = within === undefined ? names.split(', ').map((name) => name.slice(1, -1)) : [within];
  const isLockdown = call.method === 'setProfile' && isValues(call.request) && call.request.profile === 'lockdown';
  const isSetting = path.length === 1 && path[0] === 'settings';
  if (!isLockdown && !isSetting && !unknown.every(isDispensable)) throw outdated(unknown);
  const less = left(sent, path.slice(0, top), unknown);
  return JSON.stringify(less) === JSON.stringify(sent) ? null : { sent: less, unknown };
}

/** The values without some keys of those at a path. */
function left(values: Values, [step, ...rest]: readonly string[], keys: readonly string[]): Values {
  if (step === undefined) return Object.fromEntries(Object.entries(values).filter(([key]) => !keys.includes(key)));
  const inner = values[step];
  return isValues(inner) ? { ...values, [step]: left(inner, rest, keys) } : values;
}

export const SETUP_AGAIN = phrase`Run "sudo npx smartserver-firewall setup" again, in the folder where this package is installed for Node-RED (~/.node-red).`;

const outdated = (unknown: readonly string[]): FirewallError =>
  new FirewallError('OUTDATED', {
    what: say`the program that setup has installed is of another version and does not know ${unknown.join(', ')}.`,
    remedy: { template: SETUP_AGAIN, values: [] },
  });

/** What the program did without, for the warnings of a result. */
export const doneWithout = (unknown: readonly string[]): string =>
  `The program that setup has installed is of another version and does not know ${unknown.join(', ')}: done without. ${SETUP_AGAIN}`;

/** What an answer of an older program says nothing of, and what that stands for. */
const LACKING = {
  service: { decidedBy: { in: [], out: [] }, undecided: [] },
  state: { findings: [], schedules: [], peers: null, learning: null },
  result: { stillOpen: [], lease: null },
};

/** An answer with all that one of this version has. @param warnings to be said with it, where an answer has some */
export function completed(answer: unknown, warnings: readonly string[]): unknown {
  if (!isValues(answer)) return answer;
  if (Array.isArray(answer.services)) return completedState(answer, answer.services);
  const { state } = answer;
  return {
    ...('added' in answer ? LACKING.result : {}),
    ...answer,
    ...(isValues(state) && Array.isArray(state.services) ? { state: completedState(state, state.services) } : {}),
    ...(Array.isArray(answer.warnings) ? { warnings: [...answer.warnings, ...warnings] } : {}),
  };
}

const completedState = (state: Values, services: readonly unknown[]): Values => ({
  ...LACKING.state,
  ...state,
  services: services.map((one) => (isValues(one) ? { ...LACKING.service, ...one } : one)),
});
