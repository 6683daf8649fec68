/** The folder on the host's disk that holds a device's files, and what crashed runs left of theirs. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const prefix = 'firewall-device-';

/** The device has its own of these, so a folder below one of them would be out of its sight. */
const hidden = /^\/(etc|run|sys|var\/lib|var\/log)(\/|$)/;

/** Makes an empty folder whose name tells its owner: `firewall-device-PID-STARTTIME-RANDOM`. */
export async function makeFolder(): Promise<string> {
  return mkdtemp(join(base(), `${prefix}${process.pid}-${await startTime(process.pid)}-`));
}

/** Removes this user's folders whose owners have died without closing their devices. */
export async function removeStale(): Promise<void> {
  await Promise.all((await readdir(base())).map(removeIfStale));
}

/** Writes a file below `root` with exactly this mode, whatever the umask; makes its folders. */
export async function place(root: string, path: string, text: string, mode = 0o644): Promise<void> {
  const target = join(root, path);
  await placeFolder(root, dirname(path));
  await writeFile(target, text);
  await chmod(target, mode);
}

/** Makes a folder below `root`, and those above it, open to every user as the system's are. */
export async function placeFolder(root: string, path: string): Promise<void> {
  let folder = root;
  await mkdir(folder, { recursive: true });
  for (const part of path.split('/').filter(Boolean)) {
    folder = join(folder, part);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
  }
}

function base(): string {
  return hidden.test(tmpdir()) ? '/tmp' : tmpdir();
}

/** Whether a name is a device's folder's, and its owner has died. */
export async function isStale(name: string): Promise<boolean> {
  if (!name.startsWith(prefix)) return false;
  const [pid, started] = name.slice(prefix.length).split('-');
  return (await startTime(Number(pid))) !== started;
}

async function removeIfStale(name: string): Promise<void> {
  if (!(await isStale(name))) return;
  const folder = join(base(), name);
  const owner = await stat(folder).then(
    (stats) => stats.uid,
    // Another process that opens a device at this moment was faster.
    () => undefined,
  );
  if (owner === process.getuid?.()) await rm(folder, { recursive: true, force: true });
}

/** When a process started, in clock ticks since boot; undefined when there is none. With it a reused pid is no riddle. */
async function startTime(pid: number): Promise<string | undefined> {
  let line: string;
  try {
    line = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
  // The second field, the name, may hold spaces and parentheses: count from its end.
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19];
}
