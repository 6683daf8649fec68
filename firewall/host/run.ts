/** Runs programs: argument lists only, never a shell, with a fixed search path, locale, time limit and output limit. */
import type { Readable } from 'node:stream';
import execa, { type ExecaChildProcess, type ExecaReturnValue } from 'execa';
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
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { input, bytes } = options;
  return start(program, args, options, {
    // Without input there is none to read, so that nothing can wait for an answer.
    ...(input === undefined ? { stdin: 'ignore' } : { input: Buffer.from(input, bytes ? 'latin1' : 'utf8') }),
  }).outcome(options.timeoutMs);
}

/** A program that was started. */
export interface Started {
  child: ExecaChildProcess;
  /** How it ends, as `run` says it. @param timeoutMs from now on */
  outcome(timeoutMs?: number): Promise<Outcome>;
}

/** @param input what execa is told of its input; by default that is a pipe */
export function start(
  program: string,
  args: readonly string[],
  { bytes, outlives }: Pick<RunOptions, 'bytes' | 'outlives'> = {},
  input: Pick<execa.Options, 'stdin' | 'input'> = {},
): Started {
  const child = execa(program, args, {
    env: ENVIRONMENT,
    extendEnv: false,
    reject: false,
    // Collected here: execa's own way takes as long as starting the program does.
    buffer: false,
    cleanup: !outlives,
    ...input,
  });
  allowUnreadInput(child);
  const output = [child.stdout, child.stderr].map((stream) => collect(child, stream, bytes ? 'latin1' : 'utf8'));
  return { child, outcome: (timeoutMs = TIMEOUT_MS) => outcomeOf(program, child, output, timeoutMs) };
}

async function outcomeOf(
  program: string,
  child: ExecaChildProcess,
  output: readonly { text: string }[],
  timeoutMs: number,
): Promise<Outcome> {
  // Not execa's own time limit: it hands it on to Node.js, whose timer outlives a program that could not be started.
  let isLate = false;
  let giveUp: () => void = () => undefined;
  const late = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGTERM');
    for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    giveUp();
  }, timeoutMs);
  const result = await ending(child, late);
  clearTimeout(timer);
  if (isLate) throw new FirewallError('TIMEOUT', { what: say`${program} did not finish in time.`, state: null });
  if (result.exitCode !== undefined) {
    const [stdout = '', stderr = ''] = output.map(({ text }) => text);
    return { code: result.exitCode, stdout, stderr };
  }
  if (codeOf(result) === 'ENOENT') throw notFound(program);
  const what = result.signal ? say`${program} was terminated by ${result.signal}.` : say`${program} could not be run.`;
  throw new FirewallError('INTERNAL', { what, state: null }, result);
}

/** What a program prints, as far as it has; one that prints without end is ended. */
function collect(child: ExecaChildProcess, stream: Readable | null, encoding: 'latin1' | 'utf8'): { text: string } {
  const output = { text: '' };
  stream?.setEncoding(encoding).on('data', (chunk: string) => {
    if (output.text.length + chunk.length > MAX_OUTPUT) child.kill('SIGKILL');
    else output.text += chunk;
  });
  return output;
}

/**
 * How a program ended, once all that it said is read; one that could not be started says nothing, and closes nothing.
 * @param late where others still hold its output then, nobody waits for them any longer
 */
export async function ending(child: ExecaChildProcess, late?: Promise<void>): Promise<ExecaReturnValue> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const result = await child;
  if (result.exitCode !== undefined) await (late ? Promise.race([closed, late]) : closed);
  return result;
}

/**
 * Lets a program end without reading what it is given, as a sudo that refuses does. For execa that is a program that could
 * not be run, whose exit code and output are dropped.
 */
export function allowUnreadInput(child: ExecaChildProcess): void {
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
