/** What the report says is held against packets: a neighbour probes every port of every service, both protocols and families. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import type { State } from '../../firewall/results';
import { CATALOGUE } from '../../firewall/services/catalogue';
import { AGES } from '../device/ages';
import type { Device } from '../device/device';
import { OUTSIDE, targetsOf } from '../device/probe-services';
import type { Target } from '../device/protocol';
import { useDevice, useEngine } from '../device/suite';
import { assertReloadChangesNothing } from './stable';

for (const [at, age] of AGES.entries()) {
  // Each service is opened and closed on the first one, and on one of the others.
  const isTried = (index: number): boolean => at === 0 || index % (AGES.length - 1) === at - 1;
  describe(`Verdicts and packets, with ${age.name},`, () => suite(age, isTried));
}

function suite({ ufw, iptables }: (typeof AGES)[number], isTried: (index: number) => boolean): void {
  const device = useDevice({ ufw, iptables });
  const engine = useEngine(device, {
    customServices: [{ id: 'weather', label: 'Weather station', ports: ['9100/tcp', '9200:9203/udp'] }],
  });

  afterEach(() => assertReloadChangesNothing(device));

  for (const profile of ['enhanced', 'standard', 'lockdown', 'enhanced']) {
    it(`agree under ${profile}`, async () => {
      const { state } = await engine.setProfile({ profile });
      assert.equal(state.profile.name, profile);
      await assertAgreement(device, state);
    });
  }

  it('agree about DHCP: nobody gets in to its port, but for the answers of servers', async () => {
    const { services } = await engine.read();
    const dhcp = services.find(({ id }) => id === 'dhcp');
    assert.deepEqual([dhcp?.in, dhcp?.ports], ['closed', ['67/udp']]);
    assert.match(dhcp?.consequence ?? '', /from port 67 to port 68/);
    const sent = (from: number, to: number) =>
      device.neighbour.run(['python3', '-c', SEND, String(from), String(to)]).then(({ stdout }) => stdout.trim());
    assert.deepEqual([await sent(67, 68), await sent(1067, 68), await sent(67, 67)], ['in', 'filtered', 'filtered']);
  });

  it('agree after each service was opened and closed again', async () => {
    const { services } = await engine.read();
    const tried = services.filter(({ internal, id }) => !internal && id !== 'dhcp' && id !== 'https');
    for (const { id } of tried.filter((_, index) => isTried(index))) {
      for (const action of ['open', 'close'] as const) {
        const { state } = await engine.toggleService({ service: id, action });
        const service = state.services.find((one) => one.id === id);
        const wanted = action === 'open' ? 'open' : 'closed';
        for (const direction of directionsOf(id))
          assert.equal(service?.[direction], wanted, `${action} ${id} ${direction}`);
        await assertAgreement(device, state, [id]);
      }
    }
    await engine.setProfile({ profile: 'enhanced', ownRules: 'remove' });
  });

  it('agree where rules overlap', async () => {
    const commands = [
      ['allow', '1000:60000/tcp'],
      ['deny', '1800:1900/tcp'],
      ['allow', 'from', '192.0.2.0/25', 'to', 'any', 'port', '1880', 'proto', 'tcp'],
      ['allow', 'out', '1:1024/udp'],
      ['reject', 'out', 'to', '2001:db8:1::/64', 'port', '123'],
      ['limit', '55000/tcp'],
    ];
    for (const command of commands) await device.ufw('insert', '1', ...command).catch(() => device.ufw(...command));
    const state = await engine.read();
    await assertAgreement(device, state);
    await engine.setProfile({ profile: 'enhanced', ownRules: 'remove' });
  });

  it('close means closed, in front of a broader rule, and opening again gives back the same bytes', async () => {
    await device.ufw('allow', '20:30/tcp');
    await device.ufw('delete', 'allow', '22/tcp');
    const before = await device.read('/etc/ufw/user.rules');
    const closed = await engine.toggleService({ service: 'ssh', action: 'close' });
    assert.deepEqual(
      closed.added.map(({ action, family }) => `${action} ${family}`),
      ['deny ipv4', 'deny ipv6'],
    );
    await assertAgreement(device, closed.state, ['ssh']);
    assert.deepEqual(await device.neighbour.probe([{ proto: 'tcp', port: 23, family: 'ipv4' }]), ['in']);
    const opened = await engine.toggleService({ service: 'ssh', action: 'open' });
    await assertAgreement(device, opened.state, ['ssh']);
    assert.equal(await device.read('/etc/ufw/user.rules'), before);
    await engine.setProfile({ profile: 'enhanced', ownRules: 'remove' });
  });

  it('a service closed on one interface stays open on the other', async () => {
    const { state } = await engine.toggleService({ service: 'ssh', action: 'close', interface: 'eth0' });
    assert.equal(state.services.find(({ id }) => id === 'ssh')?.in, 'partial');
    const probes: Target[] = OUTSIDE.map((on) => ({
      proto: 'tcp',
      port: 22,
      family: 'ipv4',
      interface: on,
    }));
    assert.deepEqual(await device.neighbour.probe(probes), ['filtered', 'in']);
    await engine.toggleService({ service: 'ssh', action: 'open', interface: 'eth0' });
    assert.deepEqual(await device.neighbour.probe(probes), ['in', 'in']);
  });

  it('a blocked address stays blocked when the service is opened for all', async () => {
    await engine.toggleService({ service: 'ssh', action: 'close', from: '192.0.2.2' });
    const probe = (family: 'ipv4' | 'ipv6', on: 'eth0' | 'eth1') =>
      device.neighbour.probe([{ proto: 'tcp', port: 22, family, interface: on }]);
    assert.deepEqual(
      [await probe('ipv4', 'eth0'), await probe('ipv4', 'eth1'), await probe('ipv6', 'eth0')],
      [['filtered'], ['in'], ['in']],
    );
    const { changed, warnings } = await engine.toggleService({ service: 'ssh', action: 'open' });
    assert.equal(changed, false);
    assert.deepEqual(warnings, ['Still blocked by separate rules: 192.0.2.2.']);
    assert.deepEqual(await probe('ipv4', 'eth0'), ['filtered']);
    await engine.toggleService({ service: 'ssh', action: 'open', from: '192.0.2.2' });
    assert.deepEqual(await probe('ipv4', 'eth0'), ['in']);
  });
}

/** Sends from a port to a port where nobody listens: what gets in is answered with "port unreachable". */
const SEND = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('192.0.2.2', int(sys.argv[1])))
s.connect(('192.0.2.1', int(sys.argv[2])))
s.settimeout(0.5)
s.send(b'probe')
try:
    s.recv(1)
