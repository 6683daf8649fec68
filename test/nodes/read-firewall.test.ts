import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { check } from '../../firewall/messages';
import { state } from '../../firewall/results';
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

  for (const output of ['services', 'rules', 'profile'] as const) {
    it(`sends only the ${output} if configured to`, async () => {
      await start([
        { ...READ, output },
        { id: 'all', type: 'read-firewall' },
      ]);
      const part = (await send('read', {})).sent?.payload;
      assert.deepEqual(part, (await send('all', {})).sent?.payload[output]);
    });
  }

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
    device.profile = 'a-profile-with-a-very-long-name';
    assert.equal((await send('read', {})).statuses[1]?.text, 'a-profile-with-a-ver');
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

  it('renders a page of the state in which a hostile comment is text and not a tag', async () => {
    const path = join(resolve(__dirname, '..', '..', '..'), 'examples', 'firewall-report.json');
    const example = JSON.parse(readFileSync(path, 'utf8')) as { id: string; type: string }[];
    const template = example.find(({ type }) => type === 'template');
    assert.ok(template);
    await start([READ, { ...template, id: 'page', z: 'flow', wires: [['out']] }]);
    await send('read', {});
    const device = devices[0];
    assert.ok(device);
    device.comment = '<script>alert(1)</script>{{payload.readAt}}"\'&';
    const reading = (await send('read', {})).sent;
    assert.ok(reading);
    const { sent } = await send('page', reading);
    assert.match(
      sent?.payload,
      /<td>&lt;script&gt;alert\(1\)&lt;[^<>]*script&gt;\{\{payload\.readAt\}\}&quot;&#39;&amp;<\/td>/,
    );
    assert.doesNotMatch(sent?.payload, /<script/);
    assert.match(sent?.payload, /<strong>enhanced<\/strong>/);
    assert.match(sent?.payload, /<td>SSH remote shell<\/td><td>22&#x2F;tcp <\/td><td>open<\/td>/);
  });
});
