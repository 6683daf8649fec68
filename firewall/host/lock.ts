/**
 * ufw's own lock: a POSIX record lock on a file. Node.js has no call for one (flock(2) does not exclude it), so perl, which
 * is on every Debian and Ubuntu, holds it and lets go when its standard input closes, also when this process dies.
 */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import execa, { type ExecaChildProcess } from 'execa';
import { codeOf, FirewallError, notPermitted, say } from '../errors';
import type { Settings } from '../messages';
import { allowUnreadInput, ENVIRONMENT, ending } from './child';
import { time } from './clock';

/** Where ufw has kept its lock since 0.36. Before, it had none: then this one is made, and in nobody's way. */
const LOCK_FILE = '/run/ufw.lock';

/** The lock of the ufw whose settings these are: one run with another data folder (`--datadir`) keeps it in there. */
function lockFile({ etcUfw }: Pick<Settings, 'etcUfw'>): string {
  const state = join(etcUfw, '..', '..', 'lib', 'ufw');
  return etcUfw !== '/etc/ufw' && existsSync(state) ? join(state, 'ufw.lock') : LOCK_FILE;
}

/**
 * Waits for a line, then for the lock, then for the end of its input; without a line it never touches the lock. The kernel
 * ends it in time: whoever it holds the lock for may have been stopped, and everybody else waits. The first two fields of a
 * `struct flock` are its type and whence, on every architecture; zeros mean the whole file.
 */
const HOLDER = `
use Fcntl;
$| = 1;
my ($path, $limit) = @ARGV;
alarm $limit;
sysread(STDIN, my $line, 1) or exit;
open(my $lock, '>', $path) or die "$!\\n";
my $file = pack('s s x60', F_WRLCK, 0);
fcntl($lock, F_SETLKW, $file) or die "$!\\n";
alarm $limit;
print "held\\n";
1 while sysread(STDIN, $line, 4096);
`;

/** How long the lock is held at most, in seconds: longer than a change can take, as each program it starts has a limit. */
const LONGEST_S = 120;

/** Starts the program that holds this lock, in a session of its own: no terminal can stop it with the lock in its hand. */
export function hold(path: string, longestS = LONGEST_S): ExecaChildProcess {
  const holder = execa('perl', ['-e', HOLDER, path, String(longestS)], {
    env: ENVIRONMENT,
    extendEnv: false,
    reject: false,
    buffer: false,
    detached: true,
  });
  // A holder that has died cannot receive anything; why it died shows in how it ended.
  allowUnreadInput(holder);
  return holder;
}

export interface Lock {
  /** False once the holder has ended for whatever reason: nothing may be written any more. */
  isHeld(): boolean;
  release(): Promise<void>;
}

/** A program that is ready to take the lock. */
export interface Holder {
  /**
   * Waits for the lock.
   * @throws FirewallError BUSY where it is not had within `timeoutMs`, NOT_PERMITTED, UFW_NOT_FOUND (no perl).
   */
  take(timeoutMs: number): Promise<Lock>;
  /** Lets it end without the lock; nothing where it was taken and released. */
  dismiss(): void;
}

/** Whether somebody holds ufw's lock, or waits for it; nothing is touched to find out. */
export async function isLockBusy(settings: Pick<Settings, 'etcUfw'>): Promise<boolean> {
  const path = lockFile(settings);
  if (!existsSync(path)) return false;
  const [{ ino }, locks] = await Promise.all([stat(path), readFile('/proc/locks', 'utf8')]);
  return locks.split('\n').some((line) => line.includes(`:${ino} `));
}

/** Starts the holder, which takes about as long as reading ufw's files: both at once, where a change is to be expected. */
export function startHolder(settings: Pick<Settings, 'etcUfw'>): Holder {
  const path = lockFile(settings);
  const holder = hold(path);
  let errors = '';
  holder.stderr?.on('data', (chunk) => {
    errors += String(chunk).slice(0, 2000);
  });
  let held = false;
  const ended = ending(holder).then((result) => {
    held = false;
    return result;
  });
  const release = async (): Promise<void> => {
    holder.stdin?.end();
    await ended;
  };
  const take = async (timeoutMs: number): Promise<Lock> => {
    let stopWaiting = (): void => undefined;
    holder.stdin?.write('\n');
    const answer = await Promise.race([
      new Promise<'held'>((resolve) => holder.stdout?.once('data', () => resolve('held'))),
      new Promise<'late'>((resolve) => {
        stopWaiting = time.wake(timeoutMs, () => resolve('late'));
      }),
      ended,
    ]);
    stopWaiting();
    if (answer === 'held') {
      held = true;
      return { isHeld: () => held, release };
    }
    if (answer === 'late') {
      holder.kill('SIGTERM');
      await ended;
      throw new FirewallError('BUSY', {
        what: say`another program has held ufw's lock for more than ${Math.round(timeoutMs / 1000)} seconds.`,
        remedy: say`Look for a ufw command that does not finish (ps aux | grep ufw), and try again.`,
      });
    }
    if (codeOf(answer) === 'ENOENT') {
      throw new FirewallError('UFW_NOT_FOUND', {
        what: say`perl, which holds ufw's lock, was not found.`,
        remedy: say`Install perl on the device: sudo apt-get install perl-base`,
      });
    }
    if (/^Permission denied/m.test(errors))
      throw notPermitted(say`this user does not have permission to take ufw's lock ${path}.`);
    throw new FirewallError('INTERNAL', {
      what: say`ufw's lock could not be taken (${errors.trim().split('\n').pop()}).`,
    });
  };
  return { take, dismiss: () => holder.stdin?.end() };
}
