import assert from 'node:assert/strict';
import { check } from '../../firewall/messages';
import { state } from '../../firewall/results';
import { exampleFlow } from '../examples';
import { devices, send, start, stop } from './bench';

const READ = { id: 'read', type: 'read-firewall' };

describe('read-firewall', () => {
  afterEach(stop);

  it('sends the whole state in the message it received', async () => {
    await start([READ]);
    const { sent, statuses } = await send('read', { topic: 'hourly', payload: 1 });
    assert.equal(sent?.topic, 'hourly');
    assert.equal(check(state, sent?.payload).profile.name, 'enhanced');
    assert.deepEqual(statuses, [
      { fill: 'blue', shape: 'ring', text: 'status.working' },
      { fill: 'green', shape: 'dot', text: 'enhanced' },
    ]);
  });

  for (const output of ['services', 'rules', 'profile', 'findings'] as const) {
    it(`sends only the ${output} if configured to`, async () => {
      await start([
        { ...READ, output },
        { id: 'all', type: 'read-firewall' },
      ]);
      const part = (await send('read', {})).sent?.payload;
      assert.deepEqual(part, (await send('all', {})).sent?.payload[output]);
    });
  }

  const ONE = { ...READ, output: 'service', service: 'payload', serviceType: 'msg' };

  it('sends whether one service is open, by its id or name, in any case', async () => {
    await start([ONE, { id: 'toggle', type: 'toggle-service' }]);
    for (const payload of ['ssh', ' SSH', 'ssh remote SHELL']) {
      const { sent, statuses } = await send('read', { topic: 'led', payload });
      assert.deepEqual([sent?.payload, sent?.topic], [true, 'led']);
      assert.deepEqual(statuses[1], { fill: 'green', shape: 'dot', text: 'status.open' });
    }
    await send('toggle', {});
    const { sent, statuses } = await send('read', { payload: 'ssh' });
    assert.deepEqual([sent?.payload, statuses[1]?.text], [false, 'status.closed']);
    // Outgoing only.
    assert.equal((await send('read', { payload: 'smtp' })).sent?.payload, false);
  });

  it('sends whether the service of the node is open, only when that has changed', async () => {
    await start([
      { ...READ, output: 'service', onlyChanges: true },
      { id: 'toggle', type: 'toggle-service' },
    ]);
    assert.equal((await send('read', {})).sent?.payload, true);
    assert.equal((await send('read', {})).sent, null);
    await send('toggle', {});
    assert.equal((await send('read', {})).sent?.payload, false);
    assert.equal((await send('read', {})).sent, null);
  });

  it('reports a service that it does not know, and a name that a message lacks', async () => {
    await start([ONE]);
    for (const payload of ['nowhere', '9100/tcp', '22', '__proto__']) {
      assert.match(
        (await send('read', { payload })).caught?.error.message ?? '',
        /^UNKNOWN_SERVICE: there is no service/,
      );
    }
    for (const payload of [undefined, null, true, {}, [], ['ssh'], '', Buffer.from('ssh'), 'x'.repeat(1_000_000)]) {
      const { sent, caught } = await send('read', { payload });
      assert.equal(sent, null);
      assert.match(caught?.error.message ?? '', /^INVALID_INPUT: service: /);
    }
  });

  for (const output of ['everything', '', 7, 'constructor']) {
    it(`with ${JSON.stringify(output)} as output is INVALID_INPUT`, async () => {
      await start([{ ...READ, output }]);
      assert.match((await send('read', {})).caught?.error.message ?? '', /^INVALID_INPUT: output: /);
    });
  }

  it('shows in its status that the firewall is inactive, or that no profile matches', async () => {
    await start([READ]);
    await send('read', {});
    const device = devices[0];
    assert.ok(device);
    device.profile = null;
    assert.equal((await send('read', {})).statuses[1]?.text, 'status.noProfile');
    device.active = false;
    assert.equal((await send('read', {})).statuses[1]?.text, 'status.inactive');
    device.active = true;
    device.profile = 'a-profile-with-a-name-as-long-as-names-can';
    assert.equal((await send('read', {})).statuses[1]?.text, 'a-profile-with-a-name-as-long-as-names-c');
  });

  it('with onlyChanges sends nothing while only the time of reading differs, and completes all the same', async () => {
    await start([
      { ...READ, onlyChanges: true },
      { id: 'profile', type: 'set-profile', profile: 'lockdown' },
    ]);
    assert.ok((await send('read', {})).sent);
    const second = await send('read', {});
    assert.equal(second.sent, null);
    assert.deepEqual(second.statuses[1], { fill: 'grey', shape: 'dot', text: 'status.unchanged' });
    await send('profile', {});
    assert.equal((await send('read', {})).sent?.payload.profile.name, 'lockdown');
    assert.equal((await send('read', {})).sent, null);
  });

  it('with onlyChanges compares with what it sent, whatever a later node made of that', async () => {
    await start([{ ...READ, output: 'profile', onlyChanges: true }]);
    const { sent } = await send('read', {});
    sent?.payload.differences.push('spoilt');
    const device = devices[0];
    assert.ok(device);
    device.comment = 'another';
    assert.equal((await send('read', {})).sent, null);
  });

  it('without onlyChanges sends every time', async () => {
    await start([READ]);
    assert.ok((await send('read', {})).sent);
    assert.ok((await send('read', {})).sent);
  });
});

describe('the example firewall-report', () => {
  afterEach(stop);

  it('serves a page of the state in which a hostile comment is text and not a tag', async () => {
    const example = exampleFlow('firewall-report') as { type: string; output?: string }[];
    const reading = example.find(({ type, output }) => type === 'read-firewall' && output === 'report');
    assert.ok(reading);
    await start([{ ...READ, ...reading, id: 'read', z: 'flow', device: '', onlyChanges: true, wires: [['out']] }]);
    await send('read', {});
    const device = devices[0];
    assert.ok(device);
    assert.equal((await send('read', {})).sent, null);
    device.comment = '<script>alert(1)</script>"\'&';
    const { sent } = await send('read', {});
    assert.match(sent?.payload, /<bdi>&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;&#39;&amp;<\/bdi>/);
    assert.doesNotMatch(sent?.payload, /<script/);
  });

  it('is in no other language than there are', async () => {
    await start([{ ...READ, output: 'report', language: 'fr' }]);
    const { caught } = await send('read', {});
    assert.match(String(caught?.error.message), /^INVALID_INPUT: language: must be en, de or ja/);
  });
});
