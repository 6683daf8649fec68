/** What is no calendar gets INVALID_INPUT, and the error names the property. */
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { isTimeZone } from '../../../firewall/calendar/wall-clock';
import { FirewallError } from '../../../firewall/errors';
import { calendar, check } from '../../../firewall/messages';

const root = resolve(__dirname, '..', '..', '..', '..');

const at = (from: unknown, to: unknown) => ({ hours: [{ days: ['mon'], from, to }] });
const on = (...dates: unknown[]) => ({ hours: [], exceptions: dates.map((date) => ({ date, hours: [] })) });
const inZone = (timeZone: unknown) => ({ hours: [], timeZone });
const dates = (count: number) =>
  Array.from({ length: count }, (_, day) => new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10));
const many = (length: number) => Array.from({ length }, () => ({ days: ['mon'], from: '08:00', to: '09:00' }));

const HOSTILE = [
  ...['x'.repeat(4096), '../../etc/localtime', '/etc/localtime', '$(id)', '`id`', '\u0000', 'Europe/Berlin\n'],
  ...['__proto__', 'constructor', '\u202eUTC', '<script>', 'Европа/Берлин', 'Europe/Berlin; id', ' UTC', '٠٨:٠٠'],
];

const cases: [about: string, value: unknown, names: string][] = [
  ...['25:00', '7:00', '07:60', '24:00', '0700', '07:00:00', ' 07:00', '07:00\n', '', 7, null, ...HOSTILE].map(
    (from): [string, unknown, string] => [`a beginning ${name(from)}`, at(from, '12:00'), 'hours.0.from'],
  ),
  ...['25:00', '7:00', '07:60', '24:01', '24:00\n', '-1:00', '', 24, null, ...HOSTILE].map(
    (to): [string, unknown, string] => [`an end ${name(to)}`, at('08:00', to), 'hours.0.to'],
  ),
  ...['2026-02-30', '2027-02-29', '2026-13-01', '2026-00-10', '2026-1-1', '26-01-01', '+002026-01-01'].map(
    (date): [string, unknown, string] => [`the date ${date}`, on('2026-02-28', date), 'exceptions.1.date'],
  ),
  ...['2026-12-24T00:00Z', '2026-12-24\n', '', 20261224, null, new Date(0), ...HOSTILE].map(
    (date): [string, unknown, string] => [`the date ${name(date)}`, on(date), 'exceptions.0.date'],
  ),
  ...['Mars/Olympus', 'Berlin', 'BST', 'ist', 'PST', '+01:00', 'Factory', 'localtime', 1, null, ...HOSTILE].map(
    (timeZone): [string, unknown, string] => [`the zone ${name(timeZone)}`, inZone(timeZone), 'timeZone'],
  ),
  ['a date twice', on('2026-12-24', '2026-12-25', '2026-12-24'), 'exceptions.2.date'],
  ['1,001 exceptions', on(...dates(1001)), 'exceptions'],
  ['101 hours', { hours: many(101) }, 'hours'],
  [
    '101 hours of an exception',
    { hours: [], exceptions: [{ date: '2026-12-24', hours: many(101).map(({ from, to }) => ({ from, to })) }] },
    'exceptions.0.hours',
  ],
  ['days of an exception', { hours: [], exceptions: [{ date: '2026-12-24', hours: many(1) }] }, 'exceptions.0.hours.0'],
  ['no day', { hours: [{ days: [], from: '08:00', to: '09:00' }] }, 'hours.0.days'],
  ['a day twice', { hours: [{ days: ['mon', 'tue', 'mon'], from: '08:00', to: '09:00' }] }, 'hours.0.days'],
  ['an unknown day', { hours: [{ days: ['mon', 'Tue'], from: '08:00', to: '09:00' }] }, 'hours.0.days.1'],
  ['no hours at all', {}, 'hours'],
  ['another property', { hours: [], holidays: [] }, 'the request'],
  ['a megabyte of exceptions', on(...dates(20_000)), 'exceptions'],
  ['a megabyte of hours', { hours: many(25_000) }, 'hours'],
  ['a megabyte of zone', inZone('x'.repeat(1024 * 1024)), 'timeZone'],
  ['a text', 'always', 'the request'],
  ['a list', [], 'the request'],
  ['null', null, 'the request'],
];

function name(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? value.slice(0, 20) : value);
}

describe('A calendar is refused for', () => {
  for (const [about, value, names] of cases) {
    it(about, () =>
      assert.throws(
        () => check(calendar, value),
        (error) => {
          assert.ok(error instanceof FirewallError);
          assert.ok(error.message.startsWith(`INVALID_INPUT: ${names}: `), error.message);
          assert.ok(error.message.length < 500 && !/\p{C}/u.test(error.message), error.message);
          return true;
        },
      ),
    );
  }

  it('an unknown zone, in a sentence that says what it could be', () => {
    assert.throws(() => check(calendar, inZone('Mars/Olympus')), {
      message:
        'INVALID_INPUT: timeZone: must be a time zone like Europe/Berlin that is known here (got "Mars/Olympus"). The firewall was not changed.',
    });
  });
});

describe('A calendar', () => {
  it('has no exceptions and the zone of the device unless it says so', () => {
    assert.deepEqual(check(calendar, { hours: [] }), { hours: [], exceptions: [], timeZone: '' });
  });

  it('may have all that there is room for', () => {
    const full = {
      hours: many(100),
      exceptions: dates(1000).map((date) => ({ date, hours: [{ from: '22:00', to: '24:00' }] })),
      timeZone: 'America/Argentina/ComodRivadavia',
    };
    assert.deepEqual(check(calendar, full), full);
  });

  it('may be of any of IANA’s zones', () => {
    const names = ['Europe/Berlin', 'europe/berlin', 'UTC', 'CET', 'Etc/GMT+12', 'America/Port-au-Prince', 'EST5EDT'];
    assert.deepEqual(
      names.filter((zone) => !isTimeZone(zone)),
      [],
    );
  });

  it('can be asked in a browser: without Node.js, and without the schemas', () => {
    const entry = join(root, 'firewall', 'calendar', 'opening.ts');
    const { metafile } = buildSync({
      ...{ entryPoints: [entry], bundle: true, platform: 'browser', target: 'es2020', write: false, metafile: true },
      absWorkingDir: root,
    });
    const inputs = Object.keys(metafile.inputs).map((path) => path.replace(/[^/]*$/, ''));
    assert.deepEqual([...new Set(inputs)], ['firewall/calendar/']);
  });
});
