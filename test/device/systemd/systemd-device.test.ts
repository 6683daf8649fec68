import { strict as assert } from 'node:assert';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Engine } from '../engine';
import { fetch } from '../fetch';
import type { Machine } from '../machine';
import { NODE_RED_PORT, startNodeRed } from '../node-red';
import type { Family, Target } from '../protocol';
import { page } from '../site';
import { makeClock } from './clock';
import { describeAsRoot, useSystemdDevice } from './suite';
import { SystemdDevice } from './systemd-device';
import { project } from './tree';

const exec = promisify(execFile);
const families: Family[] = ['ipv4', 'ipv6'];

async function withDevice(use: (device: SystemdDevice) => Promise<void>): Promise<void> {
  const device = await SystemdDevice.open();
  try {
    await use(device);
  } finally {
    await device.close();
  }
}

/** Probes ports of which the factory rules open every other. */
async function assertFactory(device: Machine): Promise<void> {
  const targets = families.flatMap((family): Target[] => [
    { proto: 'tcp', port: 22, family },
    { proto: 'tcp', port: 23, family },
    { proto: 'udp', port: 5353, family },
    { proto: 'udp', port: 5354, family },
    { proto: 'tcp', port: 1883, family },
    { proto: 'tcp', port: 1883, family, interface: 'eth1' },
  ]);
  const answers = await device.neighbour.probe(targets);
  const wanted = ['in', 'filtered', 'in', 'filtered', 'in', 'filtered'];
  assert.deepEqual(answers, [...wanted, ...wanted]);
}

