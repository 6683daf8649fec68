/**
 * What a watch tells of blocked packets, from the device's own log files. The lines are a real kernel's; the test writes
 * them, because the kernel logs no packets of a network namespace other than the machine's own.
 */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import { check } from '../../../firewall/messages';
import { type Blocked, blocked } from '../../../firewall/results';
import { useDevice, useFreshEngine } from '../../device/suite';
import { until } from '../until';
import { HEADS, KERNEL, OTHERS, tcp } from './log-lines';

const UFW_LOG = '/var/log/ufw.log';
const KERN_LOG = '/var/log/kern.log';

describe('Blocked packets', function () {
  this.timeout(60_000);
  const device = useDevice();
  const engine = useFreshEngine(device);
  afterEach(() => device.ok('sh', '-c', `rm -f ${UFW_LOG}* ${KERN_LOG}*`));

  const line = (text: string): string => `${HEADS.traditional}${text}\n`;
  /** As a writer that keeps the file open does. */
  const append = async (path: string, text: string): Promise<void> => {
    const { code, stderr } = await device.run(['sh', '-c', `cat >> ${path}`], { input: text });
    assert.equal(code, 0, stderr);
  };
  const told = (): Blocked[] => engine.events.map(({ payload }) => check(blocked, payload));
  const ports = (): (number | null)[] => told().map(({ port }) => port);
  const becomes = (...wanted: number[]) => until(async () => ports().join() === wanted.join());
  const begin = async (path: string | null = UFW_LOG): Promise<void> => {
    if (path) await append(path, line(tcp('203.0.113.9', 1)));
    await engine.watch({ topics: ['blocked'], blockedEvery: 3600 });
    await until(async () => engine.readings > 0);
    if (path === null) return;
    // From when on it hears is not told, so it is tried until it does.
    let at = 60_000;
    await until(async () => {
      await append(path, line(tcp('203.0.113.9', at++)));
      return engine.events.length > 0;
    });
    engine.events.length = 0;
    await append(path, line(tcp('203.0.113.9', 65_000)));
    await until(async () => ports().includes(65_000));
    engine.events.length = 0;
  };

  it('are told with their source, port and protocol', async () => {
    await begin();
    await append(UFW_LOG, Object.values(KERNEL).map(line).join(''));
    await until(async () => told().length >= 8);
    assert.deepEqual(told()[0], {
      ...{ source: '203.0.113.9', destination: '192.168.7.1', port: 22, protocol: 'tcp' },
      ...{ direction: 'in', interface: 'eth0', count: 1 },
    });
    // The ping and the error message are of one source and protocol.
    assert.equal(told().length, Object.keys(KERNEL).length - 1);
  });

  it('are told once for many from one source to one port', async () => {
    await begin();
    await append(UFW_LOG, line(tcp('203.0.113.9', 22)).repeat(5000));
    await append(UFW_LOG, line(tcp('203.0.113.9', 23)));
    await becomes(22, 23);
  });

  it('are not believed to lines that only look like them, or have no end', async () => {
    await begin();
    await append(UFW_LOG, OTHERS.map((text) => `${text}\n`).join(''));
    await append(UFW_LOG, 'x'.repeat(300_000));
    await append(UFW_LOG, `\n${line(tcp('203.0.113.9', 24))}`);
    await becomes(24);
  });

  it('are told of a line that comes in pieces', async () => {
    await begin();
    const text = line(tcp('203.0.113.9', 25));
    await append(UFW_LOG, text.slice(0, 100));
    await append(UFW_LOG, text.slice(100));
    await becomes(25);
  });

  it('are told when the log is rotated by rename, also those that still go to the old file', async () => {
    await begin();
    // A syslog daemon keeps its file open until it is told of the new one.
    const writer = await device.spawn([
      'sh',
      '-c',
      `exec 3>>${UFW_LOG}; while read -r text; do echo "$text" >&3; done`,
    ]);
    writer.write(line(tcp('203.0.113.9', 31)));
    await becomes(31);
    await device.ok('sh', '-c', `mv ${UFW_LOG} ${UFW_LOG}.1 && install -m 640 /dev/null ${UFW_LOG}`);
    writer.write(line(tcp('203.0.113.9', 32)));
    await becomes(31, 32);
    writer.endInput();
    await writer.exited;
    await append(UFW_LOG, line(tcp('203.0.113.9', 33)));
    await becomes(31, 32, 33);
    await device.ok('mv', `${UFW_LOG}.1`, `${UFW_LOG}.2`);
    await device.ok('mv', UFW_LOG, `${UFW_LOG}.1`);
    await append(UFW_LOG, line(tcp('203.0.113.9', 34)));
    await becomes(31, 32, 33, 34);
  });

  it('are told when the log is copied and truncated', async () => {
    await begin();
    await append(UFW_LOG, line(tcp('203.0.113.9', 41)));
    await becomes(41);
    await device.ok('sh', '-c', `cp ${UFW_LOG} ${UFW_LOG}.1 && truncate -s 0 ${UFW_LOG}`);
    await append(UFW_LOG, line(tcp('203.0.113.9', 42)));
    await becomes(41, 42);
  });

  it('are told from the kernel’s log where ufw has none of its own, and not twice where both are written', async () => {
    await begin(KERN_LOG);
    await append(KERN_LOG, line(tcp('203.0.113.9', 51)));
    await becomes(51);
    await append(UFW_LOG, line(tcp('203.0.113.9', 52)));
    await becomes(51, 52);
    await append(KERN_LOG, line(tcp('203.0.113.9', 53)));
    await append(UFW_LOG, line(tcp('203.0.113.9', 54)));
    await becomes(51, 52, 54);
  });

  it('are heard once for all who watch, those who come later too, until the last of them goes', async () => {
    await begin();
    const watch = (port: number) => engine.watch({ topics: port % 2 ? ['blocked'] : ['blocked', 'changed'] });
    const followers = async (): Promise<number> => {
      const { stdout } = await device.run(['sh', '-c', `ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c '${UFW_LOG}$'`]);
      return Number(stdout);
    };
    assert.equal(await followers(), 1);
    await watch(70);
    await watch(71);
    assert.equal(await followers(), 1);
    await append(UFW_LOG, line(tcp('203.0.113.9', 72)));
    await becomes(72, 72, 72);
    await engine.stop();
    assert.equal(await followers(), 0);
  });

  it('cannot be told without a log, which is said, until there is one', async () => {
    await begin(null);
    await until(async () => /^NO_LOG/.test(engine.troubles.slice(-1)[0] ?? ''));
    await append(UFW_LOG, line(tcp('203.0.113.9', 61)));
    await becomes(61);
    assert.equal(engine.troubles.slice(-1)[0], null);
  });

  it('cannot be told while ufw logs nothing, which is said', async () => {
    await begin();
    await device.ufw('logging', 'off');
    await until(async () => /^NO_LOG: .*sudo ufw logging low/.test(engine.troubles.slice(-1)[0] ?? ''));
    await device.ufw('logging', 'low');
    await until(async () => engine.troubles.slice(-1)[0] === null);
  });
});
