/**
 * A compromised flow talks to the agent directly, as the user that Node-RED runs as: whatever it sends, only a valid request
 * changes anything, only what a node could change, and no files but the firewall's are read or written.
 * FUZZED_REQUESTS sets how many go through sudo; a total of ten thousand go through the agent's own validation.
 */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { before, describe, it } from 'mocha';
import { requestOf as checkedRequest } from '../../agent/program';
import type { FirewallError } from '../../firewall/errors';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { everything } from '../firewall/stable';
import { SEED } from '../seed';
import { AGENT, askAgent, requestOf, setUp } from './as-apollo';

const THROUGH_SUDO = Number(process.env.FUZZED_REQUESTS ?? 500);
const IN_ALL = 10_000;
const SECRET = 'the-secret-of-root';

/** What an attacker would send in place of a string. */
const hostile = fc.oneof(
  fc.constantFrom(
    ...['/etc/shadow', '/root/secret', '../../root/secret', '/proc/self/environ', '/dev/zero', '/etc/sudoers.d/x'],
    ...[
      '$(id)',
      '`id`',
      '; id',
      '| id',
      '\n-A INPUT -j ACCEPT',
      '22 -j ACCEPT',
      '-h',
      '--help',
      '%n',
      '\0',
      '__proto__',
    ],
    ...['20260101T000000000Z-0a1b2c', 'latest/../../x', '0', '65536', '1e3', '٢٢', 'eth0/../x', '::/0', '0.0.0.0/0 -j'],
  ),
  fc.string({ maxLength: 300 }),
);
const anything = fc.oneof(hostile, fc.anything({ maxDepth: 3, withNullPrototype: true }), fc.integer(), fc.boolean());

const methods = [
  'read',
  'setProfile',
  'toggleService',
  'changeWebPorts',
  'confirm',
  'restore',
  'backups',
  'outlook',
  'settle',
];
const properties = [
  'profile',
  'service',
  'action',
  'from',
  'interface',
  'backup',
  'id',
  'http',
  'https',
  'mode',
  'duration',
];
const options = ['confirmWithin', 'force', 'dryRun', '__proto__', 'constructor', 'systemService', 'optionalServices'];
const places = [
  'etcUfw',
  'defaultUfw',
  'webSite',
  'stateDir',
  'privilege',
  'customServices',
  'servicePorts',
  'keepBackups',
];

const orders = fc.dictionary(fc.constantFrom('id', 'issued', 'expires'), anything);

/** Requests that differ from a valid one in something relevant, and plain garbage. */
const requests = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...methods),
        fc.dictionary(fc.constantFrom(...properties, ...options), anything, { maxKeys: 4 }),
        fc.dictionary(fc.constantFrom(...places), anything, { maxKeys: 2 }),
        fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: orders }),
      )
      .map(([method, request, settings, order]) => requestOf(method, request, settings, order)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.string(), anything).map(([method, request]) => requestOf(method, request)) },
  { weight: 1, arbitrary: fc.string({ maxLength: 2000 }) },
  { weight: 1, arbitrary: fc.json() },
);

/** Whether a node could have sent this text: then it may do what it says. */
function isValid(text: string): boolean {
  try {
    checkedRequest(text);
    return true;
  } catch (error) {
    // An instance of the bundled program's own class.
    const { name, code, message } = error as FirewallError;
    assert.deepEqual([name, code], ['FirewallError', 'INVALID_INPUT'], String(error));
    assert.ok(message.length < 600, message);
    return false;
  }
}

describe('The agent’s validation', function () {
  this.timeout(120_000);

  it(`withstands ${IN_ALL} requests, and lets none choose a file`, () => {
    const usual = JSON.parse(requestOf('read')).settings;
    let valid = 0;
    fc.assert(
      fc.property(requests, (text) => {
        if (!isValid(text)) return;
        valid++;
        const { settings } = checkedRequest(text);
        for (const place of ['etcUfw', 'defaultUfw', 'webSite', 'stateDir'] as const)
          assert.equal(settings[place], usual[place]);
      }),
      { numRuns: IN_ALL, seed: SEED },
    );
    assert.ok(valid > 100 && valid < IN_ALL / 2, `${valid} of ${IN_ALL} were valid; seed ${SEED}`);
  });
});

