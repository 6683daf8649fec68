/** What a watch tells on the real device, whoever changes its firewall. */
import { strict as assert } from 'node:assert';
import { afterEach, before, describe, it } from 'mocha';
import { check } from '../../firewall/messages';
import { type WatchEvent, watchEvent } from '../../firewall/results';
import type { Engine } from '../device/engine';
import { useDevice, useFreshEngine, useShared } from '../device/suite';
import { everythingAndSite, reset, SITE, STATE } from './stable';
import { until } from './until';

const WATCHED_CHANGES = Number(process.env.WATCHED_CHANGES ?? 20);

type Topic = WatchEvent['topic'];
type Payload<T extends Topic> = Extract<WatchEvent, { topic: T }>['payload'];

describe('A watch', function () {
  this.timeout(120_000);
  const device = useDevice();
  before(() => device.startNginx());
  const factory = useShared(() => everythingAndSite(device));
  const watching = useFreshEngine(device);
  /** Another process: what it does is this package's doing too. */
  const acting = useFreshEngine(device);
  afterEach(() => reset(device, factory));

  const begin = async (options: unknown = {}): Promise<void> => {
    await watching.watch(options);
    await until(async () => watching.readings > 0);
  };
  const told = <T extends Topic>(topic: T): Payload<T>[] =>
    watching.events
      .filter((event) => event.topic === topic)
      .map((event) => check(watchEvent, event).payload as Payload<T>);
  /** The first message of a topic, when it has come. */
  const first = async <T extends Topic>(topic: T): Promise<Payload<T>> => {
    await until(async () => told(topic).length > 0);
    const [payload] = told(topic);
    assert.ok(payload);
    return payload;
  };
  const ports = (rules: readonly { to: { port: string } }[]): string[] => [...new Set(rules.map(({ to }) => to.port))];
  /** A reading that begins from now on: what was done before has been told then. The first that ends may have begun before. */
  const nextReading = async (): Promise<void> => {
    for (const _ of ['begun before', 'begun after']) {
      const before = watching.readings;
      await device.ok('touch', '/etc/ufw/user.rules');
      await until(async () => watching.readings > before);
    }
  };

  it('tells of a ufw command as of somebody else', async () => {
    await begin();
    await device.ufw('allow', '9100/tcp');
    // ufw writes one family after the other, and a reading may come between.
    const families = () => told('changed').flatMap(({ added }) => added.map(({ family }) => family));
    await until(async () => families().length === 2);
    assert.deepEqual(families(), ['ipv4', 'ipv6']);
    for (const { who, id, added, removed } of told('changed')) {
      assert.deepEqual(
        { who, id, ports: ports(added), removed },
        { who: 'other', id: null, ports: ['9100'], removed: [] },
      );
    }
  });

  it('tells at once of what a slow ufw command writes one file after the other', async () => {
    await begin();
    const added = (file: string, family: string, any: string) =>
      `sed -i '/^### RULES ###/a \\\n### tuple ### allow tcp 9100 ${any} any ${any} in\\\n-A ${family}-user-input -p tcp --dport 9100 -j ACCEPT\\\n' ${file}`;
    const program = [
      '#!/bin/sh',
      added('/etc/ufw/user.rules', 'ufw', '0.0.0.0/0'),
      'sleep 1',
      added('/etc/ufw/user6.rules', 'ufw6', '::/0'),
    ];
    await device.write('/run/ufw', `${program.join('\n')}\n`, 0o755);
    await device.ok('/run/ufw');
    const change = await first('changed');
    assert.deepEqual(
      change.added.map(({ family, to }) => [family, to.port]),
      [
        ['ipv4', '9100'],
        ['ipv6', '9100'],
      ],
    );
  });

  it('tells of a change by this package in another process as of its own', async () => {
    await begin();
    const { id } = await acting.toggleService({ action: 'close' });
    const change = await first('changed');
    assert.deepEqual(
      { who: change.who, id: change.id, action: change.action, reason: change.reason, ports: ports(change.removed) },
      { who: 'self', id, action: 'toggle-service close ssh', reason: 'requested', ports: ['22'] },
    );
    await nextReading();
    assert.equal(told('changed').length, 1);
  });

  it('tells apart what both have done before it looked', async () => {
    await begin();
    await Promise.all([acting.toggleService({ action: 'close' }), device.ufw('allow', '9100/tcp')]);
    await acting.toggleService({ service: '9200/tcp', action: 'open' });
    await device.ufw('delete', 'allow', '9200/tcp');
    await nextReading();
    const of = (who: string, side: 'added' | 'removed') =>
      told('changed').flatMap((change) => (change.who === who ? ports(change[side]) : []));
    assert.deepEqual([of('self', 'added'), of('self', 'removed')], [['9200'], ['22']]);
    // ufw writes one family after the other, and a reading may come between.
    const ofOthers = (side: 'added' | 'removed') => [...new Set(of('other', side))];
    assert.deepEqual([ofOthers('added'), ofOthers('removed')], [['9100'], ['9200']]);
  });

  it('tells of policies, of the firewall being switched off, and of a rule that moved', async () => {
    await begin();
    await device.ufw('default', 'allow', 'outgoing');
    assert.deepEqual((await first('changed')).policies, { outgoing: { from: 'deny', to: 'allow' } });
    await device.ufw('disable');
    await until(async () => told('changed').some(({ enabled }) => enabled?.to === false));
    await device.ufw('--force', 'enable');
    await until(async () => told('changed').some(({ enabled }) => enabled?.to === true));
    const before = told('changed').length;
    await device.ok('sh', '-c', 'ufw delete allow 5353/udp && ufw insert 1 allow 5353/udp');
    const isMoved = ({ added, who }: Payload<'changed'>) =>
      who === 'other' && added.some(({ to, number }) => to.port === '5353' && number === 1);
    await until(async () => told('changed').slice(before).some(isMoved));
  });

  it('tells that a change waits, and that it went back, by itself or undone', async () => {
    await begin();
    const { id, action, pending } = await acting.toggleService({ action: 'close', confirmWithin: 600 });
    const waiting = await first('pending');
    assert.deepEqual({ id: waiting.id, action: waiting.action }, { id, action });
    assert.ok(Math.abs(Date.parse(waiting.confirmBy) - Date.parse(pending?.confirmBy ?? '')) < 1000);
    await acting.clock.advance(601);
    const reverted = await first('reverted');
    assert.deepEqual({ id: reverted.id, action: reverted.action }, { id, action });
    assert.equal(told('changed').filter(({ reason, who }) => reason === 'unconfirmed' && who === 'self').length, 1);
    const second = await acting.toggleService({ action: 'close', confirmWithin: 600 });
    await acting.restore({ action: 'undo' });
    await until(async () => told('reverted').length === 2);
    assert.equal(told('reverted')[1]?.id, second.id);
  });

  it('tells nothing of a change that was confirmed, and reads it all the same', async () => {
    await begin();
    await acting.toggleService({ action: 'close', confirmWithin: 600 });
    await first('pending');
    const { readings } = watching;
    await acting.confirm();
    await until(async () => watching.readings > readings);
    assert.deepEqual(told('reverted'), []);
    assert.equal((await watching.read()).pending, null);
  });

  it('tells that what was open for a while is closed', async () => {
    await begin();
    await acting.toggleService({ service: '9100/tcp', action: 'open', duration: 600 });
    await acting.clock.advance(601);
    assert.equal((await first('lease-ended')).service, '9100/tcp');
    assert.deepEqual(
      told('changed').map(({ who, reason }) => [who, reason]),
      [
        ['self', 'requested'],
        ['self', 'lease-over'],
      ],
    );
  });

  it('is kept by two at a time, in two processes, without a warning', async () => {
    await Promise.all([watching.watch(), acting.watch()]);
    // What was done before the first reading is not news.
    await until(async () => watching.readings > 0 && acting.readings > 0);
    for (let change = 0; change < WATCHED_CHANGES; change += 1)
      await acting.toggleService({ action: change % 2 ? 'open' : 'close' });
    const all = (engine: Engine) => engine.events.filter(({ topic }) => topic === 'changed').length >= WATCHED_CHANGES;
    await until(async () => all(watching) && all(acting));
    assert.deepEqual([watching.said, acting.said], [[], []]);
    assert.deepEqual(
      (await device.ok('ls', STATE)).split('\n').filter((name) => name.includes('smartserver-new')),
      [],
    );
  });

  it('tells when the profile that was set last no longer holds, and again only when that differs', async () => {
    await begin();
    await device.ufw('allow', '502/tcp');
    await first('changed');
    assert.deepEqual(told('drift'), []);
    await device.ufw('delete', 'allow', '502/tcp');
    const { changed } = await acting.setProfile({ profile: 'enhanced' });
    assert.equal(changed, false);
    await device.ufw('deny', '443/tcp');
    await device.ufw('deny', '443');
    const { profile, differences } = await first('drift');
    assert.equal(profile, 'enhanced');
    assert.ok(differences.some(({ service, direction }) => service === 'https' && direction === 'in'));
    const before = told('drift').length;
    await nextReading();
    await nextReading();
    assert.equal(told('drift').length, before);
    await acting.setProfile({ profile: 'enhanced' });
    await nextReading();
    await device.ok('sh', '-c', 'ufw deny 443/tcp && ufw deny 443');
    await until(async () => told('drift').length > before);
  });

  it('tells as drift what nobody asked for, not what a flow has closed, opened for a while or reverted, also after a restart', async () => {
    await acting.setProfile({ profile: 'enhanced' });
    await begin();
    await acting.toggleService({ service: 'ssh', action: 'close' });
    await acting.toggleService({ service: 'mdns', action: 'close', duration: 60 });
    await acting.clock.advance(61);
    await acting.toggleService({ service: 'http', action: 'close', confirmWithin: 60 });
    await acting.clock.advance(61);
    await nextReading();
    await acting.watch();
    await until(async () => acting.readings > 0);
    assert.deepEqual([...told('drift'), ...acting.events.filter(({ topic }) => topic === 'drift')], []);
    await device.ok('sh', '-c', 'ufw deny 443/tcp && ufw deny 443');
    await until(async () =>
      told('drift').some(({ differences }) => differences.some(({ service }) => service === 'https')),
    );
    assert.ok(told('drift').every(({ differences }) => differences.every(({ service }) => service === 'https')));
  });

  it('tells as drift what somebody closes that a flow has opened, before anybody has looked', async () => {
    await acting.setProfile({ profile: 'enhanced' });
    await acting.toggleService({ service: 'ssh', action: 'close' });
    await acting.toggleService({ service: 'ssh', action: 'open' });
    await device.ok('sh', '-c', 'ufw deny 22/tcp && ufw insert 1 deny 22/tcp');
    await begin();
    const { differences } = await first('drift');
    assert.deepEqual(
      differences.map(({ service, actual }) => [service, actual]),
      [['ssh', 'closed']],
    );
  });

  it('tells as drift no default policy that was asked for, nor what a lockdown was made in between, however that ended', async () => {
    await acting.setProfile({ profile: 'enhanced' });
    await begin();
    await acting.toggleService({ service: 'ssh', action: 'close' });
    await device.ufw('default', 'allow', 'outgoing');
    const isTold = (service: string) =>
      told('drift').some(({ differences }) => differences.some((one) => one.service === service));
    await until(async () => isTold('all others'));
    const { backup } = await acting.toggleService({ service: '9100/tcp', action: 'open' });
    await acting.setProfile({ profile: 'enhanced' });
    await acting.toggleService({ service: 'ssh', action: 'close' });
    await nextReading();
    const before = told('drift').length;
    // By a request, as a flow and the command line make it; by a timer; by a change that nobody has confirmed; by an undo.
    await acting.restore({ action: 'restore', backup });
    await nextReading();
    await acting.setProfile({ profile: 'lockdown', duration: 60 });
    await nextReading();
    await acting.clock.advance(61);
    await nextReading();
    await acting.setProfile({ profile: 'lockdown', confirmWithin: 60 });
    await nextReading();
    await acting.clock.advance(61);
    await nextReading();
    await acting.setProfile({ profile: 'standard' });
    await acting.restore({ action: 'undo' });
    await nextReading();
    const { policies, services } = await acting.read();
    assert.equal(policies.outgoing, 'allow');
    assert.equal(services.find(({ id }) => id === 'ssh')?.in, 'closed');
    assert.deepEqual(told('drift').slice(before), []);
    await device.ufw('default', 'allow', 'incoming');
    await until(async () => told('drift').length > before);
    const { differences } = told('drift')[before] as Payload<'drift'>;
    assert.deepEqual(
      differences.filter(({ service }) => service === 'all others').map(({ direction }) => direction),
      ['in'],
    );
  });

  it('forgets a profile with the undo of what set it, and keeps it over other changes', async () => {
    await acting.setProfile({ profile: 'enhanced' });
    await acting.setProfile({ profile: 'lockdown' });
    await acting.toggleService({ service: '9100/tcp', action: 'open' });
    await acting.restore();
    await begin();
    assert.deepEqual(told('drift'), []);
    await acting.restore({ action: 'undo' });
    await acting.restore({ action: 'restore', backup: (await acting.backups()).pop()?.id });
    await device.ufw('default', 'allow', 'outgoing');
    await until(async () => told('drift').some(({ profile }) => profile === 'enhanced'));
  });

  it('tells when nginx and the rules disagree', async () => {
    await begin();
    await device.write(SITE, factory.site.replace('443 ssl', '1443 ssl'));
    const { consistent, problems } = await first('web-ports');
    assert.equal(consistent, false);
    assert.ok(problems.length > 0);
  });

  it('tells first what holds already, and what went back while nobody watched', async () => {
    await acting.setProfile({ profile: 'enhanced' });
    await begin();
    await watching.unwatch();
    const { id } = await acting.toggleService({ action: 'close', confirmWithin: 600 });
    await acting.clock.advance(601);
    assert.equal((await acting.read()).pending, null);
    await device.ufw('delete', 'allow', '443/tcp');
    await acting.toggleService({ service: '9100/tcp', action: 'open', confirmWithin: 600 });
    await watching.watch({});
    assert.equal((await first('reverted')).id, id);
    assert.equal((await first('pending')).action, 'toggle-service open 9100/tcp');
    await watching.unwatch();
    const before = watching.events.length;
    const { readings } = watching;
    await watching.watch({});
    await until(async () => watching.readings > readings);
    assert.deepEqual(
      watching.events.slice(before).map(({ topic }) => topic),
      ['pending'],
    );
  });

  it('tells what went back while nobody watched to who asks for it, not to who asked for blocked packets alone before', async () => {
    await begin();
    await watching.unwatch();
    const { id } = await acting.toggleService({ action: 'close', confirmWithin: 600 });
    await acting.clock.advance(601);
    assert.equal((await acting.read()).pending, null);
    const { readings } = watching;
    // As flows start: the sidebar, a node for blocked packets, and another one.
    await watching.watch({ topics: [] });
    await until(async () => watching.readings > readings);
    await watching.watch({ topics: ['blocked'] });
    assert.deepEqual(told('reverted'), []);
    await watching.watch({ topics: ['reverted'] });
    assert.equal((await first('reverted')).id, id);
  });

  it('tells nothing that lay there before anybody ever watched', async () => {
    await acting.toggleService({ action: 'close', confirmWithin: 600 });
    await acting.clock.advance(601);
    assert.equal((await acting.read()).pending, null);
    await begin();
    assert.deepEqual(watching.events, []);
  });

  it('goes on where its folders vanish and come back, and where there is none', async () => {
    await device.remove(STATE);
    await begin();
    await device.ok('mv', '/etc/nginx/sites-available', '/etc/nginx/elsewhere');
    await until(async () => watching.readings > 1);
    await device.ok('mkdir', '/etc/nginx/sites-available');
    await device.write(SITE, factory.site);
    await nextReading();
    await device.write(SITE, factory.site.replace('443 ssl', '1443 ssl'));
    await first('web-ports');
    await device.ok(
      'sh',
      '-c',
      'rm -r /etc/nginx/sites-available && mv /etc/nginx/elsewhere /etc/nginx/sites-available',
    );
    await acting.toggleService({ service: '9100/tcp', action: 'open' });
    await until(async () => told('changed').some(({ who }) => who === 'self'));
    await device.remove(STATE);
    await acting.toggleService({ service: '9100/tcp', action: 'close' });
    await until(async () => told('changed').filter(({ who }) => who === 'self').length === 2);
  });

  it('reads once for a burst, and once more for what comes meanwhile', async () => {
    await begin();
    const { readings } = watching;
    await device.ok('sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9 10; do touch /etc/ufw/user.rules /etc/default/ufw; done');
    await until(async () => watching.readings > readings);
    await nextReading();
    assert.ok(watching.readings - readings <= 3, String(watching.readings - readings));
  });

  it('tells only what it was asked for, and what is wrong with the asking', async () => {
    await begin({ topics: ['drift'] });
    await device.ufw('allow', '9100/tcp');
    await until(async () => watching.readings > 1);
    assert.deepEqual(watching.events, []);
    for (const wrong of [{ topics: ['all'] }, { blockedEvery: 0 }, { blockedEvery: '60 m' }, { topic: [] }]) {
      await assert.rejects(watching.watch(wrong), { code: 'INVALID_INPUT' });
    }
  });

  it('says what keeps it from reading, and when nothing does any more', async () => {
    await begin();
    await device.ok('mv', '/etc/ufw/user.rules', '/etc/ufw/aside');
    await until(async () => /^UFW_FILES_UNREADABLE/.test(watching.troubles.slice(-1)[0] ?? ''));
    await device.ok('mv', '/etc/ufw/aside', '/etc/ufw/user.rules');
    await until(async () => watching.troubles.slice(-1)[0] === null);
    assert.deepEqual(told('changed'), []);
  });

  it('ends with what uses it', async () => {
    await begin({ topics: ['changed', 'blocked'] });
    await watching.unwatch();
    // Nothing is left that would keep the process.
    watching.process.endInput();
    assert.deepEqual(await watching.process.exited, { code: 0, signal: null });
    assert.equal((await device.run(['pgrep', '-f', 'journalctl --dmesg'])).code, 1);
  });
});
