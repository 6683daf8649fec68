/** What stands in the way of ufw's rules: settings that its programs read differently, and rules that are not its own. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import type { Finding } from '../../firewall/results';
import { useDevice, useEngine, useShared } from '../device/suite';
import { everything, reset } from './stable';

const CONF = '/etc/ufw/ufw.conf';
const DEFAULTS = '/etc/default/ufw';
const BEFORE = '/etc/ufw/before.rules';
const AFTER = '/etc/ufw/after.rules';

const disputed = (findings: readonly Finding[]): Finding[] => findings.filter(({ id }) => id === 'disputed-setting');

describe('Settings that ufw and its boot script read differently', function () {
  this.timeout(120_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useEngine(device);
  afterEach(() => reset(device, factory));

  const edit = async (path: string, from: string | RegExp, to: string) => {
    const text = await device.read(path);
    assert.notEqual(text.replace(from, to), text);
    await device.write(path, text.replace(from, to));
  };
  const probe = (port: number) =>
    device.neighbour.probe((['ipv4', 'ipv6'] as const).map((family) => ({ proto: 'tcp' as const, port, family })));
  /** What ufw loads from now on is what is in effect. */
  const assertAgreed = async () => {
    const { findings, services, policies } = await engine.read();
    assert.deepEqual(disputed(findings), []);
    // Where its reader saw no IPv6, ufw has emptied that family's file; it loads what it completes there at the second reload.
    for (let time = 0; time < 2; time++) await device.ufw('reload');
    const after = await engine.read();
    assert.deepEqual({ services: after.services, policies: after.policies }, { services, policies });
    assert.equal(after.inSync, true);
  };

  it('keep no family out of a lockdown: IPV6 in single quotes', async () => {
    await edit(DEFAULTS, /^IPV6=.*$/m, "IPV6='yes'");
    const { findings, ipv6 } = await engine.read();
    assert.equal(ipv6, true);
    assert.deepEqual(
      disputed(findings).map(({ severity }) => severity),
      ['high'],
    );
    assert.match(disputed(findings)[0]?.text ?? '', /^Line \d+ of \/etc\/default\/ufw .*: IPV6='yes'$/);
    assert.deepEqual(await probe(22), ['in', 'in']);
    const { changed, warnings } = await engine.setProfile({ profile: 'lockdown' });
    assert.equal(changed, true);
    assert.match(warnings.join('\n'), /Line \d+ of \/etc\/default\/ufw was rewritten.*IPV6='yes'/);
    assert.deepEqual(await probe(22), ['filtered', 'filtered']);
    assert.match(await device.read(DEFAULTS), /^IPV6=yes$/m);
    await assertAgreed();
  });

  it('do not hide that the firewall is on: a comment behind ENABLED', async () => {
    await edit(CONF, /^ENABLED=.*$/m, 'ENABLED=yes # on');
    const { active, enabledAtBoot, findings } = await engine.read();
    assert.deepEqual([active, enabledAtBoot, disputed(findings).length], [true, true, 1]);
    const { changed } = await engine.toggleService({ action: 'close' });
    assert.equal(changed, true);
    assert.deepEqual(await probe(22), ['filtered', 'filtered']);
    assert.match(await device.read(CONF), /^ENABLED=yes$/m);
    await assertAgreed();
    // Undone, the file is as it was.
    await engine.restore({ action: 'undo' });
    assert.match(await device.read(CONF), /^ENABLED=yes # on$/m);
    assert.deepEqual(await probe(22), ['in', 'in']);
  });

  it('override no default policy that a change sets: one in ufw.conf', async () => {
    await device.write(CONF, `${await device.read(CONF)}DEFAULT_OUTPUT_POLICY="ACCEPT"\n`);
    await device.ufw('reload');
    const before = await engine.read();
    assert.equal(before.policies.outgoing, 'allow');
    assert.match(disputed(before.findings)[0]?.text ?? '', /overrides what "ufw default" sets: DEFAULT_OUTPUT_POLICY/);
    for (const [profile, outgoing] of [
      ['enhanced', 'deny'],
      ['standard', 'allow'],
      ['lockdown', 'deny'],
    ] as const) {
      const { state } = await engine.setProfile({ profile });
      assert.deepEqual([state.policies.outgoing, state.profile.name, state.inSync], [outgoing, profile, true]);
      assert.equal(
        (await device.outward([{ proto: 'tcp', port: 9999, family: 'ipv4' }]))[0],
        outgoing === 'allow' ? 'out' : 'filtered',
      );
      await assertAgreed();
    }
  });

  it('are not guessed at: a line that only the shell could tell, and nothing is changed', async () => {
    await edit(CONF, /^ENABLED=.*$/m, 'ENABLED=$(cat /etc/ufw/on)');
    await device.write('/etc/ufw/on', 'yes\n');
    const before = await everything(device);
    const { findings, active } = await engine.read();
    assert.equal(active, true);
    assert.match(disputed(findings)[0]?.remedy ?? '', /until then changes are refused/);
    for (const change of [
      () => engine.setProfile({ profile: 'lockdown' }),
      () => engine.toggleService({ action: 'close' }),
      () => engine.setProfile({ profile: 'lockdown', dryRun: true }),
    ])
      await assert.rejects(change(), /UFW_FILES_UNREADABLE.*line \d+ of ufw\.conf: ENABLED=\$\(cat/);
    assert.deepEqual(await everything(device), before);
  });
});

