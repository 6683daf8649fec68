/**
 * The privileged program that waits for its request: it takes one and no more, is alone, and goes away by itself whatever happens to
 * the one that it waits for.
 */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { before, beforeEach, it } from 'mocha';
import type { InsideProcess } from '../device/inside-process';
import { useShared } from '../device/suite';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything, reset } from '../firewall/stable';
import { until } from '../firewall/until';
import { SEED } from '../seed';
import { AGENT, requestOf, STANDBY, setUp } from './as-apollo';

const FUZZED = Number(process.env.STANDBY_REQUESTS ?? 15);
const LOCKDOWN = requestOf('setProfile', { profile: 'lockdown' });

/** A process like Node-RED: each line of its input is `METHOD REQUEST`, each of its output an answer. */
const NODE_RED = (folder: string): string => `
  const { Firewall } = require('${folder}/dist/firewall/firewall.js');
  const firewall = new Firewall({ privilege: 'sudo' });
  require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
    const [method, request] = [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)];
    const asked = Promise.resolve(firewall[method](...(request === method ? [] : [JSON.parse(request)])));
    const said = await asked.then(
      (answer) => ({ changed: answer?.changed }), ({ code, message }) => ({ code, message }));
    console.log(JSON.stringify({ method, ...said }));
  });`;