/** A program of the host that opens a device and says where; a stand-in for a test run. */
function opener(): ChildProcess {
  const script = `require(${JSON.stringify(join(__dirname, 'systemd-device.js'))})
    .SystemdDevice.open().then((device) => console.log(device.folder))`;
  return spawn(process.execPath, ['-e', script], { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What is left of a device on the host: command lines, mounts, control groups, the folder. */
async function leftovers(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  const list = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && ls /sys/fs/cgroup';
  const groups = (await exec('unshare', ['--mount', 'sh', '-c', list])).stdout.split('\n');
  return [
    ...[...lines, ...mounts].filter((line) => line.includes(folder)),
    ...groups.filter((name) => name === basename(folder)),
    ...(existsSync(folder) ? [folder] : []),
  ];
}

describeAsRoot('The test device with systemd', () => {
  describe('once booted', () => {
    const device = useSystemdDevice();

    it('has started all its units, and keeps a journal', async () => {
      assert.equal(await device.ok('systemctl', '--failed', '--no-legend', '--plain'), '');
      assert.equal((await device.run(['systemctl', 'is-system-running'])).stdout, 'running\n');
      assert.match(await device.ok('journalctl', '--list-boots', '--no-pager'), /^ *0 /m);
      assert.equal((await device.run(['sh', '-c', 'ls /var/log/journal/*/system.journal'])).code, 0);
    });

    it('has the firewall on with the rules of the vendor', async () => {
      assert.match(
        await device.ufw('status', 'verbose'),
        /Status: active[\s\S]*Default: deny \(incoming\), deny \(outgo/,
      );
      const rows = (await device.ufw('status', 'numbered')).match(/^\[ ?\d+\]/gm);
      assert.equal(rows?.length, 23 + 22);
      await assertFactory(device);
      const targets: Target[] = [25, 26].map((port) => ({ proto: 'tcp', port, family: 'ipv6' }));
      assert.deepEqual(await device.outward(targets), ['out', 'filtered']);
    });

    it('brings up its network after the firewall', async () => {
      const after = await device.ok('systemctl', 'show', '--property=After', 'network-pre.target', 'cables.service');
      assert.match(after, /^After=.*ufw\.service/m);
      assert.match(after, /^After=.*network-pre\.target/m);
    });

    it('serves the site of the vendor', async () => {
      const redirect = await device.neighbour.fetch('http://[2001:db8:1::1]/path');
      assert.deepEqual([redirect.status, redirect.headers.location], [301, 'https://[2001:db8:1::1]/path']);
      const { status, body } = await device.neighbour.fetch('https://192.0.2.1/');
      assert.deepEqual([status, body], [200, page]);
    });

    it('lets apollo in over SSH', async () => {
      const { code, stdout, stderr } = await device.ssh('id -un; cat', { input: 'said\n' });
      assert.deepEqual([code, stdout], [0, 'apollo\nsaid\n'], stderr);
    });

    it('keeps from apollo what is root’s', async () => {
      assert.equal((await device.runAs('apollo', ['id', '-u'])).stdout, '1000\n');
      const read = await device.runAs('apollo', ['cat', '/etc/ufw/user.rules']);
      assert.deepEqual([read.code, read.stdout], [1, '']);
      assert.match(read.stderr, /Permission denied/);
      const sudo = await device.runAs('apollo', ['sudo', '-n', 'true']);
      assert.equal(sudo.code, 1);
      assert.match(sudo.stderr, /password is required/);
      for (const path of [device.node, device.packageFolder, join(device.packageFolder, 'dist/agent/agent.js')]) {
        const { uid, mode } = await device.stat(path);
        assert.deepEqual([uid, mode & 0o022], [0, 0], path);
      }
    });

    it('keeps from the device what is the host’s', async () => {
      const bounds = await device.ok('sh', '-c', 'cat /proc/self/status /proc/1/status | grep CapBnd | cut -f2');
      const [setTime, loadModules] = [1n << 25n, 1n << 16n];
      const sets = bounds.trim().split('\n');
      assert.equal(sets.length, 2);
      for (const set of sets) assert.equal(BigInt(`0x${set}`) & (setTime | loadModules), 0n, set);
      for (const view of ['dist', 'node_modules']) {
        const path = join(device.inside(join(project, view)), 'written');
        await assert.rejects(device.write(path, ''), { code: 'EROFS' });
      }
    });

    it('has the package with all it needs, for apollo as for root', async () => {
      const load = `require(${JSON.stringify(device.packageFolder)} + '/dist/firewall/firewall.js')`;
      assert.equal((await device.runAs('apollo', [device.node, '-e', load])).stderr, '');
    });

    it('has Node-RED for apollo, with the nodes of the package', async () => {
      const nodeRed = await startNodeRed(device, []);
      assert.equal(await device.ok('pgrep', '-u', 'apollo', 'node'), `${nodeRed.pid}\n`);
      const { port, close } = await device.forward(NODE_RED_PORT);
      const { body } = await fetch(`http://127.0.0.1:${port}/nodes`, { headers: { accept: 'application/json' } });
      const sets = JSON.parse(body) as { module: string; name: string; enabled: boolean; err?: string }[];
      const { name, 'node-red': own } = JSON.parse(await device.read(join(device.packageFolder, 'package.json')));
      assert.deepEqual(
        sets.filter(({ module }) => module === name).map((set) => [set.name, set.enabled, set.err]),
        Object.keys(own.nodes).map((node) => [node, true, undefined]),
      );
      await close();
      assert.deepEqual(await nodeRed.kill('SIGKILL'), { code: null, signal: 'SIGKILL' });
      assert.equal((await device.run(['pgrep', '-u', 'apollo', 'node'])).code, 1);
      const again = await startNodeRed(device, []);
      assert.equal((await again.kill()).code, 0);
    });

    it('gives a program a wall clock that jumps while it runs, and nobody else', async () => {
      const clock = await makeClock(device);
      const script = `process.stdin.on('data', () => {
        setTimeout(() => console.log(Date.now(), Math.round(performance.now()), 'told'), 10);
      })`;
      const program = await device.spawnAs('apollo', [device.node, '-e', script], { env: clock.env });
      let said = '';
      program.on('stdout', (text: string) => {
        said += text;
      });
      const tell = async (): Promise<[wall: number, monotonic: number]> => {
        said = '';
        program.write('tell\n');
        while (!said.endsWith('told\n')) await once(program, 'stdout');
        const [wall, monotonic] = said.split(' ').map(Number) as [number, number];
        return [wall - Date.now(), monotonic];
      };
      const minute = 60_000;
      const [atFirst, start] = await tell();
      assert.ok(Math.abs(atFirst) < minute, `${atFirst}`);
      for (const seconds of [7200, -86_400, 0]) {
        await clock.set(seconds);
        const [off, monotonic] = await tell();
        assert.ok(Math.abs(off - seconds * 1000) < minute, `${off} for ${seconds}`);
        assert.ok(monotonic >= start && monotonic < start + minute, `${monotonic} after ${start}`);
      }
      await clock.set(7200);
      const others = Number(await device.ok('date', '+%s')) * 1000;
      assert.ok(Math.abs(others - Date.now()) < minute);
      await program.kill();
    });

    it('has timers that fire without anybody', async () => {
      const timer = ['systemd-run', '--on-active=1', '--timer-property=AccuracySec=100ms', 'touch', '/run/fired'];
      await device.ok(...timer);
      assert.ok(!(await device.exists('/run/fired')));
      while (!(await device.exists('/run/fired'))) await pause(50);
    });
  });

  it('carries the engine', async () => {
    await withDevice(async (device) => {
      const engine = await Engine.start(device);
      assert.equal((await engine.read()).active, true);
      const ssh: Target[] = families.map((family) => ({ proto: 'tcp', port: 22, family }));
      await engine.toggleService({ service: 'ssh', action: 'close' });
      assert.deepEqual(await device.neighbour.probe(ssh), ['filtered', 'filtered']);
      await engine.toggleService({ service: 'ssh', action: 'open' });
      assert.deepEqual(await device.neighbour.probe(ssh), ['in', 'in']);
      await engine.setProfile({ profile: 'lockdown', force: true });
      assert.deepEqual(await device.neighbour.probe(ssh), ['filtered', 'filtered']);
      await engine.stop();
    });
  });

  it('has after a power cut what it had written before, and boots again', async () => {
    await withDevice(async (device) => {
      const boot = await device.ok('cat', '/proc/sys/kernel/random/boot_id');
      await device.write('/home/apollo/kept', 'kept\n');
      await device.ufw('allow', '7000/tcp');
      await device.ok('iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '23', '-j', 'ACCEPT');
      const cat = await device.spawn(['cat']);
      const waiting = assert.rejects(device.run(['sleep', '60']), /has gone down/);
      await device.powerCut();
      await waiting;
      assert.deepEqual(await cat.exited, { code: null, signal: 'SIGKILL' });
      await assert.rejects(device.run(['true']), /The device is off/);
      assert.deepEqual(await device.neighbour.probe([{ proto: 'tcp', port: 22, family: 'ipv4' }]), ['filtered']);
      await device.boot();
      await assert.rejects(device.boot(), /The device is on/);
      assert.equal(await device.read('/home/apollo/kept'), 'kept\n');
      assert.notEqual(await device.ok('cat', '/proc/sys/kernel/random/boot_id'), boot);
      // What was in the kernel only is gone; what ufw wrote is loaded.
      await assertFactory(device);
      assert.deepEqual(await device.neighbour.probe([{ proto: 'tcp', port: 7000, family: 'ipv6' }]), ['in']);
    });
  });

  it('may have its power cut while it boots', async () => {
    await withDevice(async (device) => {
      await device.powerCut();
      const boot = assert.rejects(device.boot(), /gone down|did not start/);
      await device.powerCut();
      await boot;
      await device.boot();
      await assertFactory(device);
    });
  });

  it('reboots in good order, told by the test or by somebody inside', async () => {
    await withDevice(async (device) => {
      const unit =
        '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\nExecStop=sh -c "echo end >>/var/log/ends"\n';
      await device.write('/etc/systemd/system/ends.service', `${unit}[Install]\nWantedBy=multi-user.target\n`);
      await device.ok('systemctl', 'enable', '--now', 'ends.service');
      await device.reboot();
      assert.equal(await device.read('/var/log/ends'), 'end\n');
      const up = device.nextBoot();
      await device.ok('systemctl', 'reboot');
      await up;
      assert.equal(await device.read('/var/log/ends'), 'end\nend\n');
      await assertFactory(device);
    });
  });

  it('opens in copies that know nothing of each other', async () => {
    const devices = await Promise.all([SystemdDevice.open(), SystemdDevice.open({ rules: 'none', ipv6: false })]);
    const [first, second] = devices as [SystemdDevice, SystemdDevice];
    try {
      await first.write('/home/apollo/mine', '');
      assert.ok(!(await second.exists('/home/apollo/mine')));
      await assertFactory(first);
      const ssh: Target[] = families.map((family) => ({ proto: 'tcp', port: 22, family }));
      assert.deepEqual(await second.neighbour.probe(ssh), ['filtered', 'filtered']);
      await second.powerCut();
      assert.equal((await first.run(['systemctl', 'is-system-running'])).stdout, 'running\n');
      await assertFactory(first);
    } finally {
      await Promise.all(devices.map((device) => device.close()));
    }
  });

  it('leaves nothing behind when closed, switched on or off', async () => {
    const devices = await Promise.all([SystemdDevice.open(), SystemdDevice.open()]);
    const [on, off] = devices as [SystemdDevice, SystemdDevice];
    const sleep = await on.spawn(['sleep', '60']);
    assert.notDeepEqual(await leftovers(on.folder), [on.folder]);
    await off.powerCut();
    await Promise.all([on.close(), on.close(), off.close()]);
    assert.deepEqual(await sleep.exited, { code: null, signal: 'SIGKILL' });
    for (const { folder } of devices) assert.deepEqual(await leftovers(folder), []);
    await assert.rejects(on.run(['true']), /The device has ended/);
  });

  it('ends with a host process that is killed, and the next opening removes its folder', async () => {
    const host = opener();
    const folder = String((await once(host.stdout as NodeJS.ReadableStream, 'data'))[0]).trim();
    host.kill('SIGKILL');
    await once(host, 'exit');
    // The kernel takes its time; the test's own time limit is the only one.
    while ((await leftovers(folder)).length > 1) await pause(20);
    await withDevice(async () => assert.deepEqual(await leftovers(folder), []));
  });

  it('ends when everything around it is killed, and the next opening removes the rest', async () => {
    const host = opener();
    const folder = String((await once(host.stdout as NodeJS.ReadableStream, 'data'))[0]).trim();
    process.kill(-(host.pid as number), 'SIGKILL');
    await once(host, 'exit');
    while ((await leftovers(folder)).some((line) => line.includes('systemd-nspawn'))) await pause(20);
    await withDevice(async () => assert.deepEqual(await leftovers(folder), []));
  });
});
