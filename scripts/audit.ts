/**
 * `npm run audit`: asks the registry for known vulnerabilities in what users get, and whether it signed each package of the
 * tree. Exits with 1 if something was found, and with 2 if there was no response, which is not the same as clean.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

export interface Audit {
  /** The command, as one would type it. */
  asked: string;
  verdict: 'clean' | 'found' | 'unanswered';
  /** The outcome, in a few words. */
  said: string;
}

/** The relevant part of npm's `--json` output; if it could not reach the registry it has `error`, and perhaps `message`. */
interface Report {
  vulnerabilities?: Record<string, { severity: string }>;
  invalid?: readonly Signed[];
  missing?: readonly Signed[];
  message?: string;
  error?: { code?: string; summary?: string };
}
interface Signed {
  name: string;
  version: string;
}

/** Only the project's dependencies are bundled: its tools never reach a user. */
const ADVISORIES = ['audit', '--omit=dev'];
const SIGNATURES = ['audit', 'signatures'];

/** Runs both. @param folder contains the lock file and the packages installed by it */
export function audits(folder: string): Audit[] {
  return [advisoriesIn(answer(folder, ADVISORIES)), signaturesIn(answer(folder, SIGNATURES))];
}

/** npm's output. */
function answer(folder: string, args: readonly string[]): string {
  const { stdout } = spawnSync('npm', [...args, '--json', '--fetch-retries=1'], { cwd: folder, encoding: 'utf8' });
  return stdout ?? '';
}

/** What `npm audit --json` printed. */
export function advisoriesIn(printed: string): Audit {
  const asked = `npm ${ADVISORIES.join(' ')}`;
  const report = parsed(printed);
  const { vulnerabilities } = report;
  if (report.error || !vulnerabilities) return { asked, verdict: 'unanswered', said: reasonOf(report, printed) };
  const found = Object.entries(vulnerabilities).map(([name, { severity }]) => `${name} (${severity})`);
  if (found.length > 0) return { asked, verdict: 'found', said: found.join(', ') };
  return { asked, verdict: 'clean', said: 'no known vulnerability in what users get' };
}

/** What `npm audit signatures --json` printed. */
export function signaturesIn(printed: string): Audit {
  const asked = `npm ${SIGNATURES.join(' ')}`;
  const report = parsed(printed);
  const { invalid, missing } = report;
  if (report.error || !invalid || !missing) {
    return { asked, verdict: 'unanswered', said: reasonOf(report, printed) };
  }
  const named = (list: readonly Signed[], what: string) =>
    list.map(({ name, version }) => `${name}@${version} ${what}`);
  const found = [...named(invalid, 'has a wrong signature'), ...named(missing, 'has no signature')];
  if (found.length > 0) return { asked, verdict: 'found', said: found.join(', ') };
  return { asked, verdict: 'clean', said: 'the registry signed each package' };
}

function parsed(printed: string): Report {
  try {
    return JSON.parse(printed);
  } catch {
    return {};
  }
}

const reasonOf = ({ message, error }: Report, printed: string): string =>
  message || error?.summary || error?.code || printed.trim().slice(0, 200) || 'npm printed nothing';

/** What is wrong with the answers, one sentence each. */
export function auditFaults(answers: readonly Audit[]): string[] {
  return answers.flatMap(({ asked, verdict, said }) => {
    if (verdict === 'clean') return [];
    if (verdict === 'found') return [`${asked} found: ${said}.`];
    return [`${asked} was not answered (${said}), so nothing is known.`];
  });
}

if (require.main === module) {
  const answers = audits(resolve(__dirname, '..', '..'));
  for (const { asked, verdict, said } of answers) process.stdout.write(`${asked}: ${verdict}: ${said}\n`);
  const verdicts = answers.map(({ verdict }) => verdict);
  process.exitCode = verdicts.includes('found') ? 1 : verdicts.includes('unanswered') ? 2 : 0;
}