describeAsRoot('A hostile flow', function () {
  this.timeout(1_800_000);
  const device = useSystemdDevice();

  before(async () => {
    await setUp(device);
    await device.write('/root/secret', SECRET, 0o600);
  });

  const outside = async () =>
    device.ok(
      'sh',
      '-c',
      "find /etc /root /usr/lib/smartserver-firewall /home -xdev -type f -not -path '/etc/ufw/*' -exec md5sum {} + | sort",
    );

  it(`achieves nothing with ${THROUGH_SUDO} requests through sudo`, async () => {
    const before = { files: await outside(), firewall: await everything(device) };
    const texts = fc
      .sample(requests, { numRuns: THROUGH_SUDO * 2, seed: SEED })
      .filter((text) => !isValid(text))
      .slice(0, THROUGH_SUDO);
    assert.ok(texts.length > THROUGH_SUDO * 0.9);
    const lane = async (own: readonly string[]) => {
      for (const text of own) {
        const { code, stdout } = await askAgent(device, text);
        assert.equal(code, 1, `${text} (seed ${SEED})`);
        assert.equal(JSON.parse(stdout).error.code, 'INVALID_INPUT', `${text} (seed ${SEED})`);
        assert.ok(!stdout.includes(SECRET), text);
      }
    };
    await Promise.all([0, 1].map((half) => lane(texts.filter((_, at) => at % 2 === half))));
    assert.deepEqual({ files: await outside(), firewall: await everything(device) }, before);
    assert.equal(await device.exists('/var/lib/smartserver-firewall/journal.json'), false);
  });

  it('gets an error if it sends too much, or nothing', async () => {
    for (const input of ['', ' '.repeat(2 * 1024 * 1024), `${requestOf('read')}{}`]) {
      const { code, stdout } = await askAgent(device, input);
      assert.deepEqual([code, JSON.parse(stdout).error.code], [1, 'INVALID_INPUT']);
    }
    const refused = await device.runAs('apollo', ['sudo', '-n', AGENT, '--settings', '{}'], {
      input: requestOf('read'),
    });
    assert.match(refused.stderr, /password is required/);
  });

  it('gains nothing from links planted where the agent writes', async () => {
    const victim = '/root/victim';
    const state = '/var/lib/smartserver-firewall';
    const asides = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules', '/etc/ufw/ufw.conf', '/etc/default/ufw'];
    const paths = [
      ...asides.map((path) => `${path}.smartserver-new`),
      '/etc/nginx/sites-available/apollo.conf.smartserver-new',
      '/etc/nginx/sites-available/apollo.conf.old',
      '/etc/nginx/sites-available/apollo.conf.old.smartserver-new',
      '/etc/nginx/smartserver-check.conf.smartserver-new',
      `${state}/journal.json.smartserver-new`,
      `${state}/schedule.json.smartserver-new`,
    ];
    await device.write(victim, 'untouched', 0o600);
    await device.ok('mkdir', '-p', state);
    const before = await everything(device);
    const plant = async () => {
      for (const path of paths) await device.ok('ln', '-sfn', victim, path);
    };
    for (const [method, request] of [
      ['toggleService', { action: 'close', confirmWithin: 600 }],
      ['confirm', {}],
      ['changeWebPorts', { http: 1780, https: 1443 }],
      ['changeWebPorts', { http: 80, https: 443 }],
      ['setProfile', { profile: 'standard' }],
      ['restore', { action: 'undo' }],
      ['toggleService', { action: 'open' }],
    ] as const) {
      await plant();
      const { code, stdout } = await askAgent(device, requestOf(method, request));
      assert.equal(code, 0, `${method}: ${stdout.slice(0, 300)}`);
      assert.equal(await device.read(victim), 'untouched', method);
    }
    assert.equal((await everything(device))['/etc/default/ufw'], before['/etc/default/ufw']);
    for (const path of asides) assert.equal((await device.ok('stat', '-c', '%F', path)).trim(), 'regular file');
    for (const path of [`${state}/journal.json`, `${state}/schedule.json`]) {
      await device.ok('ln', '-sfn', victim, path);
      const { stdout } = await askAgent(device, requestOf('toggleService', { action: 'close' }));
      assert.ok(!stdout.includes('untouched'), stdout);
      assert.equal(await device.read(victim), 'untouched');
      await device.remove(path);
    }
  });
});
