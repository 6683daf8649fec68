/** The agent and the lock on a terminal: whoever holds the terminal can stop neither there, and everybody else goes on. */
import { strict as assert } from 'node:assert';
import { before, beforeEach, it } from 'mocha';
import type { InsideProcess } from '../device/inside-process';
import { useShared } from '../device/suite';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything, reset } from '../firewall/stable';
import { until } from '../firewall/until';
import { AGENT, askAgent, requestOf, setUp } from './as-apollo';

/** A terminal with a shell on it. A line on its input is a key, or `close` for the terminal itself; says what it shows. */
const TERMINAL = `
import os, pty, sys, threading
shell, terminal = pty.fork()
if shell == 0:
    os.execvp('sh', ['sh', '-mc', sys.argv[1]])
def show():
    try:
        while True:
            os.write(1, os.read(terminal, 4096))
    except OSError:
        pass
threading.Thread(target=show, daemon=True).start()
for line in sys.stdin:
    if line.strip() == 'close':
        os.close(terminal)
        print('closed', flush=True)
    else:
        os.write(terminal, b'\\x1a')
os._exit(0)
`;

/** Stands for the program that loads rules: with the lock held it waits for /run/go. */
const SLOW = `#!/bin/sh
free='import fcntl; fcntl.lockf(open("/run/ufw.lock", "a"), fcntl.LOCK_EX | fcntl.LOCK_NB)'
if [ -e /run/slow ] && ! python3 -c "$free" 2>/dev/null; then
  touch /run/held
  while [ ! -e /run/go ]; do sleep 0.05; done
fi
exec /usr/sbin/iptables-nft-restore "$@"
`;

describeAsRoot('On a terminal', function () {
  this.timeout(180_000);
  const device = useSystemdDevice();

  before(async () => {
    await setUp(device);
    await device.write('/run/restore', SLOW, 0o755);
    await device.ok('ln', '-sf', '/run/restore', '/etc/alternatives/iptables-restore');
  });
  const factory = useShared(() => everything(device));

  beforeEach(async () => {
    await device.ok('rm', '-f', '/run/slow', '/run/held', '/run/go', '/home/apollo/answer');
    await reset(device, factory);
  });

  const there = (path: string) => until(() => device.exists(path));
  /** Has the agent make a change on a terminal; resolves when it holds the lock. */
  const begin = async (): Promise<InsideProcess> => {
    await device.write('/home/apollo/request', requestOf('toggleService', { action: 'close' }), 0o644);
    await device.write('/run/slow', '');
    const line = `sudo -n ${AGENT} < request > answer; echo code $?; cat`;
    const argv = ['sh', '-c', 'cd && exec python3 -c "$0" "$1"', TERMINAL, line];
    const terminal = await device.spawnAs('apollo', argv);
    await there('/run/held');
    return terminal;
  };

  /** What the agent answers there, once it has. */
  const answer = async (): Promise<{ result?: { changed: boolean } }> => {
    const text = () => device.read('/home/apollo/answer');
    await until(async () => (await text()).endsWith('}'));
    return JSON.parse(await text());
  };
  const assertOthersGoOn = async (): Promise<void> => {
    const lockdown = await askAgent(device, requestOf('setProfile', { profile: 'lockdown' }));
    assert.equal(JSON.parse(lockdown.stdout).result?.changed, true, lockdown.stdout.slice(0, 300));
    assert.match(await device.ok('ufw', 'allow', '9999/tcp'), /added/);
  };

  for (const way of ['use_pty', '!use_pty']) {
    it(`the agent goes on when Ctrl-Z is pressed while it holds the lock (${way})`, async () => {
      await device.write('/etc/sudoers.d/way', `Defaults ${way}\n`, 0o440);
      const terminal = await begin();
      terminal.write('key\n');
      // The terminal shows the key when it has stopped what it can, and the shell goes on where that was its program.
      await terminal.until(/\^Z|code/);
      await device.write('/run/go', '');
      assert.equal((await answer()).result?.changed, true);
      await assertOthersGoOn();
      await terminal.kill('SIGKILL');
      await device.remove('/etc/sudoers.d/way');
    });
  }

  it('the agent goes on when the terminal is closed', async () => {
    const terminal = await begin();
    terminal.write('close\n');
    await terminal.until(/closed/);
    await device.write('/run/go', '');
    assert.equal((await answer()).result?.changed, true);
    await assertOthersGoOn();
    await terminal.kill('SIGKILL');
  });

  it('the agent ends what it has begun when the process that asked it has ended', async () => {
    await device.write('/run/slow', '');
    const code = `const { Firewall } = require('${device.packageFolder}/dist/firewall/firewall.js');
      new Firewall({ privilege: 'sudo' }).toggleService({ action: 'close' });
      process.stdin.resume().on('end', () => process.exit());`;
    const asking = await device.spawnAs('apollo', [device.node, '-e', code]);
    await there('/run/held');
    asking.endInput();
    assert.equal((await asking.exited).code, 0);
    await device.write('/run/go', '');
    await until(async () => (await askAgent(device, requestOf('backups'))).stdout.includes('toggle-service close ssh'));
    await assertOthersGoOn();
  });

  it('the agent ends what it has begun when it is told to end', async () => {
    const terminal = await begin();
    await device.ok('pkill', '-TERM', '-f', `^${device.node} .*${AGENT}`);
    await device.write('/run/go', '');
    assert.equal((await answer()).result?.changed, true);
    await assertOthersGoOn();
    await terminal.kill('SIGKILL');
  });

  it('the agent that hangs is ended in time, and what it had begun is taken back', async () => {
    const before = await device.read(AGENT);
    await device.write(AGENT, before.replace(/ KILL \d+ /, ' KILL 5 '), 0o755);
    const terminal = await begin();
    await device.write(AGENT, before, 0o755);
    await terminal.until(/code [1-9]/);
    await device.remove('/run/slow');
    await assertOthersGoOn();
    assert.equal((await device.run(['pgrep', '-f', '/run/restore'])).code, 1);
    await terminal.kill('SIGKILL');
  });

  it('the agent that is told nothing is ended in time', async () => {
    const before = await device.read(AGENT);
    await device.write(AGENT, before.replace(/ KILL \d+ /, ' KILL 1 '), 0o755);
    const silent = await device.spawnAs('apollo', ['sudo', '-n', AGENT]);
    assert.notEqual((await silent.exited).code, 0);
    await device.write(AGENT, before, 0o755);
  });
});
