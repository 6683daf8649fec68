/** Bad input gets the contract's error, in a sentence, and changes not one byte. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { check, setProfileRequest, settings, toggleServiceRequest } from '../../firewall/messages';
import { Engine, type EngineError } from '../device/engine';
import { useDevice, useEngine } from '../device/suite';
import { everything } from './stable';

const BIG = 'x'.repeat(10 * 1024 * 1024);
const NO_SERVICE = [
  '0',
  '65536',
  '22; id',
  '-1',
  '1e3',
  '٢٢',
  '30:20',
  '22:22',
  '22/icmp',
  '$(id)',
  '`id`',
  '../../etc/passwd',
  'constructor',
  '__proto__',
  'toString',
  '22,23',
  '0x16',
  '22.0',
  '+22',
  '٢٢/tcp',
  '１２３',
  '\u0000',
  'http\u202e',
];
const NO_TEXT: unknown[] = [
  '',
  BIG,
  [],
  [['ssh']],
  [null],
  Array(51).fill('ssh'),
  Buffer.from('ssh'),
  { id: 'ssh' },
  null,
  Number.NaN,
  22.5,
  -22,
  0,
  65536,
  1e21,
  true,
];

interface Case {
  method: 'toggleService' | 'setProfile';
  request: unknown;
  code: string;
  names?: string;
}

const cases: Case[] = [
  ...NO_SERVICE.map(
    (service): Case => ({ method: 'toggleService', request: { service, action: 'open' }, code: 'UNKNOWN_SERVICE' }),
  ),
  ...NO_TEXT.map(
    (service): Case => ({
      method: 'toggleService',
      request: { service, action: 'open' },
      code: 'INVALID_INPUT',
      names: 'service',
    }),
  ),
  ...['enhancedsecurity', '__proto__', 'constructor', '$(id)', 'a'.repeat(200), ''].map(
    (profile): Case => ({ method: 'setProfile', request: { profile }, code: 'UNKNOWN_PROFILE' }),
  ),
  ...[BIG, ['lockdown'], { name: 'lockdown' }, 5, null].map(
    (profile): Case => ({ method: 'setProfile', request: { profile }, code: 'INVALID_INPUT', names: 'profile' }),
  ),
  ...[
    '10.0.0.1/33',
    '10.0.0.256',
    '10.0.0.0/255.0.0.0',
    '2001:db8::/129',
    'fe80::1%eth0',
    'host.example',
    '10.0.0.1; id',
    '1.2.3',
    '0x7f.1',
    '::ffff:10.0.0.1/8x',
    '::ffff:10.0.0.1/64',
    '2001:db8::/064',
    '10.0.0.1/08',
    BIG,
    10,
    [],
    {},
  ].map(
    (from): Case => ({
      method: 'toggleService',
      request: { service: 'ssh', action: 'open', from },
      code: 'INVALID_INPUT',
      names: 'from',
    }),
  ),
  ...[
    'eth0/1',
    '../eth0',
    'eth0 eth1',
    'eth0;id',
    'eth0:1',
    '.',
    '..',
    'abcdefghijklmnop',
    'eth0\n',
    'eth!0',
    '+',
    'lo',
    'l+',
    'ip70',
    'ip+',
    BIG,
    7,
    {},
  ].map(
    (on): Case => ({
      method: 'toggleService',
      request: { service: 'ssh', action: 'open', interface: on },
      code: 'INVALID_INPUT',
      names: 'interface',
    }),
  ),
  ...['sideways', '', null, 3].map(
    (direction): Case => ({
      method: 'toggleService',
      request: { service: 'ssh', direction },
      code: 'INVALID_INPUT',
      names: 'direction',
    }),
  ),
  ...['yes please', 'delete', '', 2, null, ['open'], {}, Buffer.from('on')].map(
    (action): Case => ({
      method: 'toggleService',
      request: { service: 'ssh', action },
      code: 'INVALID_INPUT',
      names: 'action',
    }),
  ),
  { method: 'toggleService', request: { service: 'ssh', force: 'true' }, code: 'INVALID_INPUT', names: 'force' },
  {
    method: 'toggleService',
    request: JSON.parse('{"service":"ssh","__proto__":{"force":true}}'),
    code: 'INVALID_INPUT',
  },
  { method: 'toggleService', request: { service: 'ssh', unknown: 1 }, code: 'INVALID_INPUT' },
  { method: 'toggleService', request: [], code: 'INVALID_INPUT' },
  { method: 'toggleService', request: 'ssh', code: 'INVALID_INPUT' },
  { method: 'toggleService', request: null, code: 'INVALID_INPUT' },
  { method: 'toggleService', request: { service: ['ssh', 'nowhere'], action: 'close' }, code: 'UNKNOWN_SERVICE' },
  { method: 'toggleService', request: { service: ['ssh', 'https'], action: 'close' }, code: 'LOCKOUT' },
  { method: 'toggleService', request: { service: ['ssh', 'cms'], action: 'open' }, code: 'INTERNAL_SERVICE' },
  { method: 'toggleService', request: { service: 'dhcp', action: 'close' }, code: 'INVALID_INPUT', names: 'service' },
  { method: 'toggleService', request: { service: 'node-red', action: 'open' }, code: 'INTERNAL_SERVICE' },
  { method: 'toggleService', request: { service: '1880/tcp', action: 'open' }, code: 'INTERNAL_SERVICE' },
  { method: 'toggleService', request: { service: '1000:2000', action: 'open' }, code: 'INTERNAL_SERVICE' },
  { method: 'toggleService', request: { service: 'https', action: 'close' }, code: 'LOCKOUT' },
  { method: 'toggleService', request: { service: '443', action: 'close' }, code: 'LOCKOUT' },
  { method: 'toggleService', request: { service: '1:65535', action: 'close' }, code: 'LOCKOUT' },
  { method: 'toggleService', request: { service: 'opcua', action: 'open', onlyTighten: true }, code: 'WOULD_OPEN' },
  { method: 'setProfile', request: { profile: 'standard', onlyTighten: true }, code: 'WOULD_OPEN' },
];

describe('Bad input', () => {
  const device = useDevice();
  const engine = useEngine(device);

  it(`in ${cases.length} requests is refused by code and changes nothing`, async () => {
    const before = await everything(device);
    for (const { method, request, code, names } of cases) {
      const said = JSON.stringify(request)?.slice(0, 100);
      const error = await engine[method](request).then(
        () => assert.fail(`${method} ${said} was accepted`),
        (refusal: EngineError) => refusal,
      );
      assert.equal(error.code, code, `${method} ${said}: ${error.message.slice(0, 300)}`);
      assert.ok(error.message.startsWith(`${code}: `) && error.message.length < 1500, error.message.slice(0, 300));
      if (names) assert.ok(error.message.startsWith(`${code}: ${names}`), `${said}: ${error.message.slice(0, 200)}`);
      assert.match(error.message, /not changed|Nothing was changed/);
      assert.ok(!/\p{C}/u.test(error.message), 'no control characters from the input');
    }
    assert.deepEqual(await everything(device), before);
    // Nothing but that it was refused.
    const written = await device.ok('find', '/var/lib/smartserver-firewall', '-type', 'f');
    assert.equal(written.trim(), '/var/lib/smartserver-firewall/ledger.jsonl');
  });

  const unreadable: Record<string, (text: string) => string> = {
    empty: () => '',
    'cut off': (text) => text.slice(0, Math.floor(text.length / 2)),
    'somebody else’s': () => '{ "firewall": true }\n',
    'of the other family': (text) => text.replace(/:ufw-/g, ':ufw6-'),
  };
  for (const [kind, spoil] of Object.entries(unreadable)) {
    it(`a rule file that is ${kind} is not touched`, async () => {
      const path = '/etc/ufw/user.rules';
      const good = await device.read(path);
      await device.write(path, spoil(good));
      const before = await everything(device);
      for (const call of [
        engine.read(),
        engine.toggleService({ action: 'close' }),
        engine.setProfile({ profile: 'lockdown' }),
      ]) {
        await assert.rejects(call, { code: 'UFW_FILES_UNREADABLE' });
      }
      assert.deepEqual(await everything(device), before);
      await device.write(path, good);
    });
  }

  it('a missing rule file, or a missing ufw, is named', async () => {
    const good = await device.read('/etc/ufw/user6.rules');
    await device.remove('/etc/ufw/user6.rules');
    await assert.rejects(engine.setProfile({ profile: 'lockdown' }), { code: 'UFW_FILES_UNREADABLE' });
    await device.write('/etc/ufw/user6.rules', good, 0o640);
    const lost = await Engine.start(device, { etcUfw: '/etc/nowhere', defaultUfw: '/etc/nowhere/ufw' });
    await assert.rejects(lost.read(), { code: 'UFW_NOT_FOUND' });
    await assert.rejects(lost.setProfile(), { code: 'UFW_NOT_FOUND' });
    await lost.stop();
  });

  it('a policy that ufw does not know is named', async () => {
    const good = await device.read('/etc/default/ufw');
    await device.write('/etc/default/ufw', good.replace(/DEFAULT_INPUT_POLICY=.*/, 'DEFAULT_INPUT_POLICY="MAYBE"'));
    await assert.rejects(engine.setProfile({ profile: 'lockdown' }), { code: 'UFW_FILES_UNREADABLE' });
    await device.write('/etc/default/ufw', good);
  });

  it('a user without privilege gets the remedy, not a stack', async () => {
    for (const privilege of ['root', 'auto', 'sudo']) {
      const nobody = await Engine.start(device, { privilege }, { uid: 65534, gid: 65534 });
      for (const call of [nobody.read(), nobody.toggleService({ action: 'close' })]) {
        await assert.rejects(call, (error: EngineError) => {
          assert.equal(error.code, 'NOT_PERMITTED', error.message);
          assert.match(error.message, /sudo npx smartserver-firewall setup/);
          return true;
        });
      }
      await nobody.stop();
    }
  });

  it('a property named __proto__ is refused, however deep', () => {
    for (const text of ['{"service":"ssh","__proto__":{"force":true}}', '{"from":{"__proto__":1}}']) {
      assert.throws(() => check(toggleServiceRequest, JSON.parse(text)), { code: 'INVALID_INPUT' });
    }
  });

  it('of any size is refused before anything is done with each of its parts', () => {
    const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`k${at}`, '1/tcp']));
    const large: [Parameters<typeof check>[0], unknown][] = [
      ...[Buffer.alloc(20_000_000), new Array(5_000_000).fill(1), new Float64Array(3_000_000), many].map(
        (service): [typeof toggleServiceRequest, unknown] => [toggleServiceRequest, { service }],
      ),
      [toggleServiceRequest, many],
      [toggleServiceRequest, Object.fromEntries(Object.entries(many).slice(0, 90_000))],
      [settings, { servicePorts: many }],
      [settings, { customServices: new Array(1_000_000).fill({}) }],
    ];
    // A property of each would hold so many names that this never ends within a test's time.
    for (const [schema, value] of large) {
      assert.throws(
        () => check(schema, value),
        (error: Error) => {
          assert.ok(
            error.message.startsWith('INVALID_INPUT: ') && error.message.length < 500,
            error.message.slice(0, 300),
          );
          return true;
        },
      );
    }
  });

  it('settings are checked as requests are', () => {
    const bad = [
      { privilege: 'su' },
      { servicePorts: { opcua: '99999/tcp' } },
      { servicePorts: JSON.parse('{"__proto__":"22/tcp"}') },
      { customServices: [{ id: 'Bad Id', label: 'x', ports: ['1/tcp'] }] },
      { customServices: [{ id: 'a', label: 'x', ports: [] }] },
      { customProfiles: [{ name: 'a', open: [{ service: 'ssh', from: '1.2.3.4/40' }] }] },
      { managementFrom: 'everywhere' },
      { managementFrom: '2001:db8::/064' },
      { customProfiles: [{ name: 'a', open: [{ service: 'ssh', interface: '+' }] }] },
      { keepBackups: 0 },
      { etcUfw: 'etc/ufw' },
      { etcUfw: '/etc/../root' },
      { stateDir: '/var/\u0000' },
    ];
    for (const value of bad)
      assert.throws(() => check(settings, value), { code: 'INVALID_INPUT' }, JSON.stringify(value));
    assert.deepEqual(check(settings, {}).keepBackups, 20);
    assert.equal(check(toggleServiceRequest, {}).service, 'ssh');
    assert.equal(check(toggleServiceRequest, { service: 22 }).service, '22');
    assert.equal(check(setProfileRequest, {}).profile, 'enhanced');
  });
});
