/** What the kernel holds against what ufw's files say: `inSync` is iptables' own judgement, however a line is written. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import type { Family } from '../../device/protocol';
import { useDevice, useEngine, useShared } from '../../device/suite';
import { SEED } from '../../seed';
import { Random } from '../commands';
import { accepted, CHAIN, chainLines, withLines } from '../line-forms';
import { everything, restore } from '../stable';

const BEFORE = { ipv4: '/etc/ufw/before.rules', ipv6: '/etc/ufw/before6.rules' } as const;
const SHIPPED = [BEFORE.ipv4, BEFORE.ipv6, '/etc/ufw/after.rules'];
const USER = '/etc/ufw/user.rules';
const FAMILIES = ['ipv4', 'ipv6'] as const;
const RESTORE = { ipv4: 'iptables-restore', ipv6: 'ip6tables-restore' } as const;
/** How many lines are changed by hand, one after the other, of each table. */
const MUTATIONS = 40;

for (const iptables of ['nft', 'legacy'] as const)
  describe(`Whether the kernel holds what ufw's files say, on iptables-${iptables} (seed ${SEED})`, () => {
    const device = useDevice({ iptables });
    const engine = useEngine(device);
    const shipped = useShared(async (): Promise<Record<string, string>> => {
      const read = async (path: string) => [path, await device.read(path)] as const;
      return Object.fromEntries(await Promise.all(SHIPPED.map(read)));
    });
    const factory = useShared(() => everything(device));

    afterEach(async () => {
      for (const path of SHIPPED) await device.write(path, shipped[path] as string);
      await restore(device, factory);
    });

    const isInSync = async (): Promise<boolean> => (await engine.read()).inSync;

    /** Has ufw load the lines as a part of its before rules. */
    async function loadLines(family: Family, lines: readonly string[]): Promise<void> {
      await device.write(BEFORE[family], withLines(shipped[BEFORE[family]] as string, lines));
      await device.ufw('reload');
    }

    /** Has a boot load the lines as a part of its rule file; a `ufw reload` would take them out of it. */
    async function writeUser(lines: readonly string[]): Promise<void> {
      const text = factory[USER] as string;
      await device.write(
        USER,
        text.replace('### RULES ###\n', () => `### RULES ###\n\n${lines.join('\n')}\n`),
      );
      await device.ok('/lib/ufw/ufw-init', 'force-reload');
    }

    /** Loads lines as somebody does by hand; whether iptables takes them. */
    const byHand = async (family: Family, ...lines: readonly string[]): Promise<boolean> =>
      (await device.run([RESTORE[family], '-n'], { input: `*filter\n${lines.join('\n')}\nCOMMIT\n` })).code === 0;

    /** Changes one thing in each of some lines of the kernel's, and holds that it is seen. */
    async function assertChangesAreSeen(family: Family, random: Random, isChosen: (line: string) => boolean) {
      const saved = await device.save(family);
      const places = placesIn(saved).filter(({ line }) => isChosen(line));
      const chosen = Array.from({ length: MUTATIONS }, () => random.pick(places));
      let seen = 0;
      for (const { chain, place, line } of chosen) {
        if (!(await byHand(family, ...mutation(random, chain, place, line)))) continue;
        const now = await device.save(family);
        if (now === saved) continue;
        seen++;
        assert.equal(await isInSync(), false, `with ${difference(saved, now)}`);
        assert.ok(await putBack(family, saved));
        assert.equal(await device.save(family), saved);
      }
      assert.ok(seen >= MUTATIONS / 5, `${seen} changes were made`);
      assert.equal(await isInSync(), true);
    }

    const putBack = async (family: Family, saved: string): Promise<boolean> =>
      (await device.run([RESTORE[family]], { input: saved })).code === 0;

    for (const family of FAMILIES) {
      it(`is so after a reload of ufw, however its before rules are written, and not after a change of one bit (${family})`, async () => {
        const forms = await accepted(device, family);
        assert.ok(forms.length > 200, `iptables takes ${forms.length} forms here`);
        await loadLines(family, forms);
        if (!(await isInSync())) {
          const wrong: string[] = [];
          for (const form of forms) {
            await loadLines(family, [form]);
            if (!(await isInSync())) wrong.push(form);
          }
          assert.fail(`not in sync with ${wrong.length === 0 ? 'all lines together' : wrong.join('\n')}`);
        }
        await assertChangesAreSeen(family, new Random(SEED), (line) => line.startsWith(`-A ${CHAIN} `));
      });

      it(`is seen of what ufw itself writes without asking iptables, and so is a change of one bit (${family})`, async () => {
        await device.ufw('limit', 'log', '2222/tcp');
        await device.ufw('reject', 'in', 'on', 'eth1', 'proto', 'tcp', 'to', 'any', 'port', '8000:8010,9000');
        await device.ufw('allow', 'from', family === 'ipv4' ? '10.0.0.0/8' : '2001:db8::/32', 'port', '53');
        await withoutUnshare(async () => {
          assert.equal(await isInSync(), true, 'before anything is changed');
          await assertChangesAreSeen(family, new Random(SEED), (line) => line.startsWith('-A ufw'));
        });
      });
    }

    /** Does the work on a device where no namespace is to be had. */
    async function withoutUnshare(work: () => Promise<void>): Promise<void> {
      await device.write(
        '/run/no-unshare',
        '#!/bin/sh\necho "unshare failed: Operation not permitted" >&2\nexit 1\n',
        0o755,
      );
      await device.ok('mount', '--bind', '/run/no-unshare', '/usr/bin/unshare');
      try {
        await work();
      } finally {
        await device.ok('umount', '/usr/bin/unshare');
      }
    }

    it('is not known of other lines where no namespace is to be had, and no change is held up by that', async () => {
      await loadLines('ipv4', [`-A ${CHAIN} -p tcp --syn -j DROP`]);
      await withoutUnshare(async () => assert.equal(await isInSync(), false));
      assert.equal(await isInSync(), true);
      await writeUser(['-A ufw-user-input -p tcp --syn -j RETURN']);
      await withoutUnshare(async () => {
        for (const change of [
          () => engine.toggleService({ action: 'close' }),
          () => engine.setProfile({ profile: 'lockdown' }),
          () => engine.restore({ action: 'undo' }),
        ]) {
          const { changed, state } = await change();
          assert.deepEqual([changed, state.inSync], [true, false]);
        }
      });
      const { services, inSync } = await engine.read();
      assert.equal(inSync, true);
      assert.equal(services.find(({ id }) => id === 'ssh')?.in, 'closed');
    });

    it('is so for lines that somebody has put into a rule file, which a change keeps and loads', async () => {
      const forms = await accepted(device, 'ipv4');
      await writeUser([
        ...chainLines(forms),
        '-A ufw-user-input -p tcp --syn --dport nntp -j DROP',
        '\n### tuple ### deny any any 0.0.0.0/0 any 192.0.2.2/24 in\n-A ufw-user-input -s 192.0.2.2/24 -j DROP',
        '\n### tuple ### deny any any 0.0.0.0/0 any 192.0.2.2/024 in\n-A ufw-user-input -s 192.0.2.2/024 -j DROP',
        '\n### tuple ### refuse tcp 99999 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 9999 -j REJECT',
      ]);
      assert.equal(await isInSync(), true);
      const text = await device.read(USER);
      const before = await device.save('ipv4');
      const changes = [
        () => engine.toggleService({ action: 'close' }),
        () => engine.setProfile({ profile: 'lockdown', onlyTighten: true, force: true }),
        () => engine.setProfile({ profile: 'standard', confirmWithin: 600 }),
      ];
      for (const change of changes) {
        const { changed, state } = await change();
        assert.deepEqual([changed, state.inSync], [true, true]);
        const { state: last } = await engine.restore({ action: 'undo' });
        assert.equal(last.inSync, true);
        assert.equal(await device.read(USER), text);
        assert.equal(await device.save('ipv4'), before);
      }
      await device.ok('/lib/ufw/ufw-init', 'force-reload');
      assert.equal(await device.save('ipv4'), before);
    });

    it('is so for lines in a rule file about chains that are loaded from elsewhere, and a change adds none of them again', async () => {
      await writeUser([
        '-A ufw-before-input -p tcp --dport 9003 -j DROP',
        '-A ufw-after-output -p tcp --syn --dport 9004 -j DROP',
        '-A INPUT -p tcp --dport 9005 -j DROP',
      ]);
      const before = await device.save('ipv4');
      assert.equal(await isInSync(), true);
      await engine.toggleService({ action: 'close' });
      await engine.restore({ action: 'undo' });
      assert.equal(await device.save('ipv4'), before);
      assert.equal(await isInSync(), true);
    });

    it('is so for files with blanks, counters and tabs where iptables-restore takes them', async () => {
      const loosely = (text: string): string =>
        text
          .replace(/^\*filter$/m, '*filter \t')
          .replace(/^:(\S+) - \[0:0\]$/gm, ':$1\t-\t[12:345]')
          .replace(/^-A (\S+) /gm, '[1:2] --append $1\t');
      for (const path of [BEFORE.ipv4, BEFORE.ipv6, '/etc/ufw/after.rules', USER])
        await device.write(path, loosely(await device.read(path)));
      await device.ok('/lib/ufw/ufw-init', 'force-reload');
      await withoutUnshare(async () => assert.equal(await isInSync(), true));
      await engine.setProfile({ profile: 'lockdown' });
      assert.equal((await engine.restore({ action: 'undo' })).state.inSync, true);
    });

    it('is so for rules of built-in chains in ufw’s files, which are there once more after each reload', async () => {
      await loadLines('ipv4', ['-A INPUT -p tcp --dport 9001 -j ACCEPT', '-A FORWARD -p tcp --syn -j DROP']);
      await device.ufw('reload');
      assert.equal(await isInSync(), true);
      await engine.toggleService({ action: 'close' });
      await engine.toggleService({ action: 'open' });
      assert.equal(await isInSync(), true);
      await device.ok('iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '9002', '-j', 'ACCEPT');
      assert.equal(await isInSync(), false);
    });

    it('is so for lines that lead to a chain or name a set of another program’s, which only the device itself has', async () => {
      await device.ok('python3', '-c', MAKE_SET);
      await device.ok('iptables', '-N', 'f2b-mine');
      const lines = [
        `-A ${CHAIN} -j f2b-mine`,
        `-A ${CHAIN} -m set --match-set blocked src -j DROP`,
        `-A ${CHAIN} -p tcp -m set ! --match-set blocked dst -j LOG --log-prefix "x "`,
      ];
      await loadLines('ipv4', lines);
      assert.equal(await isInSync(), true);
      const { state } = await engine.toggleService({ action: 'close' });
      assert.equal(state.inSync, true);
      await engine.toggleService({ action: 'open' });
      assert.ok(await byHand('ipv4', `-R ${CHAIN} 4 -m set --match-set blocked dst -j DROP`));
      assert.equal(await isInSync(), false);
    });

    it('is not so where ufw could not load the file', async () => {
      await device.write(
        BEFORE.ipv4,
        withLines(shipped[BEFORE.ipv4] as string, [`-A ${CHAIN} --no-such-option -j DROP`]),
      );
      await assert.rejects(device.ufw('reload'), /Problem running '\/etc\/ufw\/before.rules'/);
      assert.equal(await isInSync(), false);
    });
  });

interface Place {
  chain: string;
  /** As iptables counts, from 1. */
  place: number;
  line: string;
}

function placesIn(saved: string): Place[] {
  const counts = new Map<string, number>();
  return saved.split('\n').flatMap((line) => {
    const chain = /^-A (\S+)/.exec(line)?.[1];
    if (chain === undefined) return [];
    const place = (counts.get(chain) ?? 0) + 1;
    counts.set(chain, place);
    return [{ chain, place, line }];
  });
}

/** What somebody may do to one line by hand, as lines for iptables-restore; iptables may not take all of them. */
function mutation(random: Random, chain: string, place: number, line: string): string[] {
  const spec = line.slice(`-A ${chain} `.length);
  switch (random.below(8)) {
    case 0:
      return [`-D ${chain} ${place}`];
    case 1:
      return [`-I ${chain} ${place} ${spec}`];
    case 2:
      return [`-D ${chain} ${place}`, `-A ${chain} ${spec}`];
    case 3:
      return [
        `-R ${chain} ${place} ${spec.replace(/-j (RETURN|ACCEPT|DROP)/, (_, old) => `-j ${old === 'DROP' ? 'ACCEPT' : 'DROP'}`)}`,
      ];
    case 4:
      return [
        `-R ${chain} ${place} ${spec.includes('! ') ? spec.replace('! ', '') : spec.replace(/(^| )(-[sdiop]|--[a-z]+) /, '$1! $2 ')}`,
      ];
    default: {
      // One letter or digit of a value, to its neighbour.
      const values = [...spec.matchAll(/(?<= )[^-\s]\S*/g)];
      const value = random.pick(values);
      const text = value[0];
      const at = (value.index as number) + random.below(text.length);
      const changed = /[0-9a-zA-Z]/.test(spec[at] as string) ? String.fromCharCode(spec.charCodeAt(at) ^ 1) : spec[at];
      return [`-R ${chain} ${place} ${spec.slice(0, at)}${changed}${spec.slice(at + 1)}`];
    }
  }
}

/** The lines of two tables that the other does not have. */
function difference(before: string, now: string): string {
  const [old, next] = [before.split('\n'), now.split('\n')];
  const gone = old.filter((line) => !next.includes(line)).map((line) => `< ${line}`);
  const come = next.filter((line) => !old.includes(line)).map((line) => `> ${line}`);
  return [...gone, ...come].join('\n') || 'the order of lines changed';
}

/** Makes an empty set `blocked` of addresses, as `ipset create blocked hash:ip` does. */
const MAKE_SET = `
import socket, struct
def attribute(kind, value):
    return struct.pack('=HH', 4 + len(value), kind) + value + bytes(-len(value) % 4)
body = struct.pack('=BBH', 2, 0, 0) + attribute(1, bytes([6])) + attribute(2, b'blocked\\0') \\
    + attribute(3, b'hash:ip\\0') + attribute(4, bytes([0])) + attribute(5, bytes([2])) + attribute(0x8007, b'')
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
link.send(struct.pack('=IHHII', 16 + len(body), 6 << 8 | 2, 0x405, 1, 0) + body)
error = struct.unpack_from('=i', link.recv(4096), 16)[0]
assert error == 0, error
`;
