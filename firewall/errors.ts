import { printable } from './printable';

/** The codes an error of this package carries. The README's troubleshooting table explains each that occurs. */
export const ERROR_CODES = [
  'INVALID_INPUT',
  'UNKNOWN_SERVICE',
  'UNKNOWN_PROFILE',
  'UNKNOWN_BACKUP',
  'NOT_PERMITTED',
  'OUTDATED',
  'NOT_SIGNED',
  'UFW_NOT_FOUND',
  'UFW_FILES_UNREADABLE',
  'BUSY',
  'STOPPED',
  'LOCKOUT',
  'WOULD_OPEN',
  'WOULD_CUT_OFF',
  'INTERNAL_SERVICE',
  'PENDING_CHANGE',
  'NOTHING_PENDING',
  'EXPIRED',
  'SUPERSEDED',
  'PORT_IN_USE',
  'NGINX_NOT_FOUND',
  'NGINX_CONFIG',
  'NO_LOG',
  'NO_TRACKING',
  'VERIFY_FAILED',
  'TIMEOUT',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * A sentence, and what stands in its places `{0}`, `{1}` …: kept apart, so that it can be said in another language. What
 * stands in a place may be a sentence itself; a text there is never translated, and never read for places.
 */
export interface Sentence {
  template: string;
  values: readonly (string | Sentence)[];
}

/** The tag that makes a sentence of a template literal. */
export function say(parts: TemplateStringsArray, ...values: readonly unknown[]): Sentence {
  const template = parts.reduce((text, part, at) => `${text}{${at - 1}}${part}`);
  return { template, values: values.map((value) => (isSentence(value) ? value : String(value))) };
}

/** Marks a text without places that is made into a sentence later. */
export const phrase = (parts: TemplateStringsArray): string => parts.join('');

/** A sentence without places. @param template marked as a phrase, or one of a table of such texts */
export const sentenceOf = (template: string): Sentence => ({ template, values: [] });

/** Parts of a sentence, one after the other. */
export const listed = (parts: readonly (string | Sentence)[], between = ', '): Sentence => ({
  template: parts.map((_, at) => `{${at}}`).join(between),
  values: parts,
});

export const isSentence = (value: unknown): value is Sentence =>
  typeof value === 'object' && value !== null && 'template' in value;

/** The sentence as a text; `translate` gives a template's translation. */
export function rendered(sentence: Sentence, translate: (template: string) => string = (same) => same): string {
  return translate(sentence.template).replace(/\{(\d+)\}/g, (place, at) => {
    const value = sentence.values[Number(at)];
    if (value === undefined) return place;
    return typeof value === 'string' ? value : rendered(value, translate);
  });
}

/** What an error says, in the three parts a technician needs. */
interface Explanation {
  /** What happened, one sentence. */
  what: Sentence;
  /** What state the firewall is in now: left out, it was not changed; null, the error does not know. */
  state?: Sentence | null;
  /** What to do about it. */
  remedy?: Sentence | undefined;
}

const UNCHANGED = say`The firewall was not changed.`;

/** The message of an error, whatever language it has been translated to since. */
export const inEnglish = ({ code, said }: Pick<FirewallError, 'code' | 'said'>): string =>
  [`${code}:`, ...said.map((sentence) => rendered(sentence))].join(' ');

/** The one error class of the engine. Its message is English and starts with its code: `LOCKOUT: …`. */
export class FirewallError extends Error {
  readonly code: ErrorCode;
  /** The message's sentences, without the code. */
  declare readonly said: readonly Sentence[];

  constructor(code: ErrorCode, { what, state = UNCHANGED, remedy }: Explanation, cause?: unknown) {
    const said = [what, state, remedy].filter((one): one is Sentence => !!one);
    super(inEnglish({ code, said }));
    this.name = 'FirewallError';
    this.code = code;
    // Not what a message that carries the error is to show.
    Object.defineProperty(this, 'said', { value: said, enumerable: false });
    if (cause !== undefined) Object.defineProperty(this, 'cause', { value: cause, enumerable: false });
  }

  /** Node-RED puts this text, not the message, into the `msg.error.message` a Catch node sends. */
  override toString(): string {
    return this.message;
  }
}

/** The error for what this user may not do. `what` is one sentence. */
export function notPermitted(what: Sentence, cause?: unknown): FirewallError {
  const remedy = say`Run "sudo npx smartserver-firewall setup" once on the device, in the folder where this package is installed for Node-RED (~/.node-red).`;
  return new FirewallError('NOT_PERMITTED', { what, remedy }, cause);
}

/** The error for a request whose flow was stopped before its turn. */
export function stopped(): FirewallError {
  return new FirewallError('STOPPED', {
    what: say`the flow that sent this request was stopped before its turn.`,
    remedy: say`Send the message again if it is still wanted.`,
  });
}

/** The error for a change that a later lockdown has overruled, before it was made or as soon as it was. */
export function overruled(): FirewallError {
  return new FirewallError('SUPERSEDED', {
    what: say`a lockdown that was requested later overrules this request.`,
    state: say`The lockdown is in effect.`,
    remedy: say`Send the message again if it is still wanted.`,
  });
}

/** The code of whatever was thrown: this class's, or the system's (`ENOENT`); undefined where it has none. */
export const codeOf = (thrown: unknown): unknown =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;

/** What whatever was thrown says, as one sentence that can be said in another language. */
export const sentenceOfError = (thrown: unknown): Sentence =>
  thrown instanceof FirewallError ? listed([`${thrown.code}:`, ...thrown.said], ' ') : say`${messageOf(thrown)}`;

/** The message of whatever was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** Whatever was thrown, with a code. */
export function asFirewallError(cause: unknown): FirewallError {
  if (cause instanceof FirewallError) return cause;
  return new FirewallError(
    'INTERNAL',
    {
      what: say`an unexpected error occurred: ${printable(messageOf(cause))}.`,
      state: say`The state of the firewall is unknown.`,
      remedy: say`Read the firewall before changing anything, and report this error.`,
    },
    cause,
  );
}