describeAsRoot('The privileged program that waits', function () {
  this.timeout(240_000);
  const device = useSystemdDevice();
  before(() => setUp(device));
  const factory = useShared(() => everything(device));
  beforeEach(() => reset(device, factory));

  /** The programs that wait or work for somebody, by their ids. */
  const programs = async (of = 'standby'): Promise<string[]> => {
    const { stdout } = await device.run(['pgrep', '-f', `^\\S*node ${STANDBY.replace('standby', of)}`]);
    return stdout.split('\n').filter(Boolean);
  };
  const one = async (): Promise<string> => {
    await until(async () => (await programs()).length === 1);
    return (await programs())[0] as string;
  };
  const none = () => until(async () => (await programs()).length === 0);
  /** It has gone through what it can: nothing but its input keeps it. */
  const isAtRest = async (pid: string): Promise<void> => {
    let last = '';
    await until(async () => {
      const [, fields = ''] = (await device.read(`/proc/${pid}/stat`)).split(') ');
      const used = fields.split(' ').slice(11, 13).join();
      const same = used === last;
      last = used;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return same;
    });
  };
  const waitFor = (): Promise<InsideProcess> => device.spawnAs('apollo', ['sudo', '-n', STANDBY]);
  const nodeRed = async (): Promise<{
    process: InsideProcess;
    ask(line: string): Promise<Record<string, unknown>>;
  }> => {
    const process = await device.spawnAs('apollo', [device.node, '-e', NODE_RED(device.packageFolder)]);
    let count = 0;
    return {
      process,
      ask: async (line) => {
        process.write(`${line}\n`);
        count += 1;
        const text = await process.until(new RegExp(`^(?:\\{.*\\}\\n){${count}}`));
        return JSON.parse(text[0].trim().split('\n')[count - 1] as string);
      },
    };
  };

  it('carries out the next request, and is followed by another one that waits', async () => {
    const { process, ask } = await nodeRed();
    await ask('getReady');
    const first = await one();
    await isAtRest(first);
    assert.equal((await ask('setProfile {"profile":"lockdown"}')).changed, true);
    assert.notEqual((await everything(device))['/etc/ufw/user.rules'], factory['/etc/ufw/user.rules']);
    const second = await one();
    assert.notEqual(second, first);
    assert.deepEqual(await programs('agent'), []);
    // As long as it waits it has changed nothing, and holds nothing.
    await isAtRest(second);
    assert.match(await device.ok('ufw', 'allow', '9999/tcp'), /added/);
    await ask('close');
    await none();
    process.endInput();
    assert.equal((await process.exited).code, 0);
  });

  it('does not keep the process from ending that it waits for, and ends with it', async () => {
    for (const end of ['input', 'SIGKILL', 'SIGTERM'] as const) {
      const { process, ask } = await nodeRed();
      await ask('getReady');
      await one();
      if (end === 'input') process.endInput();
      else await process.kill(end);
      await process.exited;
      await none();
    }
  });

  it('is killed: the request is carried out by another program', async () => {
    const { process, ask } = await nodeRed();
    await ask('getReady');
    // What it was started by may end later than it, and is noticed later still.
    for (const action of ['close', 'open', 'close', 'open']) {
      await device.ok('kill', '-KILL', await one());
      assert.equal((await ask(`toggleService {"action":"${action}"}`)).changed, true);
    }
    process.endInput();
    await process.exited;
    await none();
  });

  it('is killed with the request: that is an error, and the next request finds the firewall whole', async () => {
    const { process, ask } = await nodeRed();
    await ask('getReady');
    const pid = await one();
    await isAtRest(pid);
    await device.ok(
      'sh',
      '-c',
      'mv /usr/sbin/iptables-nft-restore /run/restore; printf "#!/bin/sh\\ntouch /run/held; sleep 60\\n" > /usr/sbin/iptables-nft-restore; chmod 755 /usr/sbin/iptables-nft-restore',
    );
    const asked = ask('setProfile {"profile":"lockdown"}');
    await until(() => device.exists('/run/held'));
    await device.ok('kill', '-KILL', pid);
    await device.ok('mv', '/run/restore', '/usr/sbin/iptables-nft-restore');
    assert.equal((await asked).code, 'INTERNAL');
    assert.equal((await ask('setProfile {"profile":"lockdown"}')).changed, true);
    process.endInput();
    await process.exited;
    await none();
  });

  it('ends when nobody asks for long, and one that does not is killed', async () => {
    const text = await device.read(STANDBY);
    assert.match(text, /timeout -s KILL 1910 .*\n.*standBy\(1800, 110\)/);
    try {
      await device.write(STANDBY, text.replace('standBy(1800', 'standBy(1'), 0o755);
      assert.equal((await (await waitFor()).exited).code, 75);
      await device.write(STANDBY, text.replace('KILL 1910', 'KILL 1'), 0o755);
      await (await waitFor()).exited;
      await none();
      // A request that does not end: what works on it has its time, too.
      await device.write(STANDBY, text.replace('1800, 110', '1800, 1'), 0o755);
      await device.write('/run/hang', '#!/bin/sh\ntouch /run/hangs\nexec sleep 59\n', 0o755);
      const waiting = await waitFor();
      await isAtRest(await one());
      await device.ok('sh', '-c', 'mv /usr/sbin/iptables-nft-save /run/save; cp /run/hang /usr/sbin/iptables-nft-save');
      waiting.write(LOCKDOWN);
      waiting.endInput();
      await until(() => device.exists('/run/hangs'));
      await none();
      await until(async () => (await device.run(['pgrep', '-f', '^sleep 59'])).stdout === '');
    } finally {
      await device.run(['mv', '/run/save', '/usr/sbin/iptables-nft-save']);
      await device.write(STANDBY, text, 0o755);
    }
  });

  it('is one at most: another one waits for its end, and gives up', async () => {
    const first = await waitFor();
    const pid = await one();
    const second = await waitFor();
    assert.equal((await second.exited).code, 75);
    assert.deepEqual(await programs(), [pid]);
    first.endInput();
    assert.equal((await first.exited).code, 75);
    await none();
  });

  it(`carries out nothing but one valid request, of ${FUZZED} and of too much, or two, or an argument`, async () => {
    const lines = fc.sample(fc.oneof(fc.string({ minLength: 1, maxLength: 2000 }), fc.json()), {
      ...{ numRuns: FUZZED, seed: SEED },
    });
    const nothing = await everything(device);
    for (const line of [...lines, ' '.repeat(2 * 1024 * 1024), `${LOCKDOWN}${LOCKDOWN}`, `${LOCKDOWN}\n${LOCKDOWN}`]) {
      const { code, stdout } = await device.runAs('apollo', ['sudo', '-n', STANDBY], { input: line });
      assert.deepEqual([code, JSON.parse(stdout).error.code], [1, 'INVALID_INPUT'], `${line.slice(0, 200)} (${SEED})`);
    }
    const refused = await device.runAs('apollo', ['sudo', '-n', STANDBY, '60'], { input: LOCKDOWN });
    assert.match(refused.stderr, /password is required/);
    assert.deepEqual(await everything(device), nothing);
    await none();
  });

  it('cannot be stopped from a terminal while it works, and goes when the terminal does', async () => {
    const keys = `import os, pty, sys, time
shell, terminal = pty.fork()
if shell == 0:
    os.execvp('sh', ['sh', '-mc', 'sudo -n ${STANDBY}; cat'])
sys.stdin.readline()
os.write(terminal, b'\\x1a')
print('pressed', flush=True)
sys.stdin.readline()
os.close(terminal)
sys.stdin.readline()
`;
    const terminal = await device.spawnAs('apollo', ['python3', '-c', keys]);
    const pid = await one();
    await isAtRest(pid);
    terminal.write('key\n');
    await terminal.until(/pressed/);
    // The one that waits is not what the key stops.
    assert.doesNotMatch(await device.read(`/proc/${pid}/stat`), /\) T /);
    terminal.write('close\n');
    await none();
    await terminal.kill('SIGKILL');
  });

  it('is removed by setup --remove, and nothing is left without it', async () => {
    const waiting = await waitFor();
    await one();
    await setUp(device, '--remove');
    assert.equal(await device.exists(STANDBY), false);
    waiting.endInput();
    await waiting.exited;
    await none();
    assert.equal(await device.exists(AGENT), false);
    await setUp(device);
  });
});
