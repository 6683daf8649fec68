/**
 * Loaded before the engine (`node -r`): counts the steps by which a change touches the machine — a file opened for
 * writing, renamed or removed, a folder made, a program started — and at the step named by STEP ends the process or
 * fails that step. The engine itself knows nothing of it.
 * STEP_ACTION: `kill` (before the step), `kill-after` (when it is done); `hold` and `hold-after`, which stop the process
 * there as it is, having said `held`; an error code like ENOSPC; or `listen PORT`: from that step on the port is taken.
 */
import childProcess from 'node:child_process';
import promises from 'node:fs/promises';
import { createServer } from 'node:net';

const wanted = Number(process.env.STEP ?? 0);
const action = process.env.STEP_ACTION ?? 'kill';
let step = 0;

const isLater = action.endsWith('-after');
const signal = ({ kill: 'SIGKILL', hold: 'SIGSTOP' } as const)[action.replace('-after', '')];

const end = (): void => {
  if (signal === 'SIGSTOP') process.stderr.write('held\n');
  if (signal) process.kill(process.pid, signal);
  // The signal is for this process itself: nothing after it may happen.
  for (;;);
};

/** Whether this step is to fail with an error code. */
function fails(isFile: boolean): string | null {
  step++;
  process.stderr.write(`step ${step}\n`);
  if (step !== wanted) return null;
  if (signal && !isLater) end();
  const port = /^listen (\d+)$/.exec(action)?.[1];
  if (port) createServer().listen(Number(port)).unref();
  if (port) return null;
  return isFile && !signal ? action : null;
}

const errorOf = (code: string, name: string): Error => Object.assign(new Error(`${code}: injected, ${name}`), { code });

type Call = (...args: unknown[]) => Promise<unknown>;

function counted(target: object, name: string, counts: (args: unknown[]) => boolean): void {
  const calls = target as Record<string, Call>;
  const real = calls[name] as Call;
  calls[name] = async function (this: unknown, ...args: unknown[]) {
    if (!counts(args)) return real.apply(this, args);
    const code = fails(true);
    const own = step;
    if (code) throw errorOf(code, name);
    const result = await real.apply(this, args);
    if (own === wanted && isLater) end();
    return result;
  };
}

const READ_ONLY = 0o3;
for (const name of ['rename', 'unlink', 'mkdir', 'link']) counted(promises, name, () => true);
counted(promises, 'open', ([, flags]) => typeof flags === 'number' && (flags & READ_ONLY) !== 0);

/** The methods of an open file are on a prototype that only an open file shows. */
void promises.open(__filename).then(async (file) => {
  const prototype = Object.getPrototypeOf(file);
  for (const name of ['write', 'writeFile', 'truncate', 'sync', 'chmod']) counted(prototype, name, () => true);
  await file.close();
});

const spawn = childProcess.spawn;
childProcess.spawn = ((...args: Parameters<typeof spawn>) => {
  const [program, argv] = args;
  if (program === 'perl' && argv?.some((one) => one.includes('sub launch'))) return counting(spawn(...args));
  fails(false);
  const own = step;
  const child = spawn(...args);
  if (own === wanted && isLater) child.once('exit', end);
  return child;
}) as typeof spawn;

/** The one that starts programs, see `starter.ts`: each that it is told to start is a step. */
function counting(child: childProcess.ChildProcess): childProcess.ChildProcess {
  const { stdin, stdout } = child;
  const write = stdin?.write.bind(stdin);
  if (!stdin || !stdout || !write) throw new Error('Whoever starts programs is told which, and tells how they end.');
  stdin.write = ((message: Buffer) => {
    const [, number] = /^r (\d+) /.exec(message.toString('latin1', 0, 20)) ?? [];
    if (number !== undefined) {
      fails(false);
      if (step === wanted && isLater) stdout.on('data', (chunk: Buffer) => chunk.includes(`x ${number} `) && end());
    }
    return write(message);
  }) as typeof stdin.write;
  return child;
}
