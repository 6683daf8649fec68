import { strict as assert } from 'node:assert';
import * as fc from 'fast-check';
import { describe, it } from 'mocha';
import { understood } from '../../../firewall/state/own-file';
import {
  formatSchedule,
  NOTHING_SCHEDULED,
  parseSchedule,
  SCHEDULE,
  type Schedule,
} from '../../../firewall/state/schedule';
import { inWords } from '../in-words';
import { kept } from './kept';

const text = (value: unknown): string => Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');

describe('The schedule', () => {
  it('of a version that did not keep the profile is read, and names none', () => {
    const old = '{ "pending": null, "leases": [] }';
    assert.deepEqual(parseSchedule(old), NOTHING_SCHEDULED);
  });

  it('that says nothing is an empty file, and one that names a profile is not', () => {
    assert.equal(formatSchedule(NOTHING_SCHEDULED), '');
    const wanted = { profile: 'enhanced', optionalServices: 'keep' } as const;
    const named = { ...NOTHING_SCHEDULED, wanted };
    assert.deepEqual(parseSchedule(formatSchedule(named)), named);
  });

  it('of 1.0.0 gives what waits, what is for a while, the profile, and the operator’s request', () => {
    const { pending, leases, wanted, lastRequest } = parseSchedule(kept('schedule.json'));
    assert.deepEqual(
      [pending?.action, pending?.guard, pending?.request, lastRequest?.id],
      ['toggle-service close mqtt', 'node-red', 'request-1', 'request-1'],
    );
    assert.deepEqual(wanted, { profile: 'enhanced', optionalServices: 'keep' });
    const tuple = (address: string) => `### tuple ### allow tcp 22 ${address} any ${address} in`;
    assert.deepEqual(
      leases.map(({ service, end }) => [service, end]),
      [
        [
          'ssh',
          {
            kind: 'undo',
            patch: [
              { family: 'ipv4', added: [], removed: [{ tuple: tuple('0.0.0.0/0'), after: null, at: 0 }] },
              { family: 'ipv6', added: [], removed: [{ tuple: tuple('::/0'), after: null, at: 0 }] },
            ],
          },
        ],
        [
          '9100/tcp',
          {
            kind: 'undo',
            patch: [
              {
                family: 'ipv4',
                added: ['### tuple ### allow tcp 9100 0.0.0.0/0 any 192.0.2.0/24 in'],
                removed: [],
              },
            ],
          },
        ],
        [
          'web ports',
          {
            kind: 'drop-old-web-ports',
            change: { http: { from: 80, to: 80 }, https: { from: 443, to: 1443 }, fixRedirect: true },
          },
        ],
      ],
    );
    const [lease] = parseSchedule(kept('schedule-with-unit.json')).leases;
    assert.deepEqual(lease?.end.kind === 'undo' && lease.end.unit, {
      name: 'ssh.service',
      from: { enabled: true, active: true },
      to: { enabled: false, active: false },
    });
  });

  it('is on disk what 1.0.0 wrote, with a version: that version understands it too', () => {
    for (const name of ['schedule.json', 'schedule-with-unit.json']) {
      const { version, ...content } = JSON.parse(formatSchedule(parseSchedule(kept(name))));
      assert.equal(version, 1);
      assert.deepEqual(content, JSON.parse(kept(name)));
    }
  });

  it('loses nothing of what is right in it to what is wrong, and says what is', () => {
    const whole = parseSchedule(kept('schedule.json'));
    const content = JSON.parse(kept('schedule.json'));
    const cases: [object, Partial<Schedule>, RegExp][] = [
      [{ leases: null }, { leases: [] }, /^leases: /],
      [{ pending: { id: 'x' } }, { pending: null }, /^pending\.id: /],
      [{ pending: { ...content.pending, id: '../../etc/passwd' } }, { pending: null }, /^pending\.id: /],
      [{ pending: [] }, { pending: null }, /^pending: /],
      [{ wanted: 'enhanced' }, { wanted: null }, /^wanted: /],
      [{ lastRequest: { id: 'a b' } }, { lastRequest: null }, /^lastRequest\.id: /],
      [
        { leases: [content.leases[0], 7, { ...content.leases[1], deadline: null }, content.leases[2]] },
        { leases: [whole.leases[0], whole.leases[2]] as Schedule['leases'] },
        /^leases\.1: .*; and 1 more$/,
      ],
    ];
    for (const [change, left, flaw] of cases) {
      const found = understood(SCHEDULE, text({ ...content, ...change }));
      assert.deepEqual(found.value, { ...whole, ...left });
      assert.match(inWords(found.flaw), flaw);
    }
  });

  it('with any entries among its leases keeps each that is right', () => {
    const { leases } = parseSchedule(kept('schedule.json'));
    const content = JSON.parse(kept('schedule.json'));
    const good = fc.nat({ max: leases.length - 1 }).map((at) => ({ at, entry: content.leases[at] }));
    const bad = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom('id', 'service', 'key', 'deadline', 'end').map((key) => ({ ...content.leases[0], [key]: null })),
    );
    const entry = fc.oneof(
      good,
      bad.map((one) => ({ at: null, entry: one })),
    );
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const found = understood(SCHEDULE, text({ ...content, leases: entries.map((one) => one.entry) }));
        assert.deepEqual(
          found.value?.leases,
          entries.flatMap(({ at }) => (at === null ? [] : [leases[at]])),
        );
        assert.equal(found.flaw === null, !entries.some(({ at }) => at === null));
        assert.notEqual(found.value?.pending, null);
      }),
    );
  });

  it('starts and stops no unit but a service’s own', () => {
    for (const name of ['evil.service', 'ssh', '../ssh.service', '--now', '']) {
      const content = JSON.parse(kept('schedule-with-unit.json'));
      content.leases[0].end.unit.name = name;
      const { value, flaw } = understood(SCHEDULE, text(content));
      assert.deepEqual(value?.leases, []);
      assert.match(inWords(flaw), /^leases\.0\.end\.unit\.name: must be a unit of a service/);
    }
  });

  it('has no moment that no date can be made of', () => {
    for (const deadline of [{ at: 1e300 }, { setAt: -1e300 }, { uptime: 1e300 }, { uptime: -1 }, { at: 'soon' }]) {
      const content = JSON.parse(kept('schedule.json'));
      Object.assign(content.pending.deadline, deadline);
      assert.equal(understood(SCHEDULE, text(content)).value?.pending, null);
    }
    // JSON knows no greater number than there is, and reads one all the same.
    const endless = kept('schedule.json').replace(/"at": 17\d+/, '"at": 1e999');
    assert.equal(understood(SCHEDULE, endless).value?.pending, null);
  });
});
