/** Opening hours by the wall clock: over midnight, on exceptional dates, and where clocks jump. */
import assert from 'node:assert/strict';
import { isOpenAt, nextEdge } from '../../../firewall/calendar/opening';
import type { Calendar } from '../../../firewall/messages';
import { calendarOf, edges } from './walls';

interface Case {
  about: string;
  of: Calendar;
  zone?: string;
  from: string;
  until: string;
  edges: string[];
}

function all(cases: readonly Case[]): void {
  for (const { about, of, zone = 'UTC', from, until, edges: expected } of cases) {
    it(about, () => assert.deepEqual(edges(of, zone, from, until), expected));
  }
}

const OFFICE = { 'mon tue wed thu fri': ['08:00-17:00'] };

describe('Opening hours of a week', () => {
  all([
    {
      about: 'begin and end on their days, from a year into the next',
      of: calendarOf(OFFICE),
      ...{ from: '2026-12-31T12:00Z', until: '2027-01-04T12:00Z' },
      edges: ['- 2026-12-31T17:00Z', '+ 2027-01-01T08:00Z', '- 2027-01-01T17:00Z', '+ 2027-01-04T08:00Z'],
    },
    {
      about: 'run over midnight, from Sunday into Monday too',
      of: calendarOf({ sun: ['22:00-06:00'] }),
      ...{ from: '2026-11-22T00:00Z', until: '2026-11-29T00:00Z' },
      edges: ['+ 2026-11-22T22:00Z', '- 2026-11-23T06:00Z'],
    },
    {
      about: 'end at midnight, written either way',
      of: calendarOf({ fri: ['22:00-24:00'], sat: ['22:00-00:00'] }),
      ...{ from: '2026-11-27T00:00Z', until: '2026-12-01T00:00Z' },
      edges: ['+ 2026-11-27T22:00Z', '- 2026-11-28T00:00Z', '+ 2026-11-28T22:00Z', '- 2026-11-29T00:00Z'],
    },
    {
      about: 'last for 24 hours where they end when they begin',
      of: calendarOf({ wed: ['08:30-08:30'], sat: ['00:00-00:00'] }),
      ...{ from: '2026-11-23T00:00Z', until: '2026-11-30T00:00Z' },
      edges: ['+ 2026-11-25T08:30Z', '- 2026-11-26T08:30Z', '+ 2026-11-28T00:00Z', '- 2026-11-29T00:00Z'],
    },
    {
      about: 'are joined where they overlap, touch or lie within each other',
      of: calendarOf({
        mon: ['08:00-12:00', '11:00-13:00', '13:00-15:00', '09:00-10:00', '23:00-24:00'],
        tue: ['00:00-01:00'],
      }),
      ...{ from: '2026-11-23T00:00Z', until: '2026-11-30T00:00Z' },
      edges: ['+ 2026-11-23T08:00Z', '- 2026-11-23T15:00Z', '+ 2026-11-23T23:00Z', '- 2026-11-24T01:00Z'],
    },
    {
      about: 'may name a day in several places',
      of: calendarOf({ 'mon tue': ['08:00-09:00'], 'tue wed': ['08:30-10:00'] }),
      ...{ from: '2026-11-24T00:00Z', until: '2026-11-25T00:00Z' },
      edges: ['+ 2026-11-24T08:00Z', '- 2026-11-24T10:00Z'],
    },
    {
      about: 'are by the clock of the zone',
      of: calendarOf({ mon: ['00:00-01:00'] }),
      zone: 'Pacific/Kiritimati',
      ...{ from: '2026-11-20T00:00Z', until: '2026-11-27T00:00Z' },
      edges: ['+ 2026-11-22T10:00Z', '- 2026-11-22T11:00Z'],
    },
  ]);

  it('are exact to the millisecond, and the end does not belong to them', () => {
    const of = calendarOf(OFFICE);
    const [opens, closes] = [Date.parse('2026-11-27T08:00Z'), Date.parse('2026-11-27T17:00Z')];
    const open = [opens - 1, opens, closes - 1, closes].map((instant) => isOpenAt(of, instant, 'UTC'));
    assert.deepEqual(open, [false, true, true, false]);
    const next = [opens - 1, opens, closes - 1, closes].map((instant) => nextEdge(of, instant, 'UTC'));
    assert.deepEqual(next, [opens, closes, closes, Date.parse('2026-11-30T08:00Z')]);
  });

  it('have no edge where they never begin, or never end', () => {
    const instant = Date.parse('2026-11-27T08:00Z');
    const always = [{ all: ['00:00-24:00'] }, { all: ['09:15-09:15'] }, { all: ['20:00-07:00', '07:00-20:00'] }];
    for (const week of always) {
      assert.equal(isOpenAt(calendarOf(week), instant, 'Europe/Berlin'), true);
      assert.equal(nextEdge(calendarOf(week), instant, 'Europe/Berlin'), null);
    }
    assert.equal(isOpenAt(calendarOf({}), instant, 'Europe/Berlin'), false);
    assert.equal(nextEdge(calendarOf({}), instant, 'Europe/Berlin'), null);
  });

  it('are of no zone that the runtime does not know', () => {
    for (const zone of ['', 'Mars/Olympus']) {
      assert.throws(() => isOpenAt(calendarOf(OFFICE), 0, zone), RangeError);
      assert.throws(() => nextEdge(calendarOf(OFFICE), 0, zone), RangeError);
    }
  });
});

