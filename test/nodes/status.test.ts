/** What a node shows while many messages arrive: each status is sent to every editor, so none is sent unnecessarily. */
import assert from 'node:assert/strict';
import { statusOf } from '../../nodes/status';
import { arrivals, devices, nodeOf, start, stop, watchStatus } from './bench';

describe('the status of a node', () => {
  afterEach(stop);

  it('is a single one while many messages are in progress, and then the outcome of the last', async () => {
    // Each of these is made for itself.
    await start([{ id: 'web', type: 'change-web-ports', http: '8080', httpType: 'num' }]);
    const release = devices[0]?.hold();
    const shown = watchStatus('web');
    const done = new Promise<void>((resolve) => {
      let left = 20;
      arrivals.on('done', () => --left === 0 && resolve());
    });
    for (let sent = 0; sent < 20; sent++) nodeOf('web').receive({});
    release?.();
    await done;
    arrivals.removeAllListeners('done');
    await new Promise(setImmediate);
    assert.deepEqual(
      shown.map(({ text }) => text),
      ['status.working', 'status.unchanged'],
    );
  });

  it('is not sent again if it is unchanged', async () => {
    await start([{ id: 'read', type: 'read-firewall' }]);
    const shown = watchStatus('read');
    const RED = { _: (key: string) => key } as Parameters<typeof statusOf>[0];
    const show = statusOf(RED, nodeOf('read'));
    for (const text of ['one', 'one', 'two', 'one', 'one']) show('waiting', text);
    show('error', 'one');
    await new Promise(setImmediate);
    assert.deepEqual(
      shown.map(({ text }) => text),
      ['status.ready', 'one', 'two', 'one', 'one'],
    );
  });
});
