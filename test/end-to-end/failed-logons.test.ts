/**
 * The example block-after-failed-logons in a real Node-RED, which runs as an unprivileged user on a device with systemd and a
 * real sshd: an address with failed log-ons is blocked, and no other.
 */
import { strict as assert } from 'node:assert';
import { before, it } from 'mocha';
import { setUp } from '../agent/as-apollo';
import type { InsideProcess } from '../device/inside-process';
import { cables } from '../device/network';
import { example, startNodeRed } from '../device/node-red';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { until } from '../firewall/until';

interface FlowNode {
  id: string;
  type: string;
  func?: string;
  env?: { name: string; value: string }[];
}

describeAsRoot('The example block-after-failed-logons', function () {
  this.timeout(240_000);
  const device = useSystemdDevice();
  let nodeRed: InsideProcess;

  before(async () => {
    await setUp(device);
    // sshd asks for a password, and the neighbour has the wrong one.
    await device.write('/etc/ssh/sshd_config.d/password.conf', 'PasswordAuthentication yes\nMaxAuthTries 20\n');
    await device.ok('systemctl', 'restart', 'ssh');
  });

  /** Node-RED with the example, which blocks for this many seconds, and never blocks this address. */
  const start = async (seconds: number, never = ''): Promise<void> => {
    const flow = ((await example('block-after-failed-logons')) as FlowNode[]).map((node) => {
      if (node.type === 'tab') return { ...node, env: [{ name: 'NEVER_BLOCK', value: never, type: 'str' }] };
      const func = node.func?.replace('BLOCKED_FOR = 3600', `BLOCKED_FOR = ${seconds}`);
      return func === undefined ? node : { ...node, func };
    });
    const [, , gid] = (await device.ok('getent', 'group', 'systemd-journal')).split(':');
    nodeRed = await startNodeRed(device, flow, { account: { ...device.account, gid: Number(gid) } });
    await until(async () => (await device.run(['pgrep', '-f', '_SYSTEMD_UNIT=ssh.service'])).code === 0);
  };
  /** One connection from the neighbour on which a wrong password is tried three times. */
  const fail = (user: string, from: 'eth0' | 'eth1') => {
    const settings = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'PubkeyAuthentication=no'];
    const options = [...settings, 'ConnectTimeout=3'].flatMap((setting) => ['-o', setting]);
    const client = ['chroot', `${device.folder}/root`, 'ssh', '-q', ...options, '-l', user];
    return device.neighbour.run([...client, cables[from].device.ipv4, 'true'], {
      env: { SSH_ASKPASS: '/bin/true', SSH_ASKPASS_REQUIRE: 'force' },
    });
  };
  const probe = async (on: 'eth0' | 'eth1') =>
    (await device.neighbour.probe([{ proto: 'tcp', port: 22, family: 'ipv4', interface: on }]))[0];

  it('blocks an address with failed log-ons temporarily, and none that a user name imitates', async () => {
    await start(4);
    const other = cables.eth1.neighbour.ipv4;
    while ((await probe('eth0')) === 'in') await fail(`root from ${other} port 22 ssh2`, 'eth0');
    await nodeRed.until(/\[debug:Blocked\]/);
    assert.equal(await probe('eth1'), 'in');
    const status = await device.ufw('status');
    assert.match(status, new RegExp(`^22/tcp +DENY +${cables.eth0.neighbour.ipv4}`, 'm'));
    assert.ok(!status.includes(other));
    await until(async () => (await probe('eth0')) === 'in');
    assert.doesNotMatch(await device.ufw('status'), /DENY +192/);
    await nodeRed.kill();
    assert.equal((await device.run(['pgrep', '-f', '_SYSTEMD_UNIT=ssh.service'])).code, 1);
  });

  it('never blocks an address that it is told not to block', async () => {
    await start(600, `10. ${cables.eth0.neighbour.ipv4.slice(0, -1)}`);
    for (let times = 0; times < 3; times += 1) await fail('root', 'eth0');
    // By then it has counted everything it has read: this address is blocked.
    while ((await probe('eth1')) === 'in') await fail('root', 'eth1');
    assert.equal(await probe('eth0'), 'in');
    await nodeRed.kill();
  });
});