describe('The hours of an exception', () => {
  all([
    {
      about: 'hold instead of those of the week: others, none, or all day',
      of: calendarOf(OFFICE, {
        '2026-12-24': ['08:00-12:00', '13:00-14:00'],
        '2026-12-25': [],
        '2026-12-26': ['00:00-24:00'],
      }),
      ...{ from: '2026-12-24T00:00Z', until: '2026-12-28T00:00Z' },
      edges: [
        ...['+ 2026-12-24T08:00Z', '- 2026-12-24T12:00Z', '+ 2026-12-24T13:00Z', '- 2026-12-24T14:00Z'],
        ...['+ 2026-12-26T00:00Z', '- 2026-12-27T00:00Z'],
      ],
    },
    {
      about: 'begin at midnight, where those of the day before end that would run over it',
      of: calendarOf({ all: ['20:00-04:00'] }, { '2026-12-24': ['06:00-12:00'] }),
      ...{ from: '2026-12-23T12:00Z', until: '2026-12-26T00:00Z' },
      edges: [
        ...['+ 2026-12-23T20:00Z', '- 2026-12-24T00:00Z', '+ 2026-12-24T06:00Z', '- 2026-12-24T12:00Z'],
        ...['+ 2026-12-25T20:00Z'],
      ],
    },
    {
      about: 'run over midnight into a day of the week, whose own hours come too, in whatever order the dates are',
      of: calendarOf({ all: ['08:00-09:00'] }, { '2026-12-25': ['22:00-08:30'], '2026-12-24': ['22:00-03:00'] }),
      ...{ from: '2026-12-24T00:00Z', until: '2026-12-27T00:00Z' },
      edges: ['+ 2026-12-24T22:00Z', '- 2026-12-25T00:00Z', '+ 2026-12-25T22:00Z', '- 2026-12-26T09:00Z'],
    },
    {
      about: 'leave a day that follows only its own hours, without the ones that the week would have run into it',
      of: calendarOf({ thu: ['20:00-04:00'], fri: ['10:00-11:00'] }, { '2026-12-24': [] }),
      ...{ from: '2026-12-24T00:00Z', until: '2026-12-28T00:00Z' },
      edges: ['+ 2026-12-25T10:00Z', '- 2026-12-25T11:00Z'],
    },
    {
      about: 'come on 29 February',
      of: calendarOf({}, { '2028-02-29': ['22:00-01:00'] }),
      ...{ from: '2026-11-27T00:00Z', until: '2099-01-01T00:00Z' },
      edges: ['+ 2028-02-29T22:00Z', '- 2028-03-01T01:00Z'],
    },
    {
      about: 'close what is always open',
      of: calendarOf({ all: ['00:00-24:00'] }, { '2036-12-31': [], '2037-01-01': [] }),
      zone: 'Europe/Berlin',
      ...{ from: '2026-11-27T00:00Z', until: '2099-01-01T00:00Z' },
      edges: ['- 2036-12-30T23:00Z', '+ 2037-01-01T23:00Z'],
    },
    {
      about: 'keep closed for years what is open every week',
      of: calendarOf(
        { mon: ['08:00-09:00'] },
        Object.fromEntries(Array.from({ length: 1000 }, (_, week) => [dateOf('2026-11-30', 7 * week), []])),
      ),
      ...{ from: '2026-11-29T00:00Z', until: '2046-02-01T00:00Z' },
      edges: ['+ 2046-01-29T08:00Z', '- 2046-01-29T09:00Z'],
    },
    {
      about: 'lie thousands of years ahead',
      of: calendarOf({}, { '9999-12-30': ['08:00-09:00'] }),
      zone: 'Europe/Berlin',
      ...{ from: '2026-11-29T00:00Z', until: '9999-12-31T00:00Z' },
      edges: ['+ 9999-12-30T07:00Z', '- 9999-12-30T08:00Z'],
    },
  ]);
});

