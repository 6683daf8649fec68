/**
 * `setup`: installs what requires root, once, by hand. The program that an unprivileged user may run through sudo is
 * installed where that user cannot modify it, and sudo permits no arguments: its only input is a request that it validates.
 */
import { chmod, lstat, mkdir, readFile, readlink, realpath, rmdir, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stopLooking } from '../firewall/commit/learning';
import { record } from '../firewall/commit/transaction';
import { FirewallError, listed, notPermitted, say } from '../firewall/errors';
import { asideOf, readText, removeIfThere, replace, swapIn, writeAside } from '../firewall/host/files';
import { BOOT_UNIT_FILE, BOOT_UNIT_NAME, INSTALLED, NOT_TAKEN } from '../firewall/host/installed';
import { run } from '../firewall/host/run';
import { hasSystemd } from '../firewall/host/systemd';
import { type AgentQuestion, check, settings } from '../firewall/messages';
import { printable } from '../firewall/printable';
import { personHere } from './person';

interface SetupOptions {
  user?: string;
  remove?: boolean;
  dryRun?: boolean;
}

/** What was done, or would be done. */
interface SetupStep {
  what: string;
  path: string;
}

interface File {
  path: string;
  mode: number;
  text: string;
}

const PROGRAM = join(INSTALLED, 'program.js');
const LOAD = join(INSTALLED, 'load.js');
/** The command line, which timers and the boot unit start as well. */
const COMMAND_LINE = join(INSTALLED, 'command-line.js');
/** V8's compilation cache of the program; see load.ts. */
const CACHE = join(INSTALLED, 'program.cache');
const AGENT = join(INSTALLED, 'agent');
const STANDBY = join(INSTALLED, 'standby');
const COMMAND = join(INSTALLED, 'smartserver-firewall');
/** On everyone's search path, also under sudo. */
const LINK = '/usr/local/sbin/smartserver-firewall';
const SUDOERS = '/etc/sudoers.d/smartserver-firewall';
const HOOK = 'zz-smartserver-firewall';
/** A slow board that has other things to do, too, takes half a minute to compile the program. */
const COMPILING_MS = 120_000;

/** @throws FirewallError NOT_PERMITTED, INVALID_INPUT, VERIFY_FAILED; then nothing was installed. */
export async function setup({ user, remove = false, dryRun = false }: SetupOptions): Promise<SetupStep[]> {
  if (process.getuid?.() !== 0) {
    throw new FirewallError('NOT_PERMITTED', {
      what: say`setup installs files that only root may write.`,
      remedy: say`Run it as root: sudo npx smartserver-firewall setup`,
    });
  }
  const steps = await (remove ? uninstall(dryRun) : install(user, dryRun));
  const changed = steps.filter(({ what }) => ['create', 'replace', 'link', 'remove'].includes(what));
  if (!dryRun && changed.length > 0) await enterSetup(remove, changed);
  return steps;
}

async function enterSetup(remove: boolean, changed: readonly SetupStep[]): Promise<void> {
  const note = listed(changed.map(({ what, path }) => `${what} ${path}`));
  const action = remove ? 'setup --remove' : 'setup';
  const warnings = await record(check(settings, {}), () => [{ type: 'setup', source: personHere(), action, note }]);
  for (const warning of warnings) process.stderr.write(`${warning}\n`);
}

