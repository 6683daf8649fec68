/** Addresses: one form for each, and the one in which iptables prints it. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { addressBytes, hasHostBits, isAddress, normalAddress } from '../../../firewall/rules/address';
import { useDevice } from '../../device/suite';
import { SEED } from '../../seed';
import { Random } from '../commands';

describe('An address', () => {
  it('is stored in one form, whichever way it is written', () => {
    const forms = {
      '10.1.2.3': ['10.1.2.3', '10.1.2.3/32', '::ffff:10.1.2.3', '::FFFF:a01:203', '0:0:0:0:0:ffff:10.1.2.3/128'],
      '10.0.0.0/8': ['10.1.2.3/8', '10.0.0.0/8', '::ffff:10.1.2.3/104'],
      '0.0.0.0/0': ['0.0.0.0/0', '10.1.2.3/0', '::ffff:0:0/96', '::ffff:10.1.2.3/96'],
      '::/0': ['::/0', '2001:db8::1/0'],
      '2001:db8::1': ['2001:DB8::1', '2001:db8:0:0:0:0:0:1/128', '2001:0db8::0001'],
      '2001:db8:1::/64': ['2001:db8:1::2/64', '2001:db8:1::/64'],
      '2001:db8:1:2::/63': ['2001:db8:1:3::9/63'],
      '::10.0.0.1': ['::10.0.0.1', '::a00:1'],
      '::0.1.0.0': ['::1:0'],
      '::1': ['::1', '::0.0.0.1'],
      '::10.0.0.0/104': ['::10.1.2.3/104'],
      '64:ff9b::c000:221': ['64:ff9b::192.0.2.33'],
    };
    for (const [normal, texts] of Object.entries(forms)) {
      for (const text of texts) assert.equal(isAddress(text) && normalAddress(text), normal, text);
    }
  });

  it('is none where it would be another one to iptables, or none that a packet has', () => {
    const none = [
      '',
      '10.1.2',
      '010.0.0.1',
      '10.0.0.1/',
      '10.0.0.1/33',
      '10.0.0.1/08',
      '2001:db8::/064',
      '2001:db8::/129',
    ];
    const mapped = ['::ffff:10.0.0.1/95', '::ffff:0:0/64', '::ffff:10.0.0.1/8'];
    const others = [
      'fe80::1%eth0',
      '10.0.0.0/255.0.0.0',
      '10.0.0.1/8/8',
      'localhost',
      '1.2.3.4\n',
      '::1 ',
      '-1',
      '::g',
    ];
    for (const text of [...none, ...mapped, ...others]) assert.equal(isAddress(text), false, text);
  });

  it('tells whether it names a subnet by its first address', () => {
    for (const text of ['10.1.2.3/8', '::ffff:10.1.2.3/104', '2001:db8::1/64', '1.2.3.4/0'])
      assert.ok(hasHostBits(text), text);
    for (const text of ['10.1.2.3', '10.0.0.0/8', '::/0', '2001:db8::1/128'])
      assert.equal(hasHostBits(text), false, text);
  });

  describe(`in iptables (seed ${SEED})`, () => {
    const device = useDevice();

    /** What iptables prints for rules that match these addresses. */
    async function printed(program: string, texts: readonly string[]): Promise<string[]> {
      const lines = texts.map((text) => `-A a -s ${text} -j RETURN`).join('\n');
      const script = `${program}-restore && ${program}-save`;
      const { stdout } = await device.run(['unshare', '-n', 'sh', '-c', script], {
        input: `*filter\n:a - [0:0]\n${lines}\nCOMMIT\n`,
      });
      return stdout
        .split('\n')
        .filter((line) => line.startsWith('-A a '))
        .map((line) => /-s (\S+)/.exec(line)?.[1] ?? '');
    }

    const anywhere = { iptables: '0.0.0.0/0', ip6tables: '::/0' };

    for (const [program, full] of [
      ['iptables', 32],
      ['ip6tables', 128],
    ] as const)
      it(`is stored as ${program} prints it, and is what was written`, async () => {
        const random = new Random(SEED);
        const written = Array.from({ length: 1500 }, () => (full === 32 ? ipv4(random) : ipv6(random))).filter(
          isAddress,
        );
        // An IPv4 address that is written as an IPv6 one is taken as IPv4.
        const kept = written.filter((text) => normalAddress(text).includes(':') === (full === 128));
        const stored = kept.map(normalAddress);
        const asPrinted = stored.map((text) =>
          text === anywhere[program] ? '' : text.includes('/') ? text : `${text}/${full}`,
        );
        assert.deepEqual(await printed(program, stored), asPrinted);
        assert.deepEqual(await printed(program, kept), asPrinted);
        for (const text of stored) assert.equal(normalAddress(text), text);
        assert.ok(kept.length > 1000, `${kept.length} addresses`);
      });

    it('that is written as an IPv6 one for IPv4 has the same last bytes', () => {
      const random = new Random(SEED);
      for (let left = 500; left > 0; left--) {
        const text = ipv4(random).split('/')[0] as string;
        assert.equal(normalAddress(`::ffff:${text}`), text);
        assert.deepEqual(addressBytes(`::ffff:${text}`).slice(12), addressBytes(text));
      }
    });
  });
});

/** A random address, in four of five cases with a prefix. */
const ipv4 = (random: Random): string =>
  withPrefix(random, Array.from({ length: 4 }, () => random.pick([0, 255, random.below(256)])).join('.'), 32);

/** A random address with runs of zeros, in one of the ways in which it can be written. */
function ipv6(random: Random): string {
  const start = random.chance(0.3) ? [0, 0, 0, 0, 0, random.pick([0, 0xffff])] : [];
  const words = Array.from({ length: 8 }, (_, at) => start[at] ?? (random.chance(0.5) ? 0 : random.below(65536)));
  const long = words.map((word) => word.toString(16).padStart(random.chance(0.3) ? 4 : 1, '0'));
  let text = long.join(':');
  if (random.chance(0.3)) {
    const last = words.slice(6).flatMap((word) => [word >> 8, word & 255]);
    text = `${long.slice(0, 6).join(':')}:${last.join('.')}`;
  } else {
    const first = words.findIndex((word, at) => word === 0 && words[at + 1] === 0);
    const end = words.findIndex((word, at) => at > first && word !== 0);
    if (first >= 0) text = `${long.slice(0, first).join(':')}::${end < 0 ? '' : long.slice(end).join(':')}`;
  }
  return withPrefix(random, random.chance(0.3) ? text.toUpperCase() : text, 128);
}

const withPrefix = (random: Random, text: string, most: number): string =>
  random.chance(0.2) ? text : `${text}/${random.below(most + 1)}`;
