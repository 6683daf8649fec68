/** The codes an error of this package carries. The README's troubleshooting table tells of each that occurs. */
export const ERROR_CODES = [
  'INVALID_INPUT',
  'UNKNOWN_SERVICE',
  'UNKNOWN_PROFILE',
  'UNKNOWN_BACKUP',
  'NOT_PERMITTED',
  'UFW_NOT_FOUND',
  'UFW_FILES_UNREADABLE',
  'BUSY',
  'LOCKOUT',
  'WOULD_OPEN',
  'INTERNAL_SERVICE',
  'PENDING_CHANGE',
  'NOTHING_PENDING',
  'PORT_IN_USE',
  'NGINX_NOT_FOUND',
  'NGINX_CONFIG',
  'NO_LOG',
  'VERIFY_FAILED',
  'TIMEOUT',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What an error says, in the three parts a technician needs. */
export interface Explanation {
  /** What happened, one sentence. */
  what: string;
  /** What state the firewall is in now. */
  state?: string;
  /** What to do about it. */
  remedy?: string;
}

const UNCHANGED = 'The firewall was not changed.';

/** The one error class of the engine. Its message starts with its code: `LOCKOUT: …`. */
export class FirewallError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, { what, state = UNCHANGED, remedy }: Explanation, cause?: unknown) {
    super([`${code}: ${what}`, state, remedy].filter(Boolean).join(' '));
    this.name = 'FirewallError';
    this.code = code;
    if (cause !== undefined) Object.defineProperty(this, 'cause', { value: cause, enumerable: false });
  }

  /** Node-RED puts this text, not the message, into the `msg.error.message` a Catch node sends. */
  override toString(): string {
    return this.message;
  }
}

/** The error for what this user may not do. `what` is one sentence. */
export function notPermitted(what: string, cause?: unknown): FirewallError {
  const remedy =
    'Run "sudo npx smartserver-firewall setup" once on the device, in the folder where Node-RED has this package (~/.node-red).';
  return new FirewallError('NOT_PERMITTED', { what, remedy }, cause);
}