describe('Opening hours where a clock is put forward', () => {
  const berlin = { zone: 'Europe/Berlin', from: '2026-03-28T12:00Z', until: '2026-03-29T12:00Z' };
  const newYork = { zone: 'America/New_York', from: '2026-03-07T18:00Z', until: '2026-03-08T18:00Z' };
  const stJohns = { zone: 'America/St_Johns', from: '2026-03-07T18:00Z', until: '2026-03-08T18:00Z' };
  const lordHowe = { zone: 'Australia/Lord_Howe', from: '2026-10-03T06:00Z', until: '2026-10-04T06:00Z' };
  const casablanca = { zone: 'Africa/Casablanca', from: '2026-03-21T12:00Z', until: '2026-03-22T12:00Z' };
  const within = calendarOf({ all: ['02:15-02:45'] });
  const beginsWithin = calendarOf({ all: ['02:15-04:00'] });
  const endsWithin = calendarOf({ all: ['01:00-02:30'] });
  all([
    { about: 'do not come within the gap, in Berlin', of: within, ...berlin, edges: [] },
    { about: 'do not come within the gap, in New York', of: within, ...newYork, edges: [] },
    { about: 'do not come within the gap, in St John’s', of: within, ...stJohns, edges: [] },
    { about: 'do not come within the gap, after Ramadan in Casablanca', of: within, ...casablanca, edges: [] },
    {
      about: 'do not come within the gap of half an hour, on Lord Howe Island',
      of: calendarOf({ all: ['02:10-02:20'] }),
      ...{ ...lordHowe, edges: [] },
    },
    {
      about: 'are shorter by the gap’s part of them, on Lord Howe Island',
      ...{ of: within, ...lordHowe, edges: ['+ 2026-10-03T15:30Z', '- 2026-10-03T15:45Z'] },
    },
    {
      about: 'begin with the jump where they would begin in the gap',
      ...{ of: beginsWithin, ...berlin, edges: ['+ 2026-03-29T01:00Z', '- 2026-03-29T02:00Z'] },
    },
    {
      about: 'end with the jump where they would end in the gap',
      ...{ of: endsWithin, ...berlin, edges: ['+ 2026-03-29T00:00Z', '- 2026-03-29T01:00Z'] },
    },
    {
      about: 'begin with the jump in New York too',
      ...{ of: beginsWithin, ...newYork, edges: ['+ 2026-03-08T07:00Z', '- 2026-03-08T08:00Z'] },
    },
    {
      about: 'go on through the gap',
      of: calendarOf({ all: ['22:00-06:00'] }),
      ...{ ...berlin, edges: ['+ 2026-03-28T21:00Z', '- 2026-03-29T04:00Z'] },
    },
  ]);
});

