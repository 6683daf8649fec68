/** What is believed of the kernel's log. */
import { strict as assert } from 'node:assert';
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { packetOf, packetOfLine } from '../../../firewall/watch/blocked-packet';
import { HEADS, KERNEL, OTHERS, tcp } from './log-lines';

const summary = (text: string) => {
  const packet = packetOf(text);
  return packet && [packet.source, packet.port, packet.protocol, packet.direction, packet.interface];
};

describe('A line of the kernel’s log', () => {
  const expected: [keyof typeof KERNEL, unknown[]][] = [
    ['limited', ['203.0.113.9', 22, 'tcp', 'in', 'eth0']],
    ['udp', ['198.51.100.4', 137, 'udp', 'in', 'eth1']],
    ['ipv6', ['2001:db8::9', 8080, 'tcp', 'in', 'eth0']],
    ['ping', ['203.0.113.9', null, 'icmp', 'in', 'eth0']],
    ['unreachable', ['203.0.113.9', null, 'icmp', 'in', 'eth0']],
    ['out', ['192.168.7.1', 8080, 'tcp', 'out', 'eth0']],
    ['routed', ['192.168.7.2', 443, 'tcp', 'routed', 'eth0']],
    ['fragment', ['203.0.113.9', null, 'udp', 'in', 'eth0']],
    ['number', ['203.0.113.9', null, '2', 'in', 'eth0']],
  ];
  for (const [name, packet] of expected) {
    it(`about a packet (${name}) is understood`, () => assert.deepEqual(summary(KERNEL[name]), packet));
  }

  for (const [name, head] of Object.entries(HEADS)) {
    it(`is found behind the head of a file (${name})`, () => {
      assert.equal(packetOfLine(head + tcp('203.0.113.9', 22))?.source, '203.0.113.9');
    });
  }

  for (const [at, line] of OTHERS.entries()) {
    it(`that only looks like it is left out (${at + 1})`, () => assert.equal(packetOfLine(line), null));
  }

  it('gives what any packet can have', () => {
    const address = fc.oneof(
      fc.tuple(fc.ipV4(), fc.ipV4(), fc.constant(4)),
      fc.tuple(fc.ipV6(), fc.ipV6(), fc.constant(6)),
    );
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 65535 }), ([source, destination], port) => {
        const text = tcp(source, port).replace('DST=192.168.7.1', `DST=${destination}`);
        const packet = packetOf(text);
        assert.equal(packet?.port, port);
        assert.equal(isIP(packet?.source ?? ''), isIP(source));
      }),
    );
  });

  it('whatever it holds, gives an address, a port and nothing else, or nothing', () => {
    const pieces = fc.constantFrom(...Object.values(KERNEL).flatMap((text) => text.split(/(?<= )/)), ...OTHERS);
    const text = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.constantFrom('', '[UFW BLOCK] ', '[UFW BLOCK] IN=eth0 OUT= '), text, (start, rest) => {
        const packet = packetOf(start + rest);
        if (packet === null) return;
        assert.ok(isIP(packet.source) && isIP(packet.destination));
        assert.ok(packet.port === null || (Number.isInteger(packet.port) && packet.port >= 0 && packet.port <= 65535));
        assert.match(packet.protocol, /^[a-z0-9]{1,16}$/);
        assert.match(packet.interface ?? '', /^[^\s/]{1,15}$/);
      }),
      { numRuns: 2000 },
    );
  });
});
