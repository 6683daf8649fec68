/** Standing schedules: what holds is what the calendar says for now, whoever runs and whatever came between; by probes. */
import { strict as assert } from 'node:assert';
import { beforeEach, describe, it } from 'mocha';
import type { EngineError } from '../device/engine';
import { useDevice, useEngine, useShared } from '../device/suite';
import { everything, reset, STATE } from './stable';

/** A Monday. */
const DAY = '2026-11-30';
const WORKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri'];

describe('A standing schedule', function () {
  this.timeout(120_000);
  const device = useDevice();
  const engine = useEngine(device);
  const factory = useShared(() => everything(device));
  beforeEach(async () => {
    await reset(device, factory);
    await at('12:00');
  });

  /** Sets the engine's wall clock, and has it do what is due. */
  const at = async (time: string, date = DAY): Promise<string[]> => {
    await engine.clock.setWall((Date.parse(`${date}T${time}:00Z`) - Date.now()) / 1000);
    return engine.resume();
  };
  const calendar = { hours: [{ days: WORKDAYS, from: '07:00', to: '19:00' }], timeZone: 'UTC' };
  const SSH = { id: 'night', name: 'SSH by day', subject: { kind: 'services', services: ['ssh'] }, calendar };
  const ssh = async () => (await device.neighbour.probe([{ proto: 'tcp', port: 22, family: 'ipv4' }]))[0];
  const [OPEN, CLOSED] = ['in', 'filtered'];
  const said = async () => {
    const [one] = (await engine.read()).schedules;
    return one && [one.open, one.by, one.until, one.next];
  };

  it('is made true at once, at each edge, and reported', async () => {
    const { changed, schedule, warnings } = await engine.schedule(SSH);
    assert.deepEqual([changed, warnings], [true, []]);
    assert.deepEqual(schedule, {
      ...{ id: 'night', name: 'SSH by day', services: ['ssh'], profile: null },
      ...{ open: true, by: 'schedule', until: `${DAY}T19:00:00.000Z`, next: `${DAY}T19:00:00.000Z` },
    });
    assert.equal(await ssh(), OPEN);
    assert.deepEqual(await at('18:59'), []);
    assert.equal(await ssh(), OPEN);
    assert.deepEqual(await at('19:00'), []);
    assert.equal(await ssh(), CLOSED);
    assert.deepEqual(await said(), [false, 'schedule', '2026-12-01T07:00:00.000Z', '2026-12-01T07:00:00.000Z']);
    const [{ reason, action } = {}] = await engine.backups();
    assert.deepEqual([reason, action], ['schedule', 'schedule SSH by day (night): close ssh']);
    await at('07:00', '2026-12-01');
    assert.equal(await ssh(), OPEN);
    await at('20:00', '2026-12-04');
    await at('12:00', '2026-12-06');
    assert.equal(await ssh(), CLOSED);
    const { rules, inSync } = await engine.read();
    await device.ufw('reload');
    const after = await engine.read();
    assert.deepEqual([after.rules, inSync, after.inSync], [rules, true, true]);
  });

  it('is woken for by the engine itself', async () => {
    await engine.schedule(SSH);
    await engine.clock.advance(7 * 3600 + 1);
    assert.equal((await engine.read()).schedules[0]?.open, false);
    assert.equal(await ssh(), CLOSED);
  });

  it('misses no edge: off in the evening, and on again later', async () => {
    await engine.schedule(SSH);
    await at('21:00');
    assert.equal(await ssh(), CLOSED);
    await at('22:00', '2026-12-08');
    assert.equal(await ssh(), CLOSED);
    await at('10:00', '2026-12-09');
    assert.equal(await ssh(), OPEN);
  });

  it('registered twice changes nothing the second time, and replaced it is another', async () => {
    await engine.schedule(SSH);
    const before = await everything(device);
    const schedule = await device.read(`${STATE}/schedule.json`);
    assert.equal((await engine.schedule(SSH)).changed, false);
    assert.deepEqual([await everything(device), await device.read(`${STATE}/schedule.json`)], [before, schedule]);
    const nights = { ...calendar, hours: [{ days: WORKDAYS, from: '19:00', to: '07:00' }] };
    assert.equal((await engine.schedule({ ...SSH, calendar: nights })).changed, true);
    assert.equal(await ssh(), CLOSED);
    assert.equal((await engine.read()).schedules.length, 1);
  });

  it('removed leaves things as they are, or closes what it was about', async () => {
    for (const whenRemoved of ['stay', 'close']) {
      await engine.schedule({ ...SSH, whenRemoved });
      const { changed, schedule } = await engine.unschedule({ id: 'night' });
      assert.deepEqual([changed, schedule], [true, null]);
      assert.equal(await ssh(), whenRemoved === 'stay' ? OPEN : CLOSED);
      assert.equal((await engine.unschedule({ id: 'night' })).changed, false);
    }
  });

  it('is removed when its Node-RED no longer has it', async () => {
    await engine.schedule({ ...SSH, owner: 'one', whenRemoved: 'close' });
    await engine.schedule({ ...SSH, id: 'other', owner: 'two', subject: { kind: 'services', services: ['9100/tcp'] } });
    const subject = { kind: 'services', services: ['mqtts'] };
    await engine.schedule({ ...SSH, id: 'new', owner: 'one', siblings: ['new'], subject });
    assert.deepEqual(
      (await engine.read()).schedules.map(({ id }) => id),
      ['other', 'new'],
    );
    assert.equal(await ssh(), CLOSED);
  });

  describe('and who wins', () => {
    it('an override, until the next edge or for a while', async () => {
      await engine.schedule(SSH);
      const { changed, schedule } = await engine.override({ id: 'night', action: 'close' });
      assert.deepEqual(
        [changed, schedule?.open, schedule?.by, schedule?.until],
        [true, false, 'override', `${DAY}T19:00:00.000Z`],
      );
      assert.equal(await ssh(), CLOSED);
      await at('20:00');
      assert.deepEqual((await said())?.slice(0, 2), [false, 'schedule']);
      await engine.override({ id: 'night', action: 'open', duration: 1800 });
      assert.equal(await ssh(), OPEN);
      await engine.clock.advance(1801);
      assert.equal((await engine.read()).schedules[0]?.by, 'schedule');
      assert.equal(await ssh(), CLOSED);
      await engine.override({ id: 'night', action: 'open' });
      assert.equal(await ssh(), OPEN);
      await engine.override({ id: 'night', action: 'auto' });
      assert.equal(await ssh(), CLOSED);
      assert.equal((await engine.override({ id: 'night', action: 'auto' })).changed, false);
      assert.equal((await engine.override({ id: 'night', action: 'status' })).changed, false);
    });

    it('a lockdown over all, until it is lifted', async () => {
      await engine.schedule(SSH);
      await engine.setProfile({ profile: 'lockdown' });
      await engine.override({ id: 'night', action: 'open' });
      assert.deepEqual((await said())?.slice(0, 2), [false, 'lockdown']);
      await at('20:00');
      await at('08:00', '2026-12-01');
      assert.equal(await ssh(), CLOSED);
      await engine.setProfile({ profile: 'enhanced' });
      assert.equal(await ssh(), OPEN);
      await engine.setProfile({ profile: 'lockdown' });
      await at('20:00', '2026-12-01');
      // Lifted by an undo, and by a profile, it is night by then.
      await engine.restore({ action: 'undo' });
      assert.equal(await ssh(), CLOSED);
      await engine.setProfile({ profile: 'lockdown' });
      await engine.setProfile({ profile: 'enhanced' });
      assert.equal(await ssh(), CLOSED);
      assert.deepEqual((await said())?.slice(0, 2), [false, 'schedule']);
    });

    it('a temporary opening, until it ends', async () => {
      await engine.schedule(SSH);
      await at('20:00');
      await engine.toggleService({ service: 'ssh', action: 'open', duration: 3600 });
      assert.deepEqual((await said())?.slice(0, 2), [true, 'lease']);
      assert.equal(await ssh(), OPEN);
      await engine.clock.advance(3601);
      assert.deepEqual((await said())?.slice(0, 2), [false, 'schedule']);
      assert.equal(await ssh(), CLOSED);
    });

    it('what ufw does by hand, until the next edge', async () => {
      await engine.schedule(SSH);
      await at('20:00');
      await device.ufw('allow', '22/tcp');
      await at('21:00');
      assert.equal(await ssh(), OPEN);
      await at('08:00', '2026-12-01');
      await at('19:00', '2026-12-01');
      assert.equal(await ssh(), CLOSED);
    });

    it('a change that waits for its confirmation, and never longer', async () => {
      await engine.schedule(SSH);
      await at('18:55');
      await engine.toggleService({ service: '9100/tcp', action: 'open', confirmWithin: 600 });
      await at('19:01');
      assert.deepEqual([await ssh(), (await said())?.[1]], [OPEN, 'pending']);
      await engine.confirm();
      assert.equal(await ssh(), CLOSED);
      await at('06:55', '2026-12-01');
      await engine.toggleService({ service: '9100/tcp', action: 'close', confirmWithin: 600 });
      await at('07:01', '2026-12-01');
      assert.equal(await ssh(), CLOSED);
      await engine.clock.advance(601);
      assert.deepEqual((await engine.read()).pending, null);
      assert.equal(await ssh(), OPEN);
    });
  });

  it('of a profile goes from one to the other, and services go by their own', async () => {
    await engine.schedule({
      ...SSH,
      id: 'profiles',
      subject: { kind: 'profile', profile: 'enhanced', otherwise: 'lockdown' },
    });
    await engine.schedule(SSH);
    await at('19:30');
    const { profile, schedules } = await engine.read();
    assert.deepEqual(
      [profile.name, schedules.map(({ profile: name, by }) => [name, by])],
      [
        'lockdown',
        [
          ['lockdown', 'schedule'],
          [null, 'lockdown'],
        ],
      ],
    );
    await at('07:00', '2026-12-01');
    assert.equal((await engine.read()).profile.name, 'enhanced');
    assert.equal(await ssh(), OPEN);
    // Somebody's own lockdown is not lifted by the calendar.
    await engine.setProfile({ profile: 'lockdown' });
    await at('20:00', '2026-12-01');
    await at('08:00', '2026-12-02');
    assert.equal((await engine.read()).profile.name, 'lockdown');
  });

  describe('and a clock', () => {
    it('that is set', async () => {
      await engine.schedule(SSH);
      await at('20:00');
      assert.equal(await ssh(), CLOSED);
      await at('11:00');
      assert.equal(await ssh(), OPEN);
      await at('11:00', '2026-11-29');
      assert.equal(await ssh(), CLOSED);
      await at('11:00');
      assert.equal(await ssh(), OPEN);
    });

    it('that shows a time long over: closed, until it is right', async () => {
      await engine.schedule(SSH);
      await at('12:00', '1970-01-05');
      assert.deepEqual((await said())?.slice(0, 2), [false, 'clock']);
      assert.equal(await ssh(), CLOSED);
      await at('12:01');
      assert.deepEqual((await said())?.slice(0, 2), [true, 'schedule']);
      assert.equal(await ssh(), OPEN);
    });

    it('that somebody takes for right', async () => {
      await engine.schedule(SSH);
      await at('12:00', '2025-12-01');
      assert.equal(await ssh(), CLOSED);
      await engine.override({ id: 'night', action: 'open' });
      assert.deepEqual((await said())?.slice(0, 2), [true, 'override']);
      await engine.override({ id: 'night', action: 'auto' });
      assert.deepEqual((await said())?.slice(0, 2), [true, 'schedule']);
    });
  });

  it('that is lost with its file leaves closed what was closed, and can be registered again', async () => {
    await engine.schedule(SSH);
    await at('20:00');
    for (const text of ['{"version":1,"schedules":[{"id":"night"}]}', 'x', '']) {
      await device.write(`${STATE}/schedule.json`, text);
      const warnings = await engine.resume();
      if (text !== '') assert.match(warnings.join('\n'), /schedule\.json/);
      assert.deepEqual((await engine.read()).schedules, []);
      assert.equal(await ssh(), CLOSED);
      await at('08:00', '2026-12-01');
      assert.equal(await ssh(), CLOSED);
      await at('20:00', '2026-12-01');
      assert.equal((await engine.schedule(SSH)).schedule?.open, false);
    }
  });

  describe('is refused, and nothing is changed:', () => {
    const refused: [what: string, request: unknown, code: string, message: RegExp][] = [
      ['no calendar', { ...SSH, calendar: undefined }, 'INVALID_INPUT', /calendar/],
      ['an unknown service', { ...SSH, subject: { kind: 'services', services: ['nope'] } }, 'UNKNOWN_SERVICE', /nope/],
      ['no service', { ...SSH, subject: { kind: 'services', services: [] } }, 'INVALID_INPUT', /services/],
      [
        'an internal service',
        { ...SSH, subject: { kind: 'services', services: ['node-red'] } },
        'INTERNAL_SERVICE',
        /Node-RED/,
      ],
      [
        'an unknown profile',
        { ...SSH, subject: { kind: 'profile', profile: 'enhanced', otherwise: 'x' } },
        'UNKNOWN_PROFILE',
        /x/,
      ],
      ['the last way in', { ...SSH, subject: { kind: 'services', services: ['https'] } }, 'LOCKOUT', /last way in/],
      ['a hostile id', { ...SSH, id: '../x' }, 'INVALID_INPUT', /id/],
      [
        'another address family than there is',
        { ...SSH, subject: { ...SSH.subject, interface: 'lo' } },
        'INVALID_INPUT',
        /interface/,
      ],
    ];
    for (const [what, request, code, message] of refused)
      it(what, async () => {
        const before = await everything(device);
        await assert.rejects(engine.schedule(request), (error: EngineError) => {
          assert.equal(error.code, code);
          assert.match(error.message, message);
          return true;
        });
        assert.deepEqual(await everything(device), before);
        assert.deepEqual((await engine.read()).schedules, []);
      });

    it('two for one service, naming both', async () => {
      await engine.schedule(SSH);
      for (const services of [['ssh'], ['22/tcp'], ['9100/tcp', '20:30/tcp']])
        await assert.rejects(
          engine.schedule({ ...SSH, id: 'rival', name: 'Rival', subject: { kind: 'services', services } }),
          /INVALID_INPUT: .*Rival \(rival\) and SSH by day \(night\)/,
        );
      await engine.schedule({ ...SSH, id: 'apart', subject: { ...SSH.subject, from: '10.0.0.0/8' } }).then(
        () => assert.fail('It overlaps with everybody.'),
        ({ code }) => assert.equal(code, 'INVALID_INPUT'),
      );
    });

    it('more than a device can keep', async () => {
      const date = (day: number): string => new Date(Date.UTC(2027, 0, 1 + day)).toISOString().slice(0, 10);
      const exceptions = Array.from({ length: 1000 }, (_, day) => ({
        date: date(day),
        hours: [{ from: '07:00', to: '19:00' }],
      }));
      let count = 0;
      const more = (): Promise<unknown> => {
        const subject = { kind: 'services', services: [`${9100 + count++}/tcp`] };
        return engine.schedule({ ...SSH, id: `n${count}`, subject, calendar: { ...calendar, exceptions } });
      };
      await assert.rejects(
        (async () => {
          while (count < 50) await more();
        })(),
        /INVALID_INPUT: calendar: all schedules of the device together are too large/,
      );
      assert.ok(count > 5, String(count));
      assert.equal((await engine.read()).schedules.length, count - 1);
    });

    it('an override of a schedule that there is not', async () => {
      await assert.rejects(engine.override({ id: 'nope', action: 'open' }), /INVALID_INPUT: id: there is no schedule/);
    });
  });
});
