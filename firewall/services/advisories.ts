/** Known holes of the device's own software, and what a CSAF document says of one. */
import type { Csaf } from '../csaf';
import { type Sentence, say } from '../errors';
import type { Severity } from '../results';

export interface Advisory {
  id: string;
  cves: readonly string[];
  /** What it is about: a text is a document's, and may be anything. */
  title: Sentence | string;
  severity: Severity;
  /** The ids of the services through which it is reached; null where nobody says. */
  services: readonly string[] | null;
  /** The versions that have it, such as `<4.60.023` or `>=4.50 <4.60`; one that is not understood is any. */
  affected: readonly string[];
  /** The first version without it; null where nobody says. */
  fixed: string | null;
  reference: string | null;
}

/** By their CSAF identifiers at CISA (https://www.cisa.gov/news-events/cybersecurity-advisories). */
export const ADVISORIES: readonly Advisory[] = [
  {
    id: 'ICSA-26-050-01',
    cves: ['CVE-2026-20761', 'CVE-2026-22885'],
    title: say`LON IP-852 management messages run commands on the device, without a password`,
    severity: 'high',
    services: ['lon', 'lon-ip70'],
    affected: ['<4.60.023'],
    fixed: '4.60.023',
    reference: 'https://www.cisa.gov/news-events/ics-advisories/icsa-26-050-01',
  },
];

/** What is known with these documents; one of a known id says anew which versions have the hole. */
export function advisoriesWith(documents: readonly Csaf[]): Advisory[] {
  const told = documents.map(advisoryOf);
  return [...ADVISORIES.filter(({ id }) => !told.some((one) => one.id === id)), ...told];
}

function advisoryOf({ id, title, cves, severity, affected, fixed, reference }: Csaf): Advisory {
  const known = ADVISORIES.find((one) => one.id === id);
  return { id, title, cves, severity, affected, fixed, reference, services: known?.services ?? null };
}

/** Whether a version has the hole; null where that cannot be told, as when nobody knows the version. */
export function isAffected({ affected }: Pick<Advisory, 'affected'>, version: string): boolean | null {
  if (version === '') return null;
  const judged = affected.map((range) => isWithin(version, range));
  if (judged.includes(true)) return true;
  return judged.includes(null) ? null : false;
}

/** Whether a version is in all bounds of a range; null where it is not understood. */
function isWithin(version: string, range: string): boolean | null {
  const bounds = range
    .replace(/^vers:[a-z]+\//, '')
    .split(/[\s|,]+/)
    .filter(Boolean)
    .map((bound) => /^(<=|>=|<|>|=)?[vV]?(\d+(?:\.\d+)*)$/.exec(bound));
  if (bounds.length === 0 || bounds.includes(null)) return null;
  return bounds.every((bound) => {
    const order = compared(version, bound?.[2] ?? '');
    switch (bound?.[1]) {
      case '<=':
        return order <= 0;
      case '>=':
        return order >= 0;
      case '<':
        return order < 0;
      case '>':
        return order > 0;
      default:
        return order === 0;
    }
  });
}

/** Below 0 where the first version is the earlier one, 0 where they are the same: `4.60.23` is `4.60.023`. */
function compared(one: string, other: string): number {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number)) as [number[], number[]];
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