async function install(user: string | undefined, dryRun: boolean): Promise<SetupStep[]> {
  const node = await realpath(process.execPath);
  const name = await userFor(user);
  const systemd = await hasSystemd();
  const hooks = await resetFolder();
  const sudo = name !== 'root' && (await exists('/usr/sbin/visudo'));
  const files: File[] = [
    { path: PROGRAM, mode: 0o644, text: await readFile(join(__dirname, 'program.js'), 'latin1') },
    { path: LOAD, mode: 0o644, text: await readFile(join(__dirname, 'load.js'), 'latin1') },
    { path: COMMAND_LINE, mode: 0o644, text: await readFile(join(__dirname, 'command-line.js'), 'latin1') },
    { path: AGENT, mode: 0o755, text: script([APART, LIMITED], node, `require('${LOAD}').program.agent()`) },
    {
      path: STANDBY,
      mode: 0o755,
      text: script([APART, ALONE, WAITING], node, `require('${LOAD}').program.standBy(${IDLE_S}, ${LIMIT_S})`),
    },
    { path: COMMAND, mode: 0o755, text: script([APART], node, `require('${COMMAND_LINE}').commandLine(process.argv)`) },
    ...(sudo ? [{ path: SUDOERS, mode: 0o440, text: sudoers(name) }] : []),
    ...(systemd ? [{ path: BOOT_UNIT_FILE, mode: 0o644, text: BOOT_UNIT }] : []),
    ...(hooks ? [{ path: join(hooks, HOOK), mode: 0o755, text: RESET_HOOK }] : []),
  ];
  for (const path of [node, ...files.filter(({ path }) => !path.endsWith(HOOK)).map(({ path }) => path), CACHE, LINK]) {
    await refuseWritable(path);
  }
  const steps: SetupStep[] = [];
  const changed: File[] = [];
  for (const file of files) {
    const now = await readText(file.path);
    const same = now?.text === file.text && now.mode === file.mode && now.uid === 0;
    if (!same) changed.push(file);
    steps.push({ what: same ? 'unchanged' : now ? 'replace' : 'create', path: file.path });
  }
  // Every time: Node.js may have changed.
  steps.push({ what: 'write', path: CACHE });
  const linked = (await exists(LINK)) && (await readlink(LINK).catch(() => '')) === COMMAND;
  steps.push({ what: linked ? 'unchanged' : 'link', path: LINK });
  if (!sudo && name !== 'root')
    steps.push({ what: 'skip: sudo is not installed, so Node-RED must run as root', path: '' });
  if (!systemd)
    steps.push({ what: 'skip: systemd is not running, so nothing is done at boot before Node-RED starts', path: '' });
  if (!hooks) steps.push({ what: "skip: the vendor's reset.d folder was not found (set APOLLO_CONFD)", path: '' });
  if (dryRun) return steps;
  await mkdir(INSTALLED, { recursive: true });
  await chmod(INSTALLED, 0o755);
  const owned = changed.map((file) => ({ ...file, uid: 0, gid: 0 }));
  const rules = owned.find(({ path }) => path === SUDOERS);
  if (rules) {
    await writeAside(rules);
    await checkSudoers(asideOf(SUDOERS));
  }
  await removeIfThere(CACHE);
  await replace(owned.filter((file) => file !== rules));
  // Whatever the response: this is only to fill the compilation cache.
  await run(node, [LOAD], { input: JSON.stringify(READING), timeoutMs: COMPILING_MS });
  await chmod(CACHE, 0o644);
  if (rules) await swapIn([SUDOERS]);
  if (!linked) {
    await removeIfThere(LINK);
    await symlink(COMMAND, LINK);
  }
  if (changed.some(({ path }) => path === BOOT_UNIT_FILE)) {
    await systemctl('daemon-reload');
    await systemctl('enable', '--quiet', BOOT_UNIT_NAME);
  }
  return steps;
}

async function uninstall(dryRun: boolean): Promise<SetupStep[]> {
  const hooks = await resetFolder();
  const paths = [
    LINK,
    SUDOERS,
    BOOT_UNIT_FILE,
    ...(hooks ? [join(hooks, HOOK)] : []),
    AGENT,
    STANDBY,
    COMMAND,
    CACHE,
    LOAD,
    COMMAND_LINE,
    PROGRAM,
  ];
  const there: string[] = [];
  for (const path of paths) if (await exists(path)) there.push(path);
  if (!dryRun) {
    // It would go on without the program that keeps what it sees.
    await stopLooking();
    if (there.includes(BOOT_UNIT_FILE)) await systemctl('disable', '--quiet', BOOT_UNIT_NAME);
    for (const path of there) await removeIfThere(path);
    if (there.includes(BOOT_UNIT_FILE)) await systemctl('daemon-reload');
    if (await exists(INSTALLED)) await rmdir(INSTALLED);
  }
  return there.map((path) => ({ what: 'remove', path }));
}

/** The user that Node-RED runs as: the one named, the one who called sudo, or the device's own user. */
async function userFor(asked: string | undefined): Promise<string> {
  const candidates = asked === undefined ? [process.env.SUDO_USER ?? '', 'apollo'] : [asked];
  for (const name of candidates) {
    if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) continue;
    if ((await run('id', ['-u', name])).code === 0) return name;
  }
  throw new FirewallError('INVALID_INPUT', {
    what:
      asked === undefined
        ? say`user: the user that Node-RED runs as could not be detected.`
        : say`user: there is no user ${printable(asked)}.`,
    remedy: say`Name the user that Node-RED runs as: --user NAME`,
  });
}

