/** What else decides besides iptables' own tables, where the program that tells is missing, fails or cannot be understood. */
import { strict as assert } from 'node:assert';
import { afterEach, describe, it } from 'mocha';
import { useDevice, useEngine } from '../../device/suite';

const NFT = '/usr/sbin/nft';
const REAL = '/run/real-nft';

describe('A reading of the kernel', () => {
  const device = useDevice({ iptables: 'nft' });
  const engine = useEngine(device);
  let isReplaced = false;

  afterEach(async () => {
    if (isReplaced) await device.ok('umount', NFT);
    isReplaced = false;
    await device.run(['nft', 'delete', 'table', 'inet', 'others']);
  });

  /** Puts a script in nft's place, in which REAL is the program itself. */
  const replaceNft = async (script: string) => {
    await device.ok('cp', NFT, REAL);
    await device.write('/run/nft', `#!/bin/sh\n${script}\n`, 0o755);
    await device.ok('mount', '--bind', '/run/nft', NFT);
    isReplaced = true;
  };
  const dropSsh = () =>
    device.ok('nft', 'table inet others { chain c { type filter hook input priority -5; tcp dport 22 drop; }; }');
  const ssh = async () => {
    const found = (await engine.read()).services.find(({ id }) => id === 'ssh');
    assert.ok(found);
    const { undecided, decidedBy } = found;
    return { in: found.in, undecided, owners: [...new Set(decidedBy.in.map(({ owner }) => owner))] };
  };

  /** What tables of nftables' own may do is named, and never counted on. */
  const DROPPED = { in: 'partial', undecided: ['in'], owners: ['ufw', 'other'] };

  it('says what a table of nftables’ own may do', async () => {
    await dropSsh();
    assert.deepEqual(await ssh(), DROPPED);
    assert.deepEqual(await device.neighbour.probe([{ proto: 'tcp', port: 22, family: 'ipv4' }]), ['filtered']);
  });

  it('shows what others have written in their own letters', async () => {
    await device.ok(
      'nft',
      'table inet others { chain c { type filter hook input priority -5; log prefix "Tür" drop; }; }',
    );
    await device.ok('iptables', '-N', 'Aufzüge');
    await device.ok(
      'iptables',
      '-A',
      'Aufzüge',
      '-p',
      'tcp',
      '--dport',
      '22',
      '-j',
      'ACCEPT',
      '-m',
      'comment',
      '--comment',
      '扉',
    );
    await device.ok('iptables', '-I', 'INPUT', '-j', 'Aufzüge');
    const found = (await engine.read()).services.find(({ id }) => id === 'ssh');
    const told = found?.decidedBy.in.map(({ chain, rule }) => `${chain}: ${rule}`) ?? [];
    assert.ok(
      told.some((one) => /^nft inet others c: .*"prefix":"Tür"/.test(one)),
      told.join('\n'),
    );
    assert.ok(
      told.some((one) => /^Aufzüge: .*扉/.test(one)),
      told.join('\n'),
    );
    await device.ok('iptables', '-D', 'INPUT', '-j', 'Aufzüge');
    await device.ok('iptables', '-F', 'Aufzüge');
    await device.ok('iptables', '-X', 'Aufzüge');
  });

  const USELESS = {
    'is not there': 'exit 127',
    'cannot speak to the kernel': 'echo "netlink: Error: cache initialization failed" >&2; exit 1',
  };

  for (const [what, script] of Object.entries(USELESS))
    it(`is made as if there were nothing besides where there is nothing, and nft ${what}`, async () => {
      await replaceNft(script);
      assert.deepEqual(await ssh(), { in: 'open', undecided: [], owners: ['ufw'] });
      assert.equal((await engine.toggleService({ action: 'close' })).changed, true);
      assert.equal((await engine.toggleService({ action: 'open' })).changed, true);
    });

  for (const [what, script] of Object.entries({
    ...USELESS,
    'fails when it is to print them': `case "$*" in *ruleset*) exit 1;; esac; exec ${REAL} "$@"`,
    'prints what is no JSON': `case "$*" in *ruleset*) echo "table inet others {"; exit 0;; esac; exec ${REAL} "$@"`,
    'prints other JSON': `case "$*" in *ruleset*) echo '{"nftables": 5}'; exit 0;; esac; exec ${REAL} "$@"`,
  }))
    it(`leaves it open what they do where the kernel names other tables and nft ${what}`, async () => {
      await dropSsh();
      await replaceNft(script);
      const { in: state, undecided } = await ssh();
      assert.deepEqual([state, undecided], ['partial', ['in', 'out']]);
      // That keeps nothing from being closed.
      const { changed, stillOpen } = await engine.toggleService({ action: 'close' });
      assert.deepEqual([changed, stillOpen.map(({ service }) => service)], [true, ['ssh']]);
      assert.equal((await engine.restore({ action: 'undo' })).changed, true);
    });

  it('waits for an nft that is slow', async () => {
    await dropSsh();
    await replaceNft(`sleep 1; exec ${REAL} "$@"`);
    assert.deepEqual(await ssh(), DROPPED);
  });
});
