/** Running programs inside the device. Used by the device's init and by its neighbour. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { RunOptions, RunResult } from './protocol';

/** The environment of everything that runs inside: a root shell's, whatever the host's is. */
const environment = {
  PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`,
  HOME: '/root',
  USER: 'root',
  LANG: 'C.UTF-8',
};

/** Starts a program with pipes to all three standard streams. */
export function start(argv: string[], options: RunOptions): ChildProcess {
  const [program = '', ...args] = argv;
  return spawn(program, args, {
    cwd: options.cwd ?? '/',
    env: { ...environment, ...options.env },
    uid: options.uid,
    gid: options.gid,
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
    stdio: 'pipe',
  });
}

/** Runs a program to its end: until it has exited and nobody holds its stdout or stderr any more. */
export function run(argv: string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = start(argv, { timeoutMs: 60_000, ...options });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout?.on('data', (data) => output.stdout.push(data));
    child.stderr?.on('data', (data) => output.stderr.push(data));
    // A program may end without reading its stdin; that is its own affair.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
    child.on('error', (error) => resolve({ code: 127, signal: null, stdout: '', stderr: error.message }));
    child.on('close', (code, signal) =>
      resolve({
        code,
        signal,
        stdout: Buffer.concat(output.stdout).toString(),
        stderr: Buffer.concat(output.stderr).toString(),
      }),
    );
  });
}

/** The result's stdout. Throws an Error that tells all when the program did not exit with 0. */
export function check(argv: string[], result: RunResult): string {
  if (result.code === 0) return result.stdout;
  const end = result.signal ?? `code ${result.code}`;
  throw new Error(`${argv.join(' ')} ended with ${end}: ${result.stderr}${result.stdout}`);
}