describe('Opening hours where a clock is put back', () => {
  const berlin = { zone: 'Europe/Berlin', from: '2026-10-24T12:00Z', until: '2026-10-25T12:00Z' };
  const newYork = { zone: 'America/New_York', from: '2026-10-31T18:00Z', until: '2026-11-01T18:00Z' };
  const stJohns = { zone: 'America/St_Johns', from: '2026-10-31T18:00Z', until: '2026-11-01T18:00Z' };
  const lordHowe = { zone: 'Australia/Lord_Howe', from: '2026-04-04T06:00Z', until: '2026-04-05T06:00Z' };
  const casablanca = { zone: 'Africa/Casablanca', from: '2026-02-14T12:00Z', until: '2026-02-15T12:00Z' };
  all([
    {
      about: 'come twice within the hour that does, in Berlin',
      of: calendarOf({ all: ['02:15-02:45'] }),
      ...berlin,
      edges: ['+ 2026-10-25T00:15Z', '- 2026-10-25T00:45Z', '+ 2026-10-25T01:15Z', '- 2026-10-25T01:45Z'],
    },
    {
      about: 'come twice within the hour that does, in New York',
      of: calendarOf({ all: ['01:15-01:45'] }),
      ...newYork,
      edges: ['+ 2026-11-01T05:15Z', '- 2026-11-01T05:45Z', '+ 2026-11-01T06:15Z', '- 2026-11-01T06:45Z'],
    },
    {
      about: 'come twice within the hour that does, in St John’s',
      of: calendarOf({ all: ['01:15-01:45'] }),
      ...stJohns,
      edges: ['+ 2026-11-01T03:45Z', '- 2026-11-01T04:15Z', '+ 2026-11-01T04:45Z', '- 2026-11-01T05:15Z'],
    },
    {
      about: 'come twice within the half hour that does, on Lord Howe Island',
      of: calendarOf({ all: ['01:40-01:50'] }),
      ...lordHowe,
      edges: ['+ 2026-04-04T14:40Z', '- 2026-04-04T14:50Z', '+ 2026-04-04T15:10Z', '- 2026-04-04T15:20Z'],
    },
    {
      about: 'come twice within the hour that does, before Ramadan in Casablanca',
      of: calendarOf({ all: ['02:15-02:45'] }),
      ...casablanca,
      edges: ['+ 2026-02-15T01:15Z', '- 2026-02-15T01:45Z', '+ 2026-02-15T02:15Z', '- 2026-02-15T02:45Z'],
    },
    {
      about: 'end twice where they end in it, and begin again with the jump',
      of: calendarOf({ all: ['01:30-02:30'] }),
      ...berlin,
      edges: ['+ 2026-10-24T23:30Z', '- 2026-10-25T00:30Z', '+ 2026-10-25T01:00Z', '- 2026-10-25T01:30Z'],
    },
    {
      about: 'begin twice where they begin in it, and end with the jump',
      of: calendarOf({ all: ['02:30-04:00'] }),
      ...berlin,
      edges: ['+ 2026-10-25T00:30Z', '- 2026-10-25T01:00Z', '+ 2026-10-25T01:30Z', '- 2026-10-25T03:00Z'],
    },
    {
      about: 'come again on a date to which the clock goes back, in Havana',
      of: calendarOf({}, { '2026-11-01': ['00:00-00:30'] }),
      zone: 'America/Havana',
      ...{ from: '2026-10-31T18:00Z', until: '2026-11-01T18:00Z' },
      edges: ['+ 2026-11-01T04:00Z', '- 2026-11-01T04:30Z', '+ 2026-11-01T05:00Z', '- 2026-11-01T05:30Z'],
    },
    {
      about: 'come again on the day before, where midnight comes twice, in Asunción',
      of: calendarOf({}, { '2024-03-23': ['23:15-23:45'] }),
      zone: 'America/Asuncion',
      ...{ from: '2024-03-23T18:00Z', until: '2024-03-24T18:00Z' },
      edges: ['+ 2024-03-24T02:15Z', '- 2024-03-24T02:45Z', '+ 2024-03-24T03:15Z', '- 2024-03-24T03:45Z'],
    },
  ]);
});

describe('Opening hours where a date is left out, or comes twice', () => {
  const apia = { zone: 'Pacific/Apia', from: '2011-12-29T12:00Z', until: '2011-12-31T00:00Z' };
  all([
    {
      about: 'do not come on the Friday that Samoa left out',
      of: calendarOf({ fri: ['08:00-12:00'] }, { '2011-12-30': ['00:00-24:00'] }),
      ...{ ...apia, edges: [] },
    },
    {
      about: 'of that Friday that run over midnight come with the jump',
      of: calendarOf({ fri: ['22:00-02:00'] }),
      ...{ ...apia, edges: ['+ 2011-12-30T10:00Z', '- 2011-12-30T12:00Z'] },
    },
    {
      about: 'of every night last through the night of the jump',
      of: calendarOf({ all: ['20:00-06:00'] }),
      ...{ ...apia, edges: ['- 2011-12-29T16:00Z', '+ 2011-12-30T06:00Z', '- 2011-12-30T16:00Z'] },
    },
    {
      about: 'are another day’s after the jump',
      of: calendarOf({ thu: ['08:00-24:00'], sat: ['00:00-04:00'] }),
      ...{ ...apia, edges: ['+ 2011-12-29T18:00Z', '- 2011-12-30T14:00Z'] },
    },
    {
      about: 'come twice on the day that Kwajalein had twice',
      of: calendarOf({}, { '1969-09-30': ['12:00-13:00'] }),
      zone: 'Pacific/Kwajalein',
      ...{ from: '1969-09-29T12:00Z', until: '1969-10-03T00:00Z' },
      edges: ['+ 1969-09-30T01:00Z', '- 1969-09-30T02:00Z', '+ 1969-10-01T00:00Z', '- 1969-10-01T01:00Z'],
    },
  ]);
});

/** The date so many days after another. */
function dateOf(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 24 * 3_600_000).toISOString().slice(0, 10);
}
