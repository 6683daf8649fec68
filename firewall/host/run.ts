/** Runs programs: argument lists only, never a shell, with a fixed search path, locale, time limit and output limit. */
import execa, { type ExecaChildProcess } from 'execa';
import { codeOf, FirewallError, say } from '../errors';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string;
  timeoutMs?: number;
  /** It is not ended when this process ends, and finishes what it has begun. */
  outlives?: boolean;
  /** What goes in and comes out are bytes, each as one character; else it is UTF-8. */
  bytes?: boolean;
}

const TIMEOUT_MS = 20_000;
const MAX_OUTPUT = 64 * 1024 * 1024;
/** Messages in English, and nothing of the caller's environment: Node-RED's own may hold anything. */
export const ENVIRONMENT = { LC_ALL: 'C', LANG: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/**
 * @returns the exit code and output, whatever the code.
 * @throws FirewallError UFW_NOT_FOUND where the program is missing, TIMEOUT, INTERNAL where it was killed.
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const encoding = options.bytes ? 'latin1' : 'utf8';
  const child = execa(program, args, {
    env: ENVIRONMENT,
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT,
    encoding,
    cleanup: !options.outlives,
    // Without input there is none to read, so that nothing can wait for an answer.
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: Buffer.from(options.input, encoding) }),
  });
  allowUnreadInput(child);
  // Not execa's own time limit: it hands it on to Node.js, whose timer outlives a program that could not be started.
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGTERM');
  }, options.timeoutMs ?? TIMEOUT_MS);
  const result = await child;
  clearTimeout(timer);
  if (isLate) throw new FirewallError('TIMEOUT', { what: say`${program} did not finish in time.`, state: null });
  if (result.exitCode !== undefined) return { code: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  if (codeOf(result) === 'ENOENT') throw notFound(program);
  const what = result.signal ? say`${program} was terminated by ${result.signal}.` : say`${program} could not be run.`;
  throw new FirewallError('INTERNAL', { what, state: null }, result);
}

/**
 * Lets a program end without reading what it is given, as a sudo that refuses does. For execa that is a program that could
 * not be run, whose exit code and output are dropped.
 */
export function allowUnreadInput(child: ExecaChildProcess<string>): void {
  child.stdin?.removeAllListeners('error').on('error', () => undefined);
}

/** A program that runs until it is stopped. */
export interface Running {
  /** Resolves when it has ended, by itself or because it was stopped. */
  ended: Promise<unknown>;
  stop(): void;
}

/** Runs a program that goes on saying something; it ends with this process at the latest. */
export function follow(program: string, args: readonly string[], onData: (bytes: Buffer) => void): Running {
  const child = execa(program, args, {
    env: ENVIRONMENT,
    extendEnv: false,
    reject: false,
    buffer: false,
    stdin: 'ignore',
    stderr: 'ignore',
  });
  child.stdout?.on('data', onData);
  return { ended: child, stop: () => child.kill('SIGTERM') };
}

/** The error for a program of ufw's that is not there. */
export function notFound(program: string): FirewallError {
  return new FirewallError('UFW_NOT_FOUND', {
    what: say`${program}, which ufw requires, was not found.`,
    remedy: say`Install ufw on the device: sudo apt-get install ufw`,
  });
}