except ConnectionRefusedError:
    print('in')
except socket.timeout:
    print('filtered')
`;

const directionsOf = (id: string) => CATALOGUE.find((service) => service.id === id)?.directions ?? (['in'] as const);

/** Probes the ports of the services (two ports of a range: its ends) and compares with what the report says. */
async function assertAgreement(device: Device, state: State, only?: readonly string[]): Promise<void> {
  const services = state.services.filter(({ id }) => !only || only.includes(id));
  for (const direction of ['in', 'out'] as const) {
    const cases = services.flatMap(({ id, ports, families }) =>
      families.flatMap((family) =>
        OUTSIDE.map((on) => ({
          id,
          said: family[direction],
          targets: ports.flatMap((spec) => targetsOf(spec, family.family, on)),
        })),
      ),
    );
    const targets = cases.flatMap((one) => one.targets);
    const answers: readonly string[] =
      direction === 'in' ? await device.neighbour.probe(targets) : await device.outward(targets);
    let at = 0;
    const heard = cases.map(({ id, said, targets: own }) => {
      const passed = own.map(() => answers[at++] !== 'filtered');
      return { id, said, passed };
    });
    for (const { id, said, passed } of heard) {
      if (said === 'open') assert.ok(passed.every(Boolean), `${id} ${direction} is said to be open: ${passed}`);
      if (said === 'closed') assert.ok(!passed.some(Boolean), `${id} ${direction} is said to be closed: ${passed}`);
    }
  }
}
