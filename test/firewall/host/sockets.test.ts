import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { FirewallError } from '../../../firewall/errors';
import { parseProcNet, processesOf, readSockets } from '../../../firewall/host/sockets';
import type { ListeningSocket } from '../../../firewall/state/socket';

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const ZERO = { 8: '00000000', 32: '0'.repeat(32) } as const;

/** A row as the kernel prints it, the blanks at its end included. */
function row(address: string, port: string, state: string, uid = 0, inode = 4711): string {
  const remote = address.length === 8 ? ZERO[8] : ZERO[32];
  const owner = `${String(uid).padStart(5)} ${'0'.padStart(8)} ${inode}`;
  return `   0: ${address}:${port} ${remote}:0000 ${state} 00000000:00000000 00:00000000 00000000 ${owner} 1 0000000000000000 100 0 0 10 0   `;
}

function table(...rows: string[]): string {
  return `${[HEADER, ...rows].join('\n')}\n`;
}

function address(hex: string, family: ListeningSocket['family'], order: 'LE' | 'BE'): string | undefined {
  return parseProcNet(table(row(hex, '0050', '0A')), 'tcp', family, order)[0]?.address;
}

describe('the socket tables of the kernel', () => {
  it('name the TCP sockets that listen', () => {
    const text = table(
      row('0100007F', '0075', '0A', 1000, 52),
      row('0100007F', '0075', '01'),
      row('0100007F', '0075', '06'),
      row('00000000', '01BB', '0A', 4294967294, 4294967295),
    );
    assert.deepEqual(parseProcNet(text, 'tcp', 'ipv4', 'LE'), [
      { protocol: 'tcp', family: 'ipv4', address: '127.0.0.1', port: 117, inode: 52, uid: 1000 },
      { protocol: 'tcp', family: 'ipv4', address: '0.0.0.0', port: 443, inode: 4294967295, uid: 4294967294 },
    ]);
  });

  it('name the UDP sockets that are bound, and not those connected to one peer', () => {
    const text = table(row('00000000', '14E9', '07'), row('0100007F', 'D431', '01'));
    assert.deepEqual(
      parseProcNet(text, 'udp', 'ipv4', 'LE').map(({ protocol, port }) => [protocol, port]),
      [['udp', 5353]],
    );
  });

  it('hold addresses in the byte order of the machine, word by word', () => {
    assert.equal(address('0501A8C0', 'ipv4', 'LE'), '192.168.1.5');
    assert.equal(address('C0A80105', 'ipv4', 'BE'), '192.168.1.5');
    assert.equal(address('B80D0120000000000000000001000000', 'ipv6', 'LE'), '2001:db8::1');
    assert.equal(address('20010DB8000000000000000000000001', 'ipv6', 'BE'), '2001:db8::1');
    assert.equal(address('00000000000000000000000000000000', 'ipv6', 'LE'), '::');
    assert.equal(address('00000000000000000000000001000000', 'ipv6', 'LE'), '::1');
  });

  it('give every address back that the kernel printed, on either kind of machine', () => {
    const bytes = fc.constantFrom(4, 16).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));
    fc.assert(
      fc.property(bytes, fc.constantFrom('LE' as const, 'BE' as const), (written, order) => {
        const family = written.length === 4 ? 'ipv4' : 'ipv6';
        const memory = Buffer.from(written);
        const words = order === 'LE' ? Buffer.from(memory).swap32() : memory;
        const read = address(words.toString('hex').toUpperCase(), family, order);
        assert.equal(read, ipaddr.fromByteArray([...written]).toString());
      }),
    );
  });

  it('name an IPv4 address that an IPv6 socket is bound to, as Java does, by its family', () => {
    const [listener] = parseProcNet(table(row('0000000000000000FFFF00000100007F', '1F90', '0A')), 'tcp', 'ipv6', 'LE');
    assert.deepEqual([listener?.family, listener?.address, listener?.port], ['ipv4', '127.0.0.1', 8080]);
  });

  it('may be empty', () => {
    assert.deepEqual(parseProcNet(table(), 'tcp', 'ipv4'), []);
    assert.deepEqual(parseProcNet('', 'tcp', 'ipv4'), []);
  });

  it('are refused when a row is not as the kernel prints it', () => {
    for (const bad of ['nonsense', row('0100007', '0050', '0A'), row('0100007F', '50', '0A')]) {
      assert.throws(
        () => parseProcNet(table(bad), 'tcp', 'ipv4'),
        (error: unknown) => error instanceof FirewallError && error.code === 'INTERNAL',
      );
    }
  });
});

