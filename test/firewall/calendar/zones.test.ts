/**
 * Calendars in every time zone, around every jump of its clock from 2026 to 2036: as oracle.py works them out, from Debian's
 * time zones and by rules of its own.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { isOpenAt, nextEdge } from '../../../firewall/calendar/opening';
import { isTimeZone } from '../../../firewall/calendar/wall-clock';
import { type Calendar, calendar, check } from '../../../firewall/messages';
import { ensurePackages } from '../../device/packages';
import { offsetOf } from './walls';

const ORACLE = resolve(__dirname, '..', '..', '..', '..', 'test', 'firewall', 'calendar', 'oracle.py');

/** The zones whose edges are compared too. */
const SAMPLE = [
  ...['Europe/Berlin', 'Europe/London', 'Europe/Chisinau', 'America/New_York', 'America/St_Johns', 'America/Havana'],
  ...['America/Santiago', 'America/Nuuk', 'Africa/Casablanca', 'Africa/Cairo', 'Asia/Gaza', 'Asia/Beirut'],
  ...['Australia/Lord_Howe', 'Pacific/Chatham', 'Pacific/Easter', 'Antarctica/Troll'],
];

interface Answer {
  zone: string;
  probes: number[];
  offsets: number[];
  calendars: Calendar[];
  open: string[];
  windows: { from: number; until: number; edges: number[][] }[];
}

function isKnownToRuntime(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }) !== undefined;
  } catch {
    return false;
  }
}

/** The places of the probes at which Debian and the runtime have the same time; their versions of the zones may differ. */
const agreed = ({ zone, probes, offsets }: Answer): number[] =>
  probes.flatMap((instant, at) => (offsetOf(instant, zone) === (offsets[at] ?? 0) * 1000 ? [at] : []));

describe('In every time zone', function () {
  this.timeout(120_000);
  const all: Answer[] = [];
  /** Those that the runtime has too. */
  let answers: Answer[] = [];
  const places = new Map<Answer, number[]>();
  const isDisputed = (answer: Answer): boolean => places.get(answer)?.length !== answer.probes.length;

  before(async () => {
    await ensurePackages('zones');
    const { stdout } = await promisify(execFile)('python3', [ORACLE, ...SAMPLE], { maxBuffer: 100 * 1024 * 1024 });
    for (const line of stdout.trimEnd().split('\n')) {
      const answer = JSON.parse(line) as Answer;
      all.push({ ...answer, calendars: answer.calendars.map((one) => check(calendar, one)) });
    }
    answers = all.filter(({ zone }) => isKnownToRuntime(zone));
    for (const answer of answers) places.set(answer, agreed(answer));
  });

  it('a calendar may be, if the runtime knows it', () => {
    assert.ok(answers.length > 400, `${answers.length} zones`);
    assert.deepEqual(
      all.map(({ zone }) => zone).filter((zone) => isTimeZone(zone) !== isKnownToRuntime(zone)),
      [],
    );
  });

  it('Debian and the runtime have the same time, up to a few in which their versions differ', () => {
    const disputed = answers.filter(isDisputed).map(({ zone }) => zone);
    const versions = `the runtime’s zones are those of ${process.versions.tz}`;
    assert.ok(disputed.length < answers.length * 0.05, `${disputed.join(', ')}: another time there; ${versions}`);
  });

  it('a calendar is open when the oracle says so', () => {
    let compared = 0;
    const wrong: string[] = [];
    for (const answer of answers) {
      for (const [which, one] of answer.calendars.entries()) {
        for (const at of places.get(answer) ?? []) {
          const instant = answer.probes[at] ?? Number.NaN;
          compared++;
          if (isOpenAt(one, instant, answer.zone) === (answer.open[which]?.[at] === '1')) continue;
          wrong.push(`${answer.zone} ${new Date(instant).toISOString()} calendar ${which}`);
        }
      }
    }
    assert.deepEqual(wrong.slice(0, 20), []);
    assert.ok(compared > 500_000, `${compared} compared`);
  });

  it('a calendar’s edges are those of the oracle', () => {
    const sample = answers.filter((answer) => SAMPLE.includes(answer.zone) && !isDisputed(answer));
    let compared = 0;
    for (const { zone, calendars, windows } of sample) {
      for (const { from, until, edges } of windows) {
        for (const [which, one] of calendars.entries()) {
          const found: number[] = [];
          for (let edge = nextEdge(one, from, zone); edge !== null && edge <= until; edge = nextEdge(one, edge, zone)) {
            found.push(edge);
          }
          assert.deepEqual(found, edges[which], `${zone} from ${new Date(from).toISOString()} calendar ${which}`);
          compared += found.length;
        }
      }
    }
    assert.ok(sample.length > SAMPLE.length / 2, `${sample.length} zones`);
    assert.ok(compared > 5000, `${compared} compared`);
  });
});