/** The vendor's scripts for a factory restore are below `$APOLLO_CONFD`; sudo does not pass that variable on. */
async function resetFolder(): Promise<string | null> {
  const environment = (await readText('/etc/environment'))?.text ?? '';
  const folder = process.env.APOLLO_CONFD ?? /^APOLLO_CONFD="?([^"\n]+)"?$/m.exec(environment)?.[1];
  if (!folder?.startsWith('/')) return null;
  const hooks = join(folder, 'scripts', 'reset.d');
  return (await exists(hooks)) ? hooks : null;
}

/** Nobody but root may be able to modify a file that root runs, nor any folder above it. */
async function refuseWritable(path: string): Promise<void> {
  for (let at = path; ; at = dirname(at)) {
    const found = await lstat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    const target = found?.isSymbolicLink() ? await stat(at) : found;
    if (target && (target.uid !== 0 || (target.mode & 0o022) !== 0)) {
      throw notPermitted(
        say`${at} is writable by users other than root, so nothing that root runs may be installed there.`,
      );
    }
    if (at === '/') return;
  }
}

async function checkSudoers(path: string): Promise<void> {
  const { code, stdout, stderr } = await run('visudo', ['-c', '-q', '-f', path]);
  if (code === 0) return;
  await removeIfThere(path);
  throw new FirewallError('VERIFY_FAILED', {
    what: say`visudo rejects the sudoers file (${`${stdout} ${stderr}`.trim().slice(0, 200)}).`,
    state: say`Nothing was installed.`,
  });
}

async function systemctl(...args: string[]): Promise<void> {
  const { code, stderr } = await run('systemctl', args);
  if (code === 0) return;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`systemctl ${args.join(' ')} failed (${stderr.trim()}).`,
    state: null,
  });
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/**
 * Starts a program in a session of its own, so that whoever has the terminal cannot stop it while it holds ufw's lock: by
 * Ctrl-Z, or by a terminal that accepts no more output. The exit code is still passed on.
 */
const APART = '/usr/bin/setsid -w';
/** What a request may take, in seconds: less than its caller waits (sudo.ts). */
const LIMIT_S = 110;
/** How long a program waits for its request, in seconds. */
const IDLE_S = 1800;
/** Kills a program and what it has started when its time is over. */
const LIMITED = `/usr/bin/timeout -s KILL ${LIMIT_S}`;
/** The program itself sees to it that a request takes no longer; unless it is too busy, which the kernel ends. */
const WAITING = `/usr/bin/prlimit --cpu=${LIMIT_S} /usr/bin/timeout -s KILL ${IDLE_S + LIMIT_S}`;
/** Starts a program when the one before it has ended, so that one at most waits; gives up after a few seconds. */
const ALONE = `/usr/bin/flock -o -w 5 -E ${NOT_TAKEN} ${STANDBY}`;

/** A file that is a shell script, which starts Node.js with the same file, and a program for Node.js. */
const script = (start: readonly string[], node: string, code: string): string => `#!/bin/sh
':' //; exec ${start.join(' ')} '${node.replace(/'/g, "'\\''")}' "$0" "$@"
${code};
`;

const READING: AgentQuestion = { settings: {}, call: { method: 'read', request: {} } };

const sudoers = (user: string): string => `# Created by "smartserver-firewall setup"; "setup --remove" removes it.
# One user, one program, no arguments; the program reads one request and validates it. The other one is the same, and is started
# before there is a request.
Defaults!${AGENT}, ${STANDBY} env_reset, !setenv, !requiretty
${user} ALL=(root) NOPASSWD: ${AGENT} "", ${STANDBY} ""
`;

const BOOT_UNIT = `# Created by "smartserver-firewall setup"; "setup --remove" removes it.
[Unit]
Description=Roll back interrupted and unconfirmed firewall changes
DefaultDependencies=no
Wants=network-pre.target
After=local-fs.target ufw.service
Before=network-pre.target

[Service]
Type=oneshot
ExecStart=${COMMAND} settle --boot
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
`;

const RESET_HOOK = `#!/bin/sh
# Created by "smartserver-firewall setup"; "setup --remove" removes it.
# A factory restore resets the firewall to ports 80 and 443, but leaves the web server on the ports it was moved to.
[ "$1" = factory ] || exit 0
exec ${COMMAND} repair
`;
