/** The node learn-peers on a fake device. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'mocha';
import { devices, send, start, stop } from './bench';

const NODE = { id: 'learn', type: 'learn-peers', version: 1 };
const PEER = {
  ...{ address: '192.0.2.7', direction: 'in' as const, interface: 'eth0' },
  ...{ firstSeen: '2026-01-01T00:00:00.000Z', lastSeen: '2026-01-02T00:00:00.000Z', count: 3 },
};
const fromMessage = { action: 'payload', actionType: 'msg', duration: 'days', durationType: 'msg' };

describe('learn-peers', () => {
  afterEach(stop);

  const known = () => {
    const [device] = devices;
    assert.ok(device);
    device.peers = { lon: [PEER, { ...PEER, address: '192.0.2.8' }], bacnet: [PEER] };
    return device;
  };

  it('works as dropped on the canvas: it reads who talks, and keeps the other properties of the message', async () => {
    await start([NODE]);
    await send('learn', {});
    known();
    const { sent, statuses } = await send('learn', { payload: 1, topic: 'mine' });
    assert.deepEqual(sent?.payload.services.lon.peers[1].address, '192.0.2.8');
    assert.equal(sent?.topic, 'mine');
    assert.deepEqual(statuses.pop(), { fill: 'green', shape: 'dot', text: 'status.peers' });
    assert.deepEqual(devices[0]?.requests, [{}, {}]);
  });

  it('starts for two weeks unless it is told otherwise, stops and forgets', async () => {
    await start([
      { ...NODE, action: 'start', actionType: 'str', duration: '1209600', durationType: 'num' },
      { ...NODE, id: 'stop', action: 'stop', actionType: 'str', duration: 'x', durationType: 'msg' },
      { ...NODE, id: 'forget', action: 'forget', actionType: 'str' },
    ]);
    const shown = async (id: string) => (await send(id, {})).statuses.pop();
    assert.match(String((await shown('learn'))?.text), /^status.learningUntil$/);
    assert.deepEqual(devices[0]?.requests.splice(0), [{ action: 'start', duration: 1209600 }]);
    assert.deepEqual(await shown('stop'), { fill: 'green', shape: 'dot', text: 'status.stopped' });
    assert.deepEqual(await shown('stop'), { fill: 'grey', shape: 'dot', text: 'status.stopped' });
    assert.deepEqual(await shown('forget'), { fill: 'green', shape: 'dot', text: 'status.forgotten' });
    assert.deepEqual(devices[0]?.requests, [{ action: 'stop' }, { action: 'stop' }, { action: 'forget' }]);
  });

  it('takes action and duration from the message, as people send them', async () => {
    await start([{ ...NODE, ...fromMessage }]);
    for (const [payload, days, text] of [
      ['start', '14 d', /^status.learningUntil$/],
      ['ON', 0, /^status.learning$/],
      [true, '8 h', /^status.learningUntil$/],
      ['off', undefined, /^status.stopped$/],
      [' Read ', undefined, /^status.peers$/],
    ] as const)
      assert.match(String((await send('learn', { payload, days })).statuses.pop()?.text), text, `${payload}`);
  });

  it('reports what it does not understand, and a value that the message lacks', async () => {
    await start([{ ...NODE, ...fromMessage }]);
    for (const [message, said] of [
      [{ payload: 'apply' }, /^INVALID_INPUT: action: /],
      [{ payload: 1_700_000_000_000 }, /^INVALID_INPUT: action: /],
      [{ payload: null }, /^INVALID_INPUT: action: /],
      [{}, /^INVALID_INPUT: action: msg "payload" has no value/],
      [{ payload: 'start' }, /^INVALID_INPUT: duration: msg "days" has no value/],
      [{ payload: 'start', days: 'for ever' }, /^INVALID_INPUT: duration: /],
      [{ payload: 'start', days: 1e12 }, /^INVALID_INPUT: duration: /],
      [{ payload: 'start', days: -1 }, /^INVALID_INPUT: duration: /],
    ] as const) {
      const { caught, sent } = await send('learn', message);
      assert.match(String(caught?.error.message), said);
      assert.equal(sent, null);
    }
    assert.equal(devices[0]?.learning, null);
  });

  it('is read by read-firewall too, which with onlyChanges is silent while the same ones talk', async () => {
    await start([{ id: 'read', type: 'read-firewall', version: 1, output: 'peers', onlyChanges: true }]);
    assert.equal((await send('read', {})).sent?.payload, null);
    const device = known();
    assert.equal((await send('read', {})).sent?.payload.lon.length, 2);
    device.peers = {
      lon: [
        { ...PEER, count: 4 },
        { ...PEER, address: '192.0.2.8' },
      ],
      bacnet: [PEER],
    };
    assert.equal((await send('read', {})).sent, null);
    device.peers = { ...device.peers, '9100/tcp': [PEER] };
    assert.equal((await send('read', {})).sent?.payload['9100/tcp'].length, 1);
  });
});
