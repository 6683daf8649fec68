/** The broker's configuration in docs/fleet, in a real mosquitto: who may read and write what, and what it retains. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { useFresh, useShared } from '../device/suite';
import { until } from '../firewall/until';
import { Client } from './client';
import { Office, TESTER } from './office';

const own = (name: string, what: string) => `smartserver/device/${name}/firewall/${what}`;
const ALL = 'smartserver/all/firewall/request';

describe('The broker of a fleet', () => {
  const office = useShared(
    () => Office.open(['one', 'two']),
    ({ device }) => device.close(),
  );
  const clients = useFresh(
    async (): Promise<Client[]> => [],
    (all) => Promise.all(all.map((client) => client.close())),
  );

  const open = async (...args: Parameters<typeof Client.open> extends [unknown, ...infer Rest] ? Rest : never) => {
    const client = await Client.open(office, ...args);
    clients.push(client);
    return client;
  };

  it('accepts nobody without a name and its password, or without TLS', async () => {
    await assert.rejects(open('one', { username: undefined, password: undefined }), /Not authorized/);
    await assert.rejects(open('one', { password: 'a guess' }), /Not authorized/);
    await assert.rejects(open('one', { ca: undefined }), /certificate|issuer/);
    const plain = ['mosquitto_pub', '-p', '8883', '-u', 'one', '-P', 'password of one', '-t', own('one', 'state')];
    assert.notEqual((await office.device.run([...plain, '-m', 'x'])).code, 0);
  });

  it('lets a device write its own result and state, and nothing else', async () => {
    const one = await open('one');
    await one.publish(own('one', 'result'), 'x');
    await one.publish(own('one', 'state'), 'x');
    const topics = [ALL, 'smartserver/group/a/firewall/request', own('one', 'request'), own('two', 'request')];
    for (const topic of [
      ...topics,
      own('two', 'state'),
      own('two', 'result'),
      own('one', 'state/x'),
      'glp/0/x/ev/alarm',
    ]) {
      await assert.rejects(one.publish(topic, 'x'), /Not authorized/, topic);
    }
  });

  it('lets a device read requests to all, to a group and to itself, and not those to another', async () => {
    const tester = await open(TESTER);
    const one = await open('one');
    await one.subscribe('#');
    for (const topic of [
      own('two', 'request'),
      own('one', 'state'),
      own('one', 'request'),
      'smartserver/group/a/firewall/request',
      ALL,
    ]) {
      await tester.publish(topic, 'x').catch(() => undefined);
    }
    await one.until(({ topic }) => topic === ALL);
    assert.deepEqual(
      one.received.map(({ topic }) => topic).filter((topic) => !topic.endsWith('/state')),
      [own('one', 'request'), 'smartserver/group/a/firewall/request', ALL],
    );
    assert.ok(one.received.every(({ topic }) => !topic.includes('/state')));
  });

  it("publishes nobody's last will on another's state, but its own", async () => {
    const willOn = (topic: string) =>
      ({ topic, payload: Buffer.from(`will on ${topic}`), qos: 1, retain: true }) as const;
    const tester = await open(TESTER);
    await tester.subscribe(own('+', 'state'));
    for (const topic of [own('two', 'state'), own('one', 'state')]) {
      const one = await open('one', { will: willOn(topic) });
      one.cut();
    }
    await tester.until(({ text }) => text === `will on ${own('one', 'state')}`);
    assert.ok(!tester.received.some(({ topic }) => topic === own('two', 'state')));
  });

  it('lets an operator write requests, and no states or results', async () => {
    const tester = await open(TESTER);
    await tester.publish(own('one', 'request'), 'x');
    for (const what of ['state', 'result']) {
      await assert.rejects(tester.publish(own('one', what), 'x'), /Not authorized/);
    }
  });

  it('ends a connection when its name connects again, whatever its client id, and publishes its last will first', async () => {
    const will = {
      topic: own('one', 'state'),
      payload: Buffer.from('{"online":false}'),
      qos: 1,
      retain: true,
    } as const;
    const tester = await open(TESTER);
    await tester.subscribe(own('one', 'state'));
    const first = await open('one', { will, clientId: 'a' });
    const second = await open('one', { will, clientId: 'b' });
    await first.ended();
    await second.publish(own('one', 'state'), 'back', { retain: true });
    await tester.until(({ text }) => text === 'back');
    assert.deepEqual(tester.received.map(({ text }) => text).slice(-2), ['{"online":false}', 'back']);
  });

  it('disconnects a client that sends megabytes', async () => {
    const tester = await open(TESTER);
    await Promise.race([tester.publish(ALL, Buffer.alloc(2 * 1024 * 1024)).catch(() => undefined), tester.ended()]);
    await tester.ended();
  });

  it('keeps requests and states across a restart, and drops an expired request', async () => {
    const one = await open('one');
    await one.publish(own('one', 'state'), 'kept', { retain: true });
    const tester = await open(TESTER);
    await tester.publish(ALL, 'kept', { retain: true, seconds: 600 });
    await tester.publish(own('one', 'request'), 'over', { retain: true, seconds: 1 });
    const kept = async () => {
      const late = await open(TESTER);
      await late.subscribe(own('one', '+'), ALL);
      await late.until(({ topic }) => topic === ALL);
      await late.until(({ topic }) => topic === own('one', 'state'));
      assert.ok(late.received.every(({ retain }) => retain));
      return late.received.map(({ text }) => text);
    };
    await until(async () => !(await kept()).includes('over'));
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await office.stopBroker('SIGTERM');
    await office.startBroker();
    assert.deepEqual(await kept(), ['kept', 'kept']);
  });
});
