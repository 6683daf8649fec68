/** Runs programs: argument lists only, never a shell, with a fixed search path, locale, time limit and output limit. */
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import execa, { type ExecaChildProcess } from 'execa';
import { codeOf, FirewallError, say } from '../errors';
import { allowUnreadInput, ENVIRONMENT, ending } from './child';
import { MAX_OUTPUT, type Program, startProgram } from './starter';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string;
  timeoutMs?: number;
  /** What goes in and comes out are bytes, each as one character; else it is UTF-8. */
  bytes?: boolean;
}

const TIMEOUT_MS = 20_000;

/**
 * @returns the exit code and output, whatever the code.
 * @throws FirewallError UFW_NOT_FOUND where the program is missing, TIMEOUT, INTERNAL where it was killed.
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const encoding = options.bytes ? 'latin1' : 'utf8';
  const input = options.input === undefined ? undefined : Buffer.from(options.input, encoding);
  const started = startProgram(program, args, input);
  if (!started) throw notFound(program);
  return outcomeOf(program, started, options);
}

/** How a program ends, as `run` says it. */
export async function outcomeOf(
  program: string,
  started: Program,
  { bytes, timeoutMs = TIMEOUT_MS }: RunOptions,
): Promise<Outcome> {
  const encoding = bytes ? 'latin1' : 'utf8';
  const ended = await within(timeoutMs, program, started.ended, started.leave);
  if (ended instanceof Error) throw codeOf(ended) === 'ENOENT' ? notFound('perl') : notRun(program, undefined, ended);
  const { code, signal, stdout, stderr } = ended;
  if (code !== null) return { code, stdout: stdout.toString(encoding), stderr: stderr.toString(encoding) };
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [String(signal)];
  throw notRun(program, name);
}

/** Runs a program that is not ended when this process ends, and finishes what it has begun; as `run` does. */
export const runToItsEnd = (program: string, args: readonly string[], { input, timeoutMs }: RunOptions = {}) =>
  // Without input there is none to read, so that nothing can wait for an answer.
  start(program, args, input === undefined ? { stdin: 'ignore' } : { input: Buffer.from(input) }).outcome(timeoutMs);

/** A program that outlives this process. */
export interface Started {
  child: ExecaChildProcess;
  /** How it ends, as `run` says it. @param timeoutMs from now on */
  outcome(timeoutMs?: number): Promise<Outcome>;
}

/** @param input what execa is told of its input; by default that is a pipe */
export function start(
  program: string,
  args: readonly string[],
  input: Pick<execa.Options, 'stdin' | 'input'> = {},
): Started {
  const child = execa(program, args, {
    env: ENVIRONMENT,
    extendEnv: false,
    reject: false,
    // Collected here: execa's own way takes as long as starting the program does.
    buffer: false,
    cleanup: false,
    ...input,
  });
  allowUnreadInput(child);
  const output = [child.stdout, child.stderr].map((stream) => collect(child, stream));
  return { child, outcome: (timeoutMs = TIMEOUT_MS) => endOf(program, child, output, timeoutMs) };
}

async function endOf(
  program: string,
  child: ExecaChildProcess,
  output: readonly { text: string }[],
  timeoutMs: number,
): Promise<Outcome> {
  let giveUp: () => void = () => undefined;
  const late = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const result = await within(timeoutMs, program, ending(child, late), () => {
    child.kill('SIGTERM');
    for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    giveUp();
  });
  if (result.exitCode !== undefined) {
    const [stdout = '', stderr = ''] = output.map(({ text }) => text);
    return { code: result.exitCode, stdout, stderr };
  }
  if (codeOf(result) === 'ENOENT') throw notFound(program);
  throw notRun(program, result.signal, result);
}

/**
 * How a program ended, if it does in time. Not execa's own time limit: it hands it on to Node.js, whose timer outlives a program
 * that could not be started.
 */
async function within<Ended>(
  timeoutMs: number,
  program: string,
  ended: Promise<Ended>,
  giveUp: () => void,
): Promise<Ended> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeoutMs);
  });
  const result = await Promise.race([ended, late]);
  clearTimeout(timer);
  if (result !== null) return result;
  giveUp();
  throw new FirewallError('TIMEOUT', { what: say`${program} did not finish in time.`, state: null });
}

/** What a program prints, as far as it has; one that prints without end is ended. */
function collect(child: ExecaChildProcess, stream: Readable | null): { text: string } {
  const output = { text: '' };
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    if (output.text.length + chunk.length > MAX_OUTPUT) child.kill('SIGKILL');
    else output.text += chunk;
  });
  return output;
}

const notRun = (program: string, signal: string | undefined, cause?: unknown): FirewallError =>
  new FirewallError(
    'INTERNAL',
    { what: signal ? say`${program} was terminated by ${signal}.` : say`${program} could not be run.`, state: null },
    cause,
  );

/** The error for a program of ufw's that is not there. */
export function notFound(program: string): FirewallError {
  return new FirewallError('UFW_NOT_FOUND', {
    what: say`${program}, which ufw requires, was not found.`,
    remedy: say`Install ufw on the device: sudo apt-get install ufw`,
  });
}
