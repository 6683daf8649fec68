/** nginx and ufw move together, or not at all: seen from the neighbour, with the real nginx. */
import { strict as assert } from 'node:assert';
import { afterEach, before, describe, it } from 'mocha';
import { Engine, type EngineError } from '../device/engine';
import { page } from '../device/site';
import { useDevice, useFreshEngine, useShared } from '../device/suite';
import { assertReloadChangesNothing, everythingAndSite, putBack, reset, SITE } from './stable';

describe('Moving the web ports', () => {
  const device = useDevice();
  before(() => device.startNginx());
  const factory = useShared(() => everythingAndSite(device));
  const engine = useFreshEngine(device);
  afterEach(() => reset(device, factory));

  const answers = (url: string) =>
    device.neighbour.fetch(url).then(({ status, headers, body }) => ({ status, location: headers.location, body }));
  const probe = (...ports: number[]) =>
    device.neighbour.probe(ports.map((port) => ({ proto: 'tcp', port, family: 'ipv4' })));
  const state = () => everythingAndSite(device);

  it('takes pages, redirect and rules along, and leaves nothing behind', async () => {
    const result = await engine.changeWebPorts({ http: 1780, https: 1443 });
    assert.equal(result.changed, true);
    assert.deepEqual(result.state.webPorts, {
      http: 1780,
      https: 1443,
      redirectsTo: 1443,
      consistent: true,
      problems: [],
    });
    assert.deepEqual(await answers('https://192.0.2.1:1443/'), { status: 200, location: undefined, body: page });
    const redirect = await answers('http://192.0.2.1:1780/config');
    assert.deepEqual([redirect.status, redirect.location], [301, 'https://192.0.2.1:1443/config']);
    assert.deepEqual(await probe(80, 443, 1780, 1443), ['filtered', 'filtered', 'in', 'in']);
    assert.equal(await device.read(`${SITE}.old`), factory.site);
    assert.deepEqual(
      result.state.rules
        .filter(({ family, to }) => family === 'ipv4' && /^(80|443|1780|1443)$/.test(to.port))
        .map(({ direction, protocol, to }) => `${direction} ${to.port}/${protocol}`),
      ['out 80/tcp', 'out 443/tcp', 'in 1443/tcp', 'in 1780/tcp', 'out 1780/tcp', 'out 1443/tcp'],
    );
    await assertReloadChangesNothing(device);
    const again = await engine.changeWebPorts({ http: 1780, https: 1443 });
    assert.deepEqual([again.changed, again.files], [false, []]);
  });

  it('goes on letting the device itself reach ports 80 and 443 of others', async () => {
    await engine.changeWebPorts({ http: 1780, https: 1443 });
    const listeners = await Promise.all([device.neighbour.listen('tcp', 80), device.neighbour.listen('tcp', 443)]);
    const targets = [80, 443].map((port) => ({ proto: 'tcp' as const, port, family: 'ipv4' as const }));
    assert.deepEqual(await device.outward(targets), ['out', 'out']);
    await Promise.all(listeners.map((listener) => listener.close()));
  });

  it('comes back to the vendor’s ports with the vendor’s file, byte for byte', async () => {
    await engine.changeWebPorts({ http: 1780, https: 1443 });
    const { state: back } = await engine.changeWebPorts({ http: 80, https: 443 });
    assert.equal(await device.read(SITE), factory.site);
    assert.equal(back.profile.name, 'enhanced');
    assert.deepEqual(await probe(80, 443, 1780, 1443), ['in', 'in', 'filtered', 'filtered']);
    assert.equal((await answers('https://192.0.2.1/')).status, 200);
  });

  it('carries interfaces, sources, log flags and comments over', async () => {
    for (const rule of ['80/tcp', '80', '443', '443/tcp']) await device.ufw('delete', 'allow', rule);
    await device.ufw(
      'allow',
      'in',
      'on',
      'eth0',
      'log',
      'from',
      '192.0.2.0/24',
      'to',
      'any',
      'port',
      '443',
      'proto',
      'tcp',
      'comment',
      'office',
    );
    const { state: moved } = await engine.changeWebPorts({ https: 1443 });
    const rule = moved.rules.find(({ to, direction }) => to.port === '1443' && direction === 'in');
    assert.deepEqual(
      [rule?.interface, rule?.from.address, rule?.log, rule?.comment],
      ['eth0', '192.0.2.0/24', 'log', 'office'],
    );
    const on = (name: 'eth0' | 'eth1') =>
      device.neighbour.probe([{ proto: 'tcp', port: 1443, family: 'ipv4', interface: name }]);
    assert.deepEqual([await on('eth0'), await on('eth1')], [['in'], ['filtered']]);
  });

  it('with keepOldOpen answers at every moment, and closes the old ports by itself', async () => {
    const probes = await Promise.all(
      [443, 1443].map((port) => device.neighbour.monitor({ proto: 'tcp', port, family: 'ipv4', everyMs: 2 })),
    );
    const { state: during } = await engine.changeWebPorts({ http: 1780, https: 1443, keepOldOpen: 600 });
    assert.equal(during.leases.length, 1);
    const bodies = await Promise.all(['https://192.0.2.1/', 'https://192.0.2.1:1443/'].map(answers));
    assert.deepEqual(
      bodies.map(({ status }) => status),
      [200, 200],
    );
    assert.equal((await answers('http://192.0.2.1/x')).location, 'https://192.0.2.1:1443/x');
    await engine.clock.advance(601);
    assert.deepEqual((await engine.read()).leases, []);
    assert.deepEqual(await probe(80, 443, 1780, 1443), ['filtered', 'filtered', 'in', 'in']);
    const [old, fresh] = await Promise.all(probes.map((probe) => probe.stop()));
    const firstNew = fresh?.times.find(({ answered }) => answered)?.at ?? Number.NaN;
    const silent = (probe: typeof old) =>
      probe?.times.filter(({ answered }) => !answered).map(({ at }) => at - firstNew) ?? [];
    assert.ok(
      silent(fresh).every((at) => at < 0),
      `the new port fell silent after it had answered: ${silent(fresh).filter((at) => at >= 0)}`,
    );
    assert.ok(
      silent(old).every((at) => at > 0),
      `the old port fell silent before the new one answered: ${silent(old).filter((at) => at <= 0)}`,
    );
    const direct = await engine.changeWebPorts({ http: 1780, https: 1443 });
    assert.equal(direct.changed, false);
    await assertReloadChangesNothing(device);
  });

  it('keeps the old ports at least as long as it may go back to them', async () => {
    const request = { http: 1780, https: 1443, keepOldOpen: 60, confirmWithin: 120 };
    const { pending } = await engine.changeWebPorts(request);
    assert.notEqual(pending, null);
    await engine.clock.advance(61);
    assert.equal((await engine.read()).leases.length, 1);
    assert.deepEqual(await probe(443, 1443), ['in', 'in']);
    // Nobody confirms.
    await engine.clock.advance(60);
    const { leases, webPorts, inSync } = await engine.read();
    assert.deepEqual([leases, webPorts?.https, webPorts?.problems, inSync], [[], 443, [], true]);
    assert.deepEqual(await probe(443, 1443), ['in', 'filtered']);
    // Somebody does.
    await engine.changeWebPorts(request);
    await engine.confirm({});
    await engine.clock.advance(122);
    assert.deepEqual((await engine.read()).leases, []);
    assert.deepEqual(await probe(443, 1443), ['filtered', 'in']);
    await assertReloadChangesNothing(device);
  });

  it('mends the state after a factory restore, in either direction', async () => {
    for (const repairTo of ['nginx', 'firewall'] as const) {
      await engine.changeWebPorts({ http: 1780, https: 1443 });
      await putBack(device, factory);
      const broken = await engine.read();
      assert.equal(broken.webPorts?.consistent, false);
      assert.match(broken.webPorts?.problems.join(' ') ?? '', /cannot be reached: nginx serves them on port 1443/);
      const { state: mended } = await engine.changeWebPorts({ mode: 'repair', repairTo });
      assert.deepEqual(mended.webPorts?.problems, [], repairTo);
      const [http, https] = repairTo === 'nginx' ? [1780, 1443] : [80, 443];
      assert.equal((await answers(`https://192.0.2.1:${https}/`)).status, 200);
      assert.equal((await answers(`http://192.0.2.1:${http}/`)).status, 301);
      const again = await engine.changeWebPorts({ mode: 'repair', repairTo });
      assert.equal(again.changed, false);
    }
  });

  it('mends the redirect that the vendor’s recipe leaves broken', async () => {
    await device.write(
      SITE,
      factory.site.replace(/:80 /g, ':1780 ').replace(' 80 ', ' 1780 ').replace('443 ssl', '1443 ssl'),
    );
    await device.ok('nginx', '-s', 'reload');
    const { state: mended } = await engine.changeWebPorts({ mode: 'repair' });
    assert.equal(mended.webPorts?.redirectsTo, 1443);
    assert.equal((await answers('http://192.0.2.1:1780/a?b=c')).location, 'https://192.0.2.1:1443/a?b=c');
  });

  const refused: [name: string, request: unknown, code: string][] = [
    ['a port with its protocol', { https: '1443/tcp' }, 'INVALID_INPUT'],
    ['a float', { https: 1443.5 }, 'INVALID_INPUT'],
    ['zero', { https: 0 }, 'INVALID_INPUT'],
    ['65536', { https: 65536 }, 'INVALID_INPUT'],
    ['a negative port', { http: -80 }, 'INVALID_INPUT'],
    ['an object', { http: { port: 80 } }, 'INVALID_INPUT'],
    ['the same port for both', { http: 1443, https: 1443 }, 'INVALID_INPUT'],
    ['the other one’s port', { http: 443 }, 'INVALID_INPUT'],
    ...[22, 1880, 1883, 8883, 3200, 5432, 6379, 8101, 8181, 9001, 9090, 44444, 1099, 53, 55000].map(
      (https): [string, unknown, string] => [`port ${https} of another service`, { https }, 'PORT_IN_USE'],
    ),
    ['a change that may only tighten', { https: 1443, onlyTighten: true }, 'WOULD_OPEN'],
  ];
  it(`refuses ${refused.length} bad requests and changes nothing`, async () => {
    const before = await state();
    for (const [name, request, code] of refused) {
      await assert.rejects(engine.changeWebPorts(request), (error: EngineError) => {
        assert.equal(error.code, code, `${name}: ${error.message}`);
        return true;
      });
    }
    assert.deepEqual(await state(), before);
  });

  it('refuses a port that another program listens on, and names it', async () => {
    const before = await state();
    const listener = await device.listen('tcp', 1443);
    await assert.rejects(engine.changeWebPorts({ https: 1443 }), {
      code: 'PORT_IN_USE',
      message: /port 1443 is in use by node/,
    });
    await listener.close();
    assert.deepEqual(await state(), before);
  });

  it('changes the ports of a site file with comments in Latin-1, and no other byte', async () => {
    const latin1 = async (): Promise<string> => device.ok('od', '-An', '-v', '-tx1', SITE);
    await device.ok(
      'sh',
      '-c',
      `printf '# Ger\\344t\\240\\n' | cat - ${SITE} > ${SITE}.x && cat ${SITE}.x > ${SITE} && rm ${SITE}.x`,
    );
    const before = await latin1();
    assert.deepEqual((await engine.read()).webPorts?.problems, []);
    assert.equal((await engine.changeWebPorts({ https: 1443 })).state.webPorts?.https, 1443);
    assert.match(await latin1(), /^ 23 20 47 65 72 e4 74 a0 0a/);
    await engine.restore();
    assert.equal(await latin1(), before);
  });

  const spoiled: [name: string, spoil: (text: string) => string][] = [
    ['without an HTTPS server', (text) => text.slice(0, text.indexOf('server {', 10))],
    ['without any server', () => '# nothing here\n'],
    ['with NUL bytes in it', (text) => `${text}\0\0\0`],
    ['that is five megabytes long', (text) => text + '#'.repeat(5 * 1024 * 1024)],
    ['with braces that do not close', (text) => `${text}\nserver {`],
    ['with a directive nginx does not know', (text) => text.replace('server_name', 'servername')],
  ];
  for (const [name, spoil] of spoiled) {
    it(`refuses a site file ${name}`, async () => {
      await device.write(SITE, spoil(factory.site), undefined);
      const before = await state();
      await assert.rejects(engine.changeWebPorts({ https: 1443 }), (error: EngineError) => {
        assert.equal(error.code, 'NGINX_CONFIG', error.message);
        return true;
      });
      assert.deepEqual(await state(), before);
      assert.equal((await device.ok('ls', '/etc/nginx', '/etc/nginx/sites-available')).includes('smartserver'), false);
    });
  }

  it('refuses a link, a missing file and a missing nginx', async () => {
    await device.ok('ln', '-sf', SITE, '/etc/nginx/link.conf');
    const linked = await Engine.start(device, { webSite: '/etc/nginx/link.conf' });
    await assert.rejects(linked.changeWebPorts({ https: 1443 }), { code: 'NGINX_CONFIG' });
    await linked.stop();
    const missing = await Engine.start(device, { webSite: '/etc/nginx/none.conf' });
    await assert.rejects(missing.changeWebPorts({ https: 1443 }), { code: 'NGINX_NOT_FOUND' });
    assert.equal((await missing.read()).webPorts, null);
    await missing.stop();
  });

  it('puts everything back when the port is taken between the check and the reload', async () => {
    const before = await state();
    const codes: string[] = [];
    // From the first step on, until the port is taken so late that the check has seen it free.
    for (let step = 1; !codes.includes('VERIFY_FAILED'); step++) {
      const late = await Engine.start(device, {}, { env: { STEP: String(step), STEP_ACTION: 'listen 1443' } });
      await assert.rejects(late.changeWebPorts({ https: 1443 }), (error: EngineError) => {
        codes.push(error.code);
        return true;
      });
      await late.stop();
      assert.deepEqual(await state(), before, `step ${step}`);
      assert.equal((await answers('https://192.0.2.1/')).status, 200);
    }
    assert.deepEqual([...new Set(codes)], ['PORT_IN_USE', 'VERIFY_FAILED']);
  });

  it('refuses to change a site file on a read-only file system', async () => {
    await device.ok('mount', '--bind', '/etc/nginx/sites-available', '/etc/nginx/sites-available');
    await device.ok('mount', '-o', 'remount,ro,bind', '/etc/nginx/sites-available');
    const before = await state();
    await assert.rejects(engine.changeWebPorts({ https: 1443 }), { code: 'NOT_PERMITTED' });
    assert.deepEqual(await state(), before);
    await device.ok('umount', '/etc/nginx/sites-available');
    assert.equal((await answers('https://192.0.2.1/')).status, 200);
  });

  it('puts everything back when nginx does not run', async () => {
    const before = await state();
    const real = await device.read('/etc/nginx/nginx.conf');
    await device.ok('sh', '-c', 'kill $(cat /run/nginx.pid) && while [ -e /run/nginx.pid ]; do :; done');
    await assert.rejects(engine.changeWebPorts({ https: 1443 }), { code: 'VERIFY_FAILED' });
    assert.deepEqual(await state(), before);
    await device.ok('nginx');
    assert.equal(await device.read('/etc/nginx/nginx.conf'), real);
    assert.equal((await answers('https://192.0.2.1/')).status, 200);
  });

  it('follows the ports in reading: https is the service of the port nginx has', async () => {
    const { state: moved } = await engine.changeWebPorts({ http: 1780, https: 1443 });
    const https = moved.services.find(({ id }) => id === 'https');
    assert.deepEqual([https?.ports, https?.in, https?.listening], [['1443/tcp'], 'open', true]);
    await assert.rejects(engine.toggleService({ service: 'https', action: 'close' }), { code: 'LOCKOUT' });
    const { state: locked } = await engine.setProfile({ profile: 'lockdown' });
    assert.equal(locked.services.find(({ id }) => id === 'https')?.in, 'open');
    assert.deepEqual(await probe(1443, 443, 1780), ['in', 'filtered', 'filtered']);
  });
});
