/** Programs of which this process keeps hold: in what surroundings they run, and how their end is heard. */
import execa, { type ExecaChildProcess, type ExecaReturnValue } from 'execa';

/** Messages in English, and nothing of the caller's environment: Node-RED's own may hold anything. */
export const ENVIRONMENT = { LC_ALL: 'C', LANG: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

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