describe('Rules that are not ufw’s', function () {
  this.timeout(120_000);
  const device = useDevice();
  const factory = useShared(() => everything(device));
  const engine = useEngine(device);
  const before = useShared(async () => ({ text: await device.read(BEFORE) }));
  const after = useShared(async () => ({ text: await device.read(AFTER) }));
  afterEach(async () => {
    await device.write(BEFORE, before.text);
    await device.write(AFTER, after.text);
    await device.run(['iptables', '-D', 'INPUT', ...OTHERS]).catch(() => undefined);
    await device.ufw('reload');
    await reset(device, factory);
  });

  const OTHERS = ['-p', 'tcp', '--dport', '22', '-j', 'ACCEPT'];
  const probe = (port: number) => device.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]);

  it('are named by a lockdown that they let packets past: in before.rules', async () => {
    await device.write(
      BEFORE,
      before.text.replace(/^COMMIT$/m, '-A ufw-before-input -p tcp --dport 1880 -j ACCEPT\nCOMMIT'),
    );
    await device.ufw('reload');
    const dry = await engine.setProfile({ profile: 'lockdown', dryRun: true });
    const done = await engine.setProfile({ profile: 'lockdown' });
    assert.deepEqual(dry.stillOpen, done.stillOpen);
    assert.deepEqual(done.stillOpen, [
      {
        service: 'node-red',
        direction: 'in',
        decidedBy: [
          { chain: 'ufw-before-input', rule: '-p tcp -m tcp --dport 1880 -j ACCEPT', owner: 'ufw base rules' },
        ],
      },
    ]);
    assert.match(
      done.warnings.join('\n'),
      /still get in to node-red, which was to be closed: the rule "-p tcp -m tcp --dport 1880 -j ACCEPT" in the chain ufw-before-input .*before\.rules/,
    );
    assert.deepEqual(await probe(1880), ['in']);
  });

  it('are named by closing a service: in INPUT, before ufw', async () => {
    await device.ok('iptables', '-I', 'INPUT', ...OTHERS);
    const { stillOpen, warnings } = await engine.toggleService({ service: 'ssh', action: 'close' });
    assert.deepEqual(
      stillOpen.map(({ service, direction, decidedBy }) => [service, direction, decidedBy.map(({ owner }) => owner)]),
      [['ssh', 'in', ['other']]],
    );
    assert.match(warnings.join('\n'), /ufw cannot close it: the rule decides before ufw's do/);
    assert.deepEqual(await probe(22), ['in']);
    // Opening it asks for nothing to be closed.
    assert.deepEqual((await engine.toggleService({ service: 'ssh', action: 'open' })).stillOpen, []);
  });

  it('are named where somebody has put them among ufw’s own: in user.rules', async () => {
    const path = '/etc/ufw/user.rules';
    const line = '-A ufw-user-input -p tcp --dport 22 -s 192.0.2.0/24 -j ACCEPT';
    await device.write(path, (await device.read(path)).replace('### RULES ###\n', `### RULES ###\n\n${line}\n`));
    // As a boot loads it: `ufw reload` writes the file anew, without the line.
    await device.ok('/lib/ufw/ufw-init', 'force-reload');
    const { stillOpen, state } = await engine.toggleService({ service: 'ssh', action: 'close' });
    assert.deepEqual(
      stillOpen.map(({ service, decidedBy }) => [service, decidedBy.map(({ chain, rule }) => `${chain} ${rule}`)]),
      [['ssh', ['ufw-user-input -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT']]],
    );
    assert.equal(state.services.find(({ id }) => id === 'ssh')?.in, 'partial');
    assert.deepEqual(await probe(22), ['in']);
    // What ufw itself keeps open for a port that is closed under another name is the change's own doing.
    await engine.toggleService({ service: '443/tcp', action: 'close', from: '10.0.0.0/8' });
    assert.deepEqual(
      (await engine.setProfile({ profile: 'enhanced' })).stillOpen.map(({ service }) => service),
      [],
    );
  });

  describe('and a lockdown that is to close over them', () => {
    const ACCEPT = '-p tcp -m tcp --dport 1880 -j ACCEPT';
    /** Where others put what lets packets in, whether a rule of ufw's comes before it, and what takes it away again. */
    const PLACES: Record<string, { isAfterUfw: boolean; put: () => Promise<unknown>; take: () => Promise<unknown> }> = {
      'before.rules': {
        isAfterUfw: false,
        put: () => device.write(BEFORE, before.text.replace(/^COMMIT$/m, `-A ufw-before-input ${ACCEPT}\nCOMMIT`)),
        take: () => device.write(BEFORE, before.text),
      },
      'after.rules': {
        isAfterUfw: true,
        put: async () =>
          device.write(AFTER, (await device.read(AFTER)).replace(/^COMMIT$/m, `-A ufw-after-input ${ACCEPT}\nCOMMIT`)),
        take: async () => device.write(AFTER, (await device.read(AFTER)).replace(`-A ufw-after-input ${ACCEPT}\n`, '')),
      },
      'INPUT, in front': {
        isAfterUfw: false,
        put: () => device.ok('iptables', '-I', 'INPUT', ...ACCEPT.split(' ')),
        take: () => device.ok('iptables', '-D', 'INPUT', ...ACCEPT.split(' ')),
      },
      'INPUT, at the end, by a chain of its own': {
        isAfterUfw: true,
        put: async () => {
          await device.ok('iptables', '-N', 'mine');
          await device.ok('iptables', '-A', 'mine', ...ACCEPT.split(' '));
          await device.ok('iptables', '-A', 'INPUT', '-j', 'mine');
        },
        take: async () => {
          await device.ok('iptables', '-D', 'INPUT', '-j', 'mine');
          await device.ok('iptables', '-F', 'mine');
          await device.ok('iptables', '-X', 'mine');
        },
      },
    };

    for (const [place, { isAfterUfw, put, take }] of Object.entries(PLACES))
      it(`${isAfterUfw ? 'does' : 'says that it cannot'}: ${place}`, async () => {
        await put();
        await device.ufw('reload');
        const others = async () =>
          (await device.save('ipv4')).split('\n').filter((line) => line.endsWith(ACCEPT) || / mine$/.test(line));
        const present = await others();
        assert.deepEqual(await probe(1880), ['in']);
        assert.deepEqual(
          (await engine.setProfile({ profile: 'lockdown' })).stillOpen.map(({ service }) => service),
          ['node-red'],
        );
        const dry = await engine.setProfile({ profile: 'lockdown', overrideOthers: true, dryRun: true });
        const done = await engine.setProfile({ profile: 'lockdown', overrideOthers: true, onlyTighten: true });
        assert.deepEqual(dry.stillOpen, done.stillOpen);
        assert.deepEqual([done.changed, done.stillOpen.length], [isAfterUfw, isAfterUfw ? 0 : 1]);
        assert.deepEqual(
          done.added.map(({ number, action, to }) => [number > 0, action, to.port]),
          isAfterUfw ? [true, true].map((one) => [one, 'deny', '1880']) : [],
        );
        assert.deepEqual(await probe(1880), [isAfterUfw ? 'filtered' : 'in']);
        assert.deepEqual(await probe(443), ['in']);
        assert.deepEqual(await others(), present);
        assert.equal((await engine.setProfile({ profile: 'lockdown', overrideOthers: true })).changed, false);
        const { rules, profile } = await engine.read();
        assert.equal(profile.name, isAfterUfw ? 'lockdown' : null);
        await device.ufw('reload');
        assert.deepEqual((await engine.read()).rules, rules);
        assert.deepEqual(await probe(1880), [isAfterUfw ? 'filtered' : 'in']);
        await take();
      });

    it('leaves open what a lockdown leaves open', async () => {
      await device.write(
        AFTER,
        after.text.replace(
          /^COMMIT$/m,
          ['443', '22', '1628:1700'].map((ports) => `-A ufw-after-input -p tcp --dport ${ports} -j ACCEPT\n`).join('') +
            '-A ufw-after-input -p udp --dport 2541 -j ACCEPT\nCOMMIT',
        ),
      );
      await device.ufw('reload');
      const { stillOpen } = await engine.setProfile({ profile: 'lockdown', overrideOthers: true });
      assert.deepEqual(stillOpen, []);
      assert.deepEqual(await probe(443), ['in']);
      assert.deepEqual(await probe(22), ['filtered']);
      assert.equal((await engine.restore({ action: 'undo' })).changed, true);
      assert.deepEqual(await probe(22), ['in']);
    });
  });

  it('are none on a device as it leaves the factory', async () => {
    for (const profile of ['standard', 'enhanced', 'lockdown'])
      assert.deepEqual((await engine.setProfile({ profile, optionalServices: 'close' })).stillOpen, [], profile);
    assert.deepEqual((await engine.toggleService({ service: 'https', action: 'close', force: true })).stillOpen, []);
  });
});
