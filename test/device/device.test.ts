import { strict as assert } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Device, type EmbeddedOptions } from './device';
import type { Family, Target } from './protocol';
import { useDevice } from './suite';

const fixtures = join(__dirname, '..', '..', '..', 'test', 'fixtures');
const families: Family[] = ['ipv4', 'ipv6'];

async function withDevice(options: EmbeddedOptions, use: (device: Device) => Promise<void>): Promise<void> {
  const device = await Device.open(options);
  try {
    await use(device);
  } finally {
    await device.close();
  }
}

/** The rows of `ufw status numbered` without their numbers. */
function rows(listing: string): string[] {
  return [...listing.matchAll(/^\[ ?\d+\] (.*)$/gm)].map((match) => (match[1] ?? '').trim());
}

/** A program of the host that opens a device and says where; a stand-in for a test run. */
function opener(code: string, folder: string, uid?: number): ChildProcess {
  const script = `const { Device } = require(${JSON.stringify(join(folder, 'device.js'))}); ${code}`;
  return spawn(process.execPath, ['-e', script], { cwd: '/', uid, gid: uid, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Host processes that have `text` in their command line. */
async function processesWith(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(text));
}

describe('The test device', function () {
  // The first opening makes the snapshot, with the real ufw, rule by rule.
  this.timeout(60_000);

  after(() => Device.closeAll());

  describe('in the factory state', () => {
    const device = useDevice();

    it('lists the rules of the vendor with the web ports where they were before', async () => {
      const vendor = await readFile(join(fixtures, 'ufw-status-numbered.txt'), 'utf8');
      const wanted = rows(vendor.replace(/\b1443\b/g, '443').replace(/\b1780\b/g, '80')).map((row) =>
        row.split(/ {2,}/),
      );
      const unique = [...new Set(wanted.map((cells) => cells.join('|')))];
      await withDevice({ ipv6: false }, async (bare) => {
        const listing = rows(await bare.ufw('status', 'numbered')).map((row) => row.split(/ {2,}/).join('|'));
        assert.deepEqual(listing, unique);
      });
    });

    it('has the IPv6 twins that ufw makes, and denies both ways', async () => {
      const listing = rows(await device.ufw('status', 'numbered'));
      // All but `deny from 127.0.0.0/8` have one.
      assert.equal(listing.filter((row) => row.includes('(v6)')).length, 22);
      assert.match(await device.ufw('status', 'verbose'), /Default: deny \(incoming\), deny \(outgoing\)/);
    });

    it('has in the kernel what ufw itself would load', async () => {
      const before = [await device.save('ipv4'), await device.save('ipv6')];
      await device.ufw('reload');
      assert.deepEqual([await device.save('ipv4'), await device.save('ipv6')], before);
    });

    it('can have another ufw and another iptables than the machine', async () => {
      await withDevice({ ufw: '0.36', iptables: 'legacy' }, async (old) => {
        assert.match(await old.ufw('version'), /^ufw 0\.36\n/);
        for (const program of ['iptables', 'ip6tables-save']) {
          assert.match(await old.ok(program, '--version'), /\(legacy\)/);
        }
        assert.match(await old.ok('cat', '/proc/net/ip_tables_names'), /^filter$/m);
      });
    });

    for (const family of families) {
      it(`lets ${family} probes in on open ports only`, async () => {
        const targets: Target[] = [
          { proto: 'tcp', port: 22, family },
          { proto: 'tcp', port: 23, family },
          { proto: 'udp', port: 5353, family },
          { proto: 'udp', port: 5354, family },
          { proto: 'tcp', port: 1883, family },
          { proto: 'udp', port: 1883, family },
          { proto: 'tcp', port: 1883, family, interface: 'eth1' },
          { proto: 'udp', port: 1883, family, interface: 'eth1' },
        ];
        const answers = await device.neighbour.probe(targets);
        assert.deepEqual(answers, ['in', 'filtered', 'in', 'filtered', 'in', 'in', 'filtered', 'filtered']);
      });

      it(`lets ${family} probes out on open ports only`, async () => {
        const targets: Target[] = [
          { proto: 'tcp', port: 25, family },
          { proto: 'tcp', port: 26, family },
          { proto: 'udp', port: 123, family },
          { proto: 'udp', port: 124, family },
          { proto: 'udp', port: 124, family, interface: 'ip70' },
        ];
        assert.deepEqual(await device.outward(targets), ['out', 'filtered', 'out', 'filtered', 'out']);
      });
    }
  });

  it('hears listeners on both sides', async () => {
    await withDevice({ active: false }, async (device) => {
      await device.listen('tcp', 7000);
      await device.listen('udp', 7000);
      const { port } = await device.neighbour.listen('udp', 0);
      const targets = families.flatMap((family): Target[] => [
        { proto: 'tcp', port: 7000, family },
        { proto: 'udp', port: 7000, family },
      ]);
      assert.deepEqual(await device.neighbour.probe(targets), ['in', 'in', 'in', 'in']);
      assert.deepEqual(await device.outward([{ proto: 'udp', port, family: 'ipv4' }]), ['out']);
    });
  });

  it('can be without rules, without IPv6 or switched off', async () => {
    await withDevice({ rules: 'none', ipv6: false }, async (device) => {
      assert.deepEqual(rows(await device.ufw('status', 'numbered')), []);
      const answers = await device.neighbour.probe(families.map((family) => ({ proto: 'tcp', port: 22, family })));
      assert.deepEqual(answers, ['filtered', 'filtered']);
    });
    await withDevice({ active: false }, async (device) => {
      assert.match(await device.ufw('status'), /inactive/);
      assert.match(await device.read('/etc/ufw/user.rules'), /### tuple ### allow tcp 22 /);
      assert.deepEqual(await device.neighbour.probe([{ proto: 'tcp', port: 23, family: 'ipv4' }]), ['in']);
    });
  });

  it('counts what a probe met, through a rule that closes the port', async () => {
    await withDevice({}, async (device) => {
      const open = await device.neighbour.monitor({ proto: 'tcp', port: 22, family: 'ipv4' });
      const closed = await device.neighbour.monitor({ proto: 'tcp', port: 23, family: 'ipv6', everyMs: 5 });
      await device.neighbour.probe([{ proto: 'tcp', port: 23, family: 'ipv4' }]);
      const [opened, shut] = [await open.stop(), await closed.stop()];
      assert.equal(opened.silent, 0);
      assert.equal(shut.answered, 0);
      // The probe above takes twice 400 ms.
      assert.ok(opened.answered > 200 && shut.silent > 50, `${opened.answered} and ${shut.silent} connections`);
      assert.equal(opened.times.length, opened.answered);
    });
  });

  it('keeps its files to itself', async () => {
    await withDevice({}, async (device) => {
      for (const folder of ['/etc/ufw', '/etc/default', '/etc/nginx', '/var/lib/smartserver-firewall', '/run']) {
        const path = join(folder, 'device-test-file');
        await device.write(path, 'text\n', 0o600);
        await device.ok('mv', path, `${path}.renamed`);
        assert.equal(await device.read(`${path}.renamed`), 'text\n');
        assert.equal((await device.stat(`${path}.renamed`)).mode, 0o600);
        assert.ok(!existsSync(`${path}.renamed`), `${folder} is the machine's`);
        await device.remove(`${path}.renamed`);
        assert.ok(!(await device.exists(`${path}.renamed`)));
      }
      await assert.rejects(device.write('/etc/device-test-file', ''), { code: 'EROFS' });
      await assert.rejects(device.read('/etc/ufw/none'), { code: 'ENOENT' });
    });
  });

  // Read from the kernel, not tried out: if it were not so, the try would set the clock of the machine.
  it('may not set the clock, load a module or restart the kernel', async () => {
    await withDevice({ rules: 'none' }, async (device) => {
      const all = await device.ok('sh', '-c', 'cat /proc/[0-9]*/status');
      const sets = [...all.matchAll(/^Cap(?:Inh|Prm|Eff|Bnd|Amb):\t(\w+)$/gm)].map(([, set]) => BigInt(`0x${set}`));
      // At least the shell that is process 1, the device's own, the neighbour, and the program that looks.
      assert.ok(sets.length >= 4 * 5, `${sets.length} sets`);
      const beyond = { sys_module: 16n, sys_rawio: 17n, sys_boot: 22n, sys_time: 25n, wake_alarm: 35n, bpf: 39n };
      for (const [name, bit] of Object.entries(beyond)) {
        assert.ok(
          sets.every((set) => (set & (1n << bit)) === 0n),
          name,
        );
      }
    });
  });

  it('runs programs with input, environment and megabytes of output', async () => {
    await withDevice({ rules: 'none' }, async (device) => {
      const input = 'x'.repeat(3_000_000);
      assert.equal((await device.run(['cat'], { input })).stdout, input);
      assert.equal((await device.run(['sh', '-c', 'echo $A; exit 3'], { env: { A: 'b' } })).stdout, 'b\n');
      assert.equal((await device.run(['sleep', '60'], { timeoutMs: 10 })).signal, 'SIGKILL');
      assert.equal((await device.run(['no-such-program'])).code, 127);
      await assert.rejects(device.ok('false'), /false ended with code 1/);
      await assert.rejects(device.spawn(['no-such-program']), { code: 'ENOENT' });
    });
  });

  it('spawns programs that are talked to and killed', async () => {
    await withDevice({ rules: 'none' }, async (device) => {
      const cat = await device.spawn(['cat']);
      assert.match(await device.ok('cat', `/proc/${cat.pid}/comm`), /cat/);
      cat.write('grüß\n');
      await cat.until(/grüß/);
      cat.endInput();
      assert.deepEqual(await cat.exited, { code: 0, signal: null });
      const sleep = await device.spawn(['sleep', '60']);
      assert.deepEqual(await sleep.kill(), { code: null, signal: 'SIGTERM' });
    });
  });

  it('reaps orphans', async () => {
    await withDevice({ rules: 'none' }, async (device) => {
      const script = 'pid=$(sh -c "true & echo \\$!"); while kill -0 "$pid" 2>/dev/null; do :; done';
      assert.equal((await device.run(['sh', '-c', script], { timeoutMs: 10_000 })).code, 0);
    });
  });

  it('serves the site of the vendor with the real nginx', async () => {
    await withDevice({}, async (device) => {
      await device.startNginx();
      const redirect = await device.neighbour.fetch('http://[2001:db8:1::1]/path');
      assert.equal(redirect.status, 301);
      assert.equal(redirect.headers.location, 'https://[2001:db8:1::1]/path');
      const page = await device.neighbour.fetch('https://192.0.2.1/');
      assert.equal(page.status, 200);
      assert.match(page.body, /SmartServer/);
      await device.ok('nginx', '-t');
      await device.ok('nginx', '-s', 'reload');
    });
  });

  it('runs the real broker', async () => {
    await withDevice({}, async (device) => {
      await device.startMosquitto();
      // Retained, so that it does not matter who is there first.
      await device.ok('mosquitto_pub', '-r', '-t', 'glp/0/sid/ev/alarm', '-m', 'smoke');
      assert.equal(await device.ok('mosquitto_sub', '-C', '1', '-t', 'glp/0/+/ev/alarm'), 'smoke\n');
    });
  });

  it('brings a port to the loopback of the host', async () => {
    await withDevice({}, async (device) => {
      const { port } = await device.listen('tcp', 1880);
      const forward = await device.forward(port);
      const socket = createConnection(forward.port, '127.0.0.1');
      const closed = once(socket, 'close');
      socket.end('hello');
      assert.equal(String((await once(socket, 'data'))[0]), 'hello');
      await closed;
      const taken = await device.forward(port, forward.port);
      assert.ok(taken.port > forward.port);
      await forward.close();
      await assert.rejects(once(createConnection(forward.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    });
  });

  it('opens in many copies at once that know nothing of each other', async () => {
    const devices = await Promise.all(Array.from({ length: 8 }, () => Device.open()));
    try {
      await Promise.all(devices.map((device, i) => device.ufw('allow', `${7000 + i}/tcp`)));
      const targets = devices.map((_, i): Target => ({ proto: 'tcp', port: 7000 + i, family: 'ipv4' }));
      const answers = await Promise.all(devices.map((device) => device.neighbour.probe(targets)));
      for (const [i, answer] of answers.entries()) {
        assert.deepEqual(
          answer,
          targets.map((_, port) => (port === i ? 'in' : 'filtered')),
        );
      }
    } finally {
      await Promise.all(devices.map((device) => device.close()));
    }
  });

  it('leaves nothing behind when closed, and may be closed again', async () => {
    const device = await Device.open();
    const sleep = await device.spawn(['sleep', '60']);
    await device.startNginx();
    await Promise.all([device.close(), device.close()]);
    assert.deepEqual(await sleep.exited, { code: null, signal: 'SIGKILL' });
    assert.ok(!existsSync(device.folder));
    assert.deepEqual(await processesWith(device.folder), []);
    await assert.rejects(device.run(['true']), /The device has ended/);
  });

  it('ends with a host process that is killed, and its folder is removed at the next opening', async () => {
    const host = opener('Device.open({ rules: "none" }).then((device) => console.log(device.folder))', __dirname);
    const folder = String((await once(host.stdout as NodeJS.ReadableStream, 'data'))[0]).trim();
    assert.notDeepEqual(await processesWith(folder), []);
    host.kill('SIGKILL');
    await once(host, 'exit');
    // The kernel takes its time; the test's own time limit is the only one.
    while ((await processesWith(folder)).length > 0) await pause(10);
    await withDevice({ rules: 'none' }, async () => assert.ok(!existsSync(folder)));
  });

  it('opens for an ordinary user', async () => {
    if (process.getuid?.() !== 0) return; // Every other test has just shown it.
    const copy = await mkdtemp(join(tmpdir(), 'device-test-'));
    try {
      await chmod(copy, 0o755);
      const folder = join(copy, 'dist', 'test', 'device');
      await cp(__dirname, folder, { recursive: true });
      const probes = `[{ proto: 'tcp', port: 22, family: 'ipv4' }, { proto: 'udp', port: 22, family: 'ipv6' }]`;
      const code = `(async () => {
        const device = await Device.open();
        await device.startNginx();
        const page = await device.neighbour.fetch('https://192.0.2.1/');
        const broker = await device.startMosquitto();
        const answers = await device.neighbour.probe(${probes});
        await device.close();
        console.log(JSON.stringify({ uid: process.getuid(), folder: device.folder, status: page.status, answers }));
      })();`;
      const host = opener(code, folder, 65534);
      const said = { stdout: '', stderr: '' };
      host.stdout?.on('data', (data) => (said.stdout += data));
      host.stderr?.on('data', (data) => (said.stderr += data));
      const [status] = await once(host, 'close');
      assert.equal(status, 0, said.stderr);
      const told = JSON.parse(said.stdout);
      assert.deepEqual({ ...told, folder: '' }, { uid: 65534, folder: '', status: 200, answers: ['in', 'filtered'] });
      assert.ok(!existsSync(told.folder));
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });
});
