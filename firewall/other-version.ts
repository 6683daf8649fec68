/**
 * The program that `setup` has installed stays as it is when the package is updated, and may be older or newer. Both do what
 * both know: a request has only what differs from a default, and the answer of an older program is completed. A lockdown is
 * held up by nothing.
 */
import { version } from '../package.json';
import { FirewallError, phrase, say } from './errors';
import { type Method, REQUESTS, type Settings, settings as settingsSchema } from './messages';

type Values = Readonly<Record<string, unknown>>;

const isValues = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What holds where nothing is said, by the keys of a schema. */
const defaultsOf = (shape: Readonly<Record<string, { safeParse(value: unknown): { data?: unknown } }>>): Values =>
  Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, schema.safeParse(undefined).data]));

const differing = (values: Values, defaults: Values): Values =>
  Object.fromEntries(
    Object.entries(values).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(defaults[key])),
  );

/** What a request can be made without, and still be what it is: what the package says by itself, or only has reported. */
const DISPENSABLE: readonly string[] = [
  ...['version', 'call.since', 'call.order.key', 'call.source', 'call.request.reason'],
  ...['settings.operatorKeys', 'settings.fleetDevice', 'settings.fleetGroup'],
];
export const isDispensable = (path: string): boolean => DISPENSABLE.includes(path);

/** One of any method; with these alone, what a call of one method is, is one of them. */
interface Question {
  method: Method;
  request: Values;
}

/** A request as it is sent. @param lacking the paths of what the program does not know */
export const toSend = (settings: Settings, call: Question, lacking: Iterable<string>): Values =>
  without(
    {
      version,
      settings: differing(settings, defaultsOf(settingsSchema.shape)),
      call: { ...call, request: differing(call.request, defaultsOf(REQUESTS[call.method].shape)) },
    },
    lacking,
  );

/** As zod and `check` word it, in every version of this package. */
const UNKNOWN = /^INVALID_INPUT: (the request|[\w.-]+): Unrecognized keys?: ("[^"]+"(?:, "[^"]+")*) \(/;
const UNKNOWN_METHOD = /^INVALID_INPUT: call\.method: /;

/**
 * What is sent instead where the program says that it does not know all of a request: fewer settings, which are for many
 * requests, and for a lockdown whatever it does not know. Null where it says something else.
 * @returns with the paths of what was left out
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
  const keys = within === undefined ? names.split(', ').map((name) => name.slice(1, -1)) : [within];
  const unknown = keys.map((key) => [...path.slice(0, top), key].join('.'));
  const isLockdown = call.method === 'setProfile' && isValues(call.request) && call.request.profile === 'lockdown';
  const isSetting = path.length === 1 && path[0] === 'settings';
  if (!isLockdown && !isSetting && !unknown.every(isDispensable)) throw outdated(keys);
  const less = without(sent, unknown);
  return JSON.stringify(less) === JSON.stringify(sent) ? null : { sent: less, unknown };
}

/** The values without what is at these paths. */
const without = (values: Values, paths: Iterable<string>): Values =>
  [...paths].reduce((left, path) => omit(left, path.split('.')), values);

function omit(values: Values, [key = '', ...rest]: readonly string[]): Values {
  const { [key]: inner, ...others } = values;
  if (rest.length === 0) return others;
  return isValues(inner) ? { ...others, [key]: omit(inner, rest) } : values;
}

export const SETUP_AGAIN = phrase`Run "sudo npx smartserver-firewall setup" again, in the folder where this package is installed for Node-RED (~/.node-red).`;

const outdated = (unknown: readonly string[]): FirewallError =>
  new FirewallError('OUTDATED', {
    what: say`the program that setup has installed is of another version and does not know ${unknown.join(', ')}.`,
    remedy: { template: SETUP_AGAIN, values: [] },
  });

/** What the program did without, for the warnings of a result. @param paths of what it does not know */
function doneWithout(paths: readonly string[]): string[] {
  const names = paths.filter((path) => !isDispensable(path)).map((path) => path.slice(path.lastIndexOf('.') + 1));
  if (names.length === 0) return [];
  return [
    `The program that setup has installed is of another version and does not know ${names.join(', ')}: done without. ${SETUP_AGAIN}`,
  ];
}

/** What an answer of an older program says nothing of, and what that stands for. */
const LACKING = {
  service: { decidedBy: { in: [], out: [] }, undecided: [], risk: '' },
  lastRequest: { key: null },
  state: { findings: [], said: [], schedules: [], peers: null, learning: null, ledger: null },
  backup: { place: 'request' },
  confirmation: { warnings: [] },
  result: { impact: [], stillOpen: [], openToAll: [], lease: null },
};

/** An answer with all that one of this version has. @param unknown the paths of what the program did not know */
export function completed(answer: unknown, { operatorKeys }: Settings, unknown: readonly string[]): unknown {
  const ofState = (state: Values, services: readonly unknown[]): Values => ({
    // They are verified here.
    operatorKeys: operatorKeys.map(({ name }) => name),
    ...LACKING.state,
    ...state,
    ...(isValues(state.lastRequest) ? { lastRequest: { ...LACKING.lastRequest, ...state.lastRequest } } : {}),
    services: services.map((one) => (isValues(one) ? { ...LACKING.service, ...one } : one)),
  });
  if (Array.isArray(answer)) return answer.map((one) => (isValues(one) ? { ...LACKING.backup, ...one } : one));
  if (!isValues(answer)) return answer;
  if (Array.isArray(answer.services)) return ofState(answer, answer.services);
  const { state } = answer;
  return {
    ...('added' in answer ? LACKING.result : {}),
    ...('confirmed' in answer ? LACKING.confirmation : {}),
    ...answer,
    ...(isValues(state) && Array.isArray(state.services) ? { state: ofState(state, state.services) } : {}),
    ...(Array.isArray(answer.warnings) ? { warnings: [...answer.warnings, ...doneWithout(unknown)] } : {}),
  };
}
