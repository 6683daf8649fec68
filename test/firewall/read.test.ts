/** Reading is judged on tuples and the kernel, never on what `ufw status` prints. */
import { strict as assert } from 'node:assert';
import { afterEach, before, describe, it } from 'mocha';
import { check } from '../../firewall/messages';
import { state as stateSchema } from '../../firewall/results';
import { Device } from '../device/device';
import { Engine } from '../device/engine';
import { useDevice, useEngine } from '../device/suite';
import { APPLICATION_FILE } from './commands';
import { everything } from './stable';

describe('Reading the firewall', () => {
  const device = useDevice();
  before(() => device.write('/etc/ufw/applications.d/tests', APPLICATION_FILE, 0o644));
  const engine = useEngine(device);

  afterEach(() => engine.setProfile({ profile: 'enhanced', ownRules: 'remove' }));

  it('tells the factory state, in the shape the schema promises', async () => {
    const state = check(stateSchema, await engine.read());
    assert.equal(state.active, true);
    assert.equal(state.enabledAtBoot, true);
    assert.equal(state.ipv6, true);
    assert.equal(state.logging, 'low');
    assert.deepEqual(state.policies, { incoming: 'deny', outgoing: 'deny', routed: 'deny' });
    assert.deepEqual(state.profile, { name: 'enhanced', closest: 'enhanced', differences: [] });
    assert.deepEqual(state.exposedInternal, []);
    assert.deepEqual(state.otherOwners, []);
    assert.deepEqual(state.unreadable, []);
    assert.equal(state.inSync, true);
    const mqtt = state.services.find(({ id }) => id === 'mqtt');
    assert.equal(mqtt?.in, 'partial');
    assert.deepEqual(mqtt?.interfaces, ['eth0']);
  });

  it('numbers the rules as ufw status numbered does', async () => {
    await device.ufw('allow', 'Two Sets');
    await device.ufw('allow', '9999/tcp');
    const { rules } = await engine.read();
    const listed = (await device.ufw('status', 'numbered')).split('\n').filter((line) => line.startsWith('['));
    assert.equal(Math.max(...rules.map(({ number }) => number)), listed.length);
    const last = listed.find((line) => line.includes('9999/tcp') && !line.includes('v6'));
    const found = rules.find(({ to, family }) => to.port === '9999' && family === 'ipv4');
    assert.equal(found?.number, Number(/\[ *(\d+)\]/.exec(last ?? '')?.[1]));
  });

  it('is not misled by comments that forge rows or say that the firewall is off', async () => {
    const forged = 'x\n[ 1] 9999/tcp                   ALLOW IN    Anywhere';
    await device.ufw('allow', '7001/tcp', 'comment', forged);
    await device.ufw('allow', '7002/tcp', 'comment', 'Status: inactive');
    await device.ufw('allow', '7003/tcp', 'comment', 'Lüftung 扉 🚪');
    const state = await engine.read();
    const comment = (port: string) =>
      state.rules.find((rule) => rule.to.port === port && rule.family === 'ipv4')?.comment;
    assert.equal(state.active, true);
    assert.equal(
      state.rules.some(({ to }) => to.port === '9999'),
      false,
    );
    assert.equal(comment('7001'), forged);
    assert.equal(comment('7002'), 'Status: inactive');
    assert.equal(comment('7003'), 'Lüftung 扉 🚪');
  });

  it('reads every kind of rule that ufw can hold', async () => {
    const commands = [
      ['allow', 'Two Sets'],
      ['route', 'allow', 'in', 'on', 'eth0', 'out', 'on', 'eth1', 'to', '10.0.0.0/8', 'port', '80', 'proto', 'tcp'],
      ['limit', 'log', '2222/tcp'],
      [
        'reject',
        'in',
        'on',
        'eth1',
        'log-all',
        'proto',
        'udp',
        'from',
        '10.9.0.0/255.255.0.0',
        'port',
        '5000:5010',
        'to',
        'any',
        'port',
        '80,443',
      ],
      ['allow', 'from', '10.1.2.3/255.0.255.0'],
      ['deny', 'proto', 'gre', 'from', '192.0.2.9'],
      ['allow', 'proto', 'vrrp', 'from', '2001:db8::9'],
      ['allow', 'out', 'to', '2001:db8:1::/48', 'port', '53'],
    ];
    for (const command of commands) await device.ufw(...command);
    const { rules, unreadable, inSync } = await engine.read();
    const own = rules
      .slice(rules.findIndex(({ to }) => to.app === 'Two Sets'))
      .filter(({ family }) => family === 'ipv4');
    assert.deepEqual(unreadable, []);
    assert.equal(inSync, true);
    const any = { address: '0.0.0.0/0', port: 'any', app: null };
    assert.deepEqual(
      own.map(({ number, family, comment, ...rule }) => rule),
      [
        {
          action: 'allow',
          direction: 'in',
          protocol: 'udp',
          to: { ...any, port: '137,138', app: 'Two Sets' },
          from: any,
          interface: null,
          log: null,
        },
        {
          action: 'allow',
          direction: 'in',
          protocol: 'tcp',
          to: { ...any, port: '139,445', app: 'Two Sets' },
          from: any,
          interface: null,
          log: null,
        },
        {
          action: 'allow',
          direction: 'routed',
          protocol: 'tcp',
          to: { ...any, address: '10.0.0.0/8', port: '80' },
          from: any,
          interface: 'eth0>eth1',
          log: null,
        },
        {
          action: 'limit',
          direction: 'in',
          protocol: 'tcp',
          to: { ...any, port: '2222' },
          from: any,
          interface: null,
          log: 'log',
        },
        {
          action: 'reject',
          direction: 'in',
          protocol: 'udp',
          to: { ...any, port: '80,443' },
          from: { ...any, address: '10.9.0.0/16', port: '5000:5010' },
          interface: 'eth1',
          log: 'log-all',
        },
        {
          action: 'allow',
          direction: 'in',
          protocol: 'any',
          to: any,
          from: { ...any, address: '10.0.2.0/255.0.255.0' },
          interface: null,
          log: null,
        },
        {
          action: 'deny',
          direction: 'in',
          protocol: 'gre',
          to: any,
          from: { ...any, address: '192.0.2.9' },
          interface: null,
          log: null,
        },
      ],
    );
    assert.deepEqual(
      rules.filter(
        ({ family, protocol, to }) => family === 'ipv6' && (protocol === 'vrrp' || to.address === '2001:db8:1::/48'),
      ).length,
      2,
    );
  });

  it('gives the same answer whatever language ufw speaks', async () => {
    const locales = (await device.ok('ls', '/usr/share/ufw/messages'))
      .split('\n')
      .filter((name) => name.endsWith('.mo'));
    assert.ok(locales.length >= 22, `ufw has ${locales.length} translations here`);
    const { readAt, ...expected } = await engine.read();
    for (const file of locales) {
      const locale = file.replace('.mo', '');
      const translated = await Engine.start(
        device,
        {},
        { env: { LANGUAGE: locale, LANG: `${locale}.UTF-8`, LC_ALL: 'C.UTF-8' } },
      );
      const { readAt: at, ...state } = await translated.read();
      await translated.stop();
      assert.deepEqual(state, expected, locale);
    }
  });

  it('sees a change made with iptables by hand, and that a reload of ufw mends it', async () => {
    const changes = [
      'iptables -D ufw-user-input -p tcp --dport 22 -j ACCEPT',
      'iptables -I ufw-user-input -p tcp --dport 9999 -j ACCEPT',
      'iptables -A ufw-user-input -p tcp --dport 9999 -j ACCEPT',
      'iptables -P INPUT ACCEPT',
      'ip6tables -F ufw6-user-input',
      'iptables -I INPUT -p tcp --dport 9999 -j ACCEPT',
      'iptables -D ufw-before-input -i lo -j ACCEPT',
      'ip6tables -D ufw6-before-input -p ipv6-icmp --icmpv6-type 134 -m hl --hl-eq 255 -j ACCEPT',
      'iptables -R ufw-user-input 1 -p tcp --dport 23 -j ACCEPT',
      'iptables -F ufw-logging-deny',
    ];
    for (const change of changes) {
      await device.ok(...change.split(' '));
      assert.equal((await engine.read()).inSync, false, change);
      if (change.includes('-I INPUT')) {
        assert.deepEqual((await engine.read()).otherOwners, [
          'ipv4 filter INPUT: -p tcp -m tcp --dport 9999 -j ACCEPT',
        ]);
        await device.ok(...change.replace('-I', '-D').split(' '));
      }
      await device.ufw('reload');
      assert.equal((await engine.read()).inSync, true, `after a reload that mends: ${change}`);
    }
  });

  it('names the rules of others that let packets past ufw, and does not call their chains a difference', async () => {
    const docker = `*nat\n:DOCKER - [0:0]\n-A PREROUTING -j DOCKER\n-A DOCKER -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n*filter\n:DOCKER - [0:0]\n:f2b-sshd - [0:0]\n-I FORWARD -o docker0 -j DOCKER\n-A DOCKER -d 172.17.0.2 -p tcp --dport 80 -j ACCEPT\n-I INPUT -p tcp --dport 22 -j f2b-sshd\n-A f2b-sshd -s 203.0.113.9 -j DROP\n-A f2b-sshd -j RETURN\nCOMMIT\n`;
    assert.equal((await device.run(['iptables-restore', '-n'], { input: docker })).code, 0);
    const { otherOwners, inSync } = await engine.read();
    assert.deepEqual(otherOwners, ['ipv4 filter FORWARD: -o docker0 -j DOCKER', 'ipv4 nat PREROUTING: -j DOCKER']);
    assert.equal(inSync, true);
    const undo = [
      '-D FORWARD -o docker0 -j DOCKER',
      '-D INPUT -p tcp --dport 22 -j f2b-sshd',
      '-t nat -D PREROUTING -j DOCKER',
    ];
    for (const line of undo) await device.ok('iptables', ...line.split(' '));
  });

  it('says that a firewall that is off lets everything in', async () => {
    await device.ufw('disable');
    const state = await engine.read();
    assert.equal(state.active, false);
    assert.equal(state.enabledAtBoot, false);
    assert.equal(state.profile.name, null);
    assert.ok(state.services.every((service) => service.in === 'open' && service.out === 'open'));
    assert.ok(state.rules.length > 20, 'the stored rules are still told');
  });

  it('tells which open services nobody listens on', async () => {
    const before = (await engine.read()).openUnused;
    assert.ok(before.includes('ssh'));
    const listener = await device.listen('tcp', 22);
    const state = await engine.read();
    await listener.close();
    assert.equal(state.openUnused.includes('ssh'), false);
    assert.equal(state.services.find(({ id }) => id === 'ssh')?.listening, true);
  });

  it('tells internal services that something lets in', async () => {
    await device.ufw('allow', 'from', '192.0.2.0/24', 'to', 'any', 'port', '1880', 'proto', 'tcp');
    assert.deepEqual((await engine.read()).exposedInternal, ['node-red']);
  });

  it('keeps lines that are no rules, shows them, and does not guess at them', async () => {
    const path = '/etc/ufw/user.rules';
    const text = await device.read(path);
    const odd = '-A ufw-user-input -p tcp --dport 4711 -j ACCEPT';
    const malformed = '### tuple ### allow tcp 99999 0.0.0.0/0 any 0.0.0.0/0 in';
    await device.write(path, text.replace('\n### END RULES ###', `\n${malformed}\n${odd}\n\n### END RULES ###`));
    const { unreadable } = await engine.read();
    assert.deepEqual(unreadable, [`user.rules: ${malformed}`, `user.rules: ${odd}`]);
    const [first, last] = [
      '-A ufw-user-input -p tcp --dport 4712 -m comment --comment "Tür 扉" -j ACCEPT',
      '-A INPUT -j ACCEPT',
    ];
    const around = text
      .replace('### RULES ###', `${first}\n### RULES ###`)
      .replace('### END RULES ###', `### END RULES ###\n${last}`);
    await device.write(path, around);
    assert.deepEqual((await engine.read()).unreadable, [`user.rules: ${first}`, `user.rules: ${last}`]);
    await device.write(path, text.replace('\n### END RULES ###', `\n${malformed}\n${odd}\n\n### END RULES ###`));
    const { warnings } = await engine.toggleService({ service: 'ssh', action: 'close' });
    assert.match(warnings.join(), /ufw will drop them when it next writes: .*--dport 4711/);
    const after = await device.read(path);
    assert.ok(after.includes(odd) && after.includes(malformed));
    assert.match(await device.save('ipv4'), /--dport 4711 -j ACCEPT/);
    await device.write(path, text);
    await engine.toggleService({ service: 'ssh', action: 'open' });
  });

  it('reads a device without IPv6', async () => {
    const bare = await Device.open({ ipv6: false });
    const there = await Engine.start(bare);
    const state = await there.read();
    assert.equal(state.ipv6, false);
    assert.equal(state.inSync, true);
    assert.equal(state.profile.name, 'enhanced');
    assert.ok(state.rules.every(({ family }) => family === 'ipv4'));
    await bare.ok('ip6tables', '-P', 'INPUT', 'ACCEPT');
    assert.equal((await there.read()).inSync, false);
    await there.stop();
    await bare.close();
  });

  for (const [what, make] of Object.entries({
    'a pipe': 'mkfifo',
    'a folder': 'mkdir',
    'a socket': 'perl -e "use Socket; socket S, PF_UNIX, SOCK_STREAM, 0; bind S, sockaddr_un(shift) or die; " --',
  }))
    it(`refuses to read ${what} in place of any file, and does not wait for it`, async () => {
      const there = await everything(device);
      const files = ['user.rules', 'user6.rules', 'before.rules', 'after6.rules', 'ufw.conf'].map(
        (one) => `/etc/ufw/${one}`,
      );
      for (const path of [...files, '/etc/default/ufw', '/etc/nginx/sites-available/apollo.conf']) {
        const kept = `${path}.kept`;
        await device.ok('sh', '-c', `mv ${path} ${kept} && ${make} ${path}`);
        await assert.rejects(engine.read(), { code: 'UFW_FILES_UNREADABLE', message: /is not a regular file/ }, path);
        await device.ok('sh', '-c', `rm -r ${path} && mv ${kept} ${path}`);
      }
      assert.deepEqual(await everything(device), there);
      assert.equal((await engine.read()).inSync, true);
    });

  it('changes nothing', async () => {
    const before = await everything(device);
    await engine.read();
    assert.deepEqual(await everything(device), before);
    assert.equal(await device.exists('/var/lib/smartserver-firewall/journal.json'), false);
  });
});