describe('the listeners of a machine', () => {
  it('are those of all four tables, and of no IPv6 table where the kernel has none', async () => {
    const proc = mkdtempSync(join(tmpdir(), 'proc-'));
    try {
      mkdirSync(join(proc, 'net'));
      writeFileSync(join(proc, 'net', 'tcp'), table(row('00000000', '0050', '0A')));
      writeFileSync(join(proc, 'net', 'udp'), table(row('00000000', '14E9', '07')));
      const ports = async () => (await readSockets(proc)).map(({ protocol, family, port }) => [protocol, family, port]);
      assert.deepEqual(await ports(), [
        ['tcp', 'ipv4', 80],
        ['udp', 'ipv4', 5353],
      ]);
      writeFileSync(join(proc, 'net', 'tcp6'), table(row('0'.repeat(32), '0050', '0A')));
      writeFileSync(join(proc, 'net', 'udp6'), table(row('0'.repeat(32), '14E9', '07')));
      assert.deepEqual(await ports(), [
        ['tcp', 'ipv4', 80],
        ['tcp', 'ipv6', 80],
        ['udp', 'ipv4', 5353],
        ['udp', 'ipv6', 5353],
      ]);
    } finally {
      rmSync(proc, { recursive: true });
    }
  });

  it('include one that has just begun to listen, and name this process as its holder', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(socket, 'listening')]);
    try {
      const listeners = await readSockets();
      const bound = [
        { protocol: 'tcp', port: (server.address() as AddressInfo).port },
        { protocol: 'udp', port: socket.address().port },
      ];
      for (const { protocol, port } of bound) {
        const found = listeners.find((listener) => listener.protocol === protocol && listener.port === port);
        assert.deepEqual([found?.family, found?.address, found?.uid], ['ipv4', '127.0.0.1', process.getuid?.()]);
        const holders = await processesOf([found?.inode as number]);
        const name = readFileSync('/proc/self/comm', 'utf8').trimEnd();
        assert.deepEqual([...holders], [[found?.inode, { pid: process.pid, name }]]);
      }
    } finally {
      server.close();
      socket.close();
      await Promise.all([once(server, 'close'), once(socket, 'close')]);
    }
  });
});

describe('the processes that hold sockets', () => {
  let proc: string;

  function addProcess(pid: number, name: string | null, links: string[]): void {
    mkdirSync(join(proc, String(pid), 'fd'), { recursive: true });
    if (name !== null) writeFileSync(join(proc, String(pid), 'comm'), `${name}\n`);
    links.forEach((link, fd) => {
      symlinkSync(link, join(proc, String(pid), 'fd', String(fd)));
    });
  }

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'proc-'));
  });

  afterEach(() => {
    rmSync(proc, { recursive: true });
  });

  it('are named by the lowest number, which of nginx is the master', async () => {
    addProcess(200, 'nginx', ['socket:[7]']);
    addProcess(30, 'nginx', ['/dev/null', 'pipe:[7]', 'socket:[7]', 'socket:[8]']);
    addProcess(4, 'init', ['socket:[77]']);
    assert.deepEqual(
      [...(await processesOf([7, 8, 9], proc))],
      [
        [7, { pid: 30, name: 'nginx' }],
        [8, { pid: 30, name: 'nginx' }],
      ],
    );
  });

  it('are passed over when they end while they are looked at', async () => {
    mkdirSync(join(proc, '5'));
    addProcess(6, null, ['socket:[7]']);
    addProcess(7, 'left', ['socket:[7]']);
    assert.deepEqual([...(await processesOf([7], proc))], [[7, { pid: 7, name: 'left' }]]);
  });

  it('that cannot be read for another reason are an error, not silence', async () => {
    mkdirSync(join(proc, '5'));
    writeFileSync(join(proc, '5', 'fd'), 'no folder');
    await assert.rejects(processesOf([7], proc), { code: 'ENOTDIR' });
  });

  it('are not looked for when nobody asks', async () => {
    addProcess(5, 'x', ['socket:[7]']);
    assert.deepEqual([...(await processesOf([], proc))], []);
  });
});
