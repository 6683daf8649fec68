/**
 * What was refused, in the ledger: so few of them that nobody can have the ledger cut by asking for what is refused. Equal
 * ones that follow soon are counted, and the next entry says how many they were.
 */
import * as z from 'zod/mini';
import { codeOf, sentenceOfError } from '../errors';
import { time } from '../host/clock';
import { replaceShared } from '../host/files';
import { readOwn } from '../host/own-files';
import type { By, Source } from '../ledger/source';
import type { Settings } from '../messages';
import { entryOf, type Form, textFor } from '../state/own-file';
import { ownFile } from './journal';
import { record } from './transaction';

/** It goes with the boot, as the uptime does that it is measured by; and no disk is worn by a flood. */
const PATH = '/run/smartserver-firewall.refusals';

/** An equal one is entered again only after so long, and so many are in so long, in seconds. */
const EQUAL_S = 600;
const MOST = 12;
const PERIOD_S = 3600;

const refusals = z.object({
  /** Those that were entered lately, and at which uptime in seconds. */
  entered: z.array(z.object({ key: z.string(), at: z.number() })),
  /** How many were not since. */
  held: z.int(),
});
type Refusals = z.infer<typeof refusals>;

const REFUSALS: Form<Refusals> = {
  version: 1,
  read: (content, flaws) => entryOf(refusals, content, '', flaws),
  write: (value) => value,
};

/** Without the lock nothing can be entered, and who cannot get it for a change would wait for it once more. */
const UNENTERED: readonly unknown[] = ['BUSY', 'STOPPED', 'TIMEOUT'];

/** What was asked for, and which services that is about. */
export interface Refused {
  action: string;
  services: readonly string[];
}

/** Enters that a request was refused, or failed. @param more how many equal ones are not asked to be entered */
export async function enterRefusal(
  settings: Settings,
  by: By,
  { action, services }: Refused,
  error: unknown,
  more = 0,
): Promise<void> {
  const code = codeOf(error);
  if (UNENTERED.includes(code)) return;
  const result = typeof code === 'string' ? code : 'INTERNAL';
  const at = await time.uptime();
  const known = (await readOwn(PATH, REFUSALS)).value ?? { entered: [], held: 0 };
  const recent = known.entered.filter((one) => one.at <= at && at - one.at < PERIOD_S);
  const key = [result, whoIn(by.source), ...services].join(' ');
  const isHeld = recent.length >= MOST || recent.some((one) => one.key === key && at - one.at < EQUAL_S);
  const next = isHeld
    ? { entered: recent, held: known.held + 1 + more }
    : { entered: [...recent, { key, at }], held: 0 };
  await replaceShared(ownFile(PATH, textFor(REFUSALS, next)));
  if (isHeld) return;
  const said = { note: sentenceOfError(error), repeated: known.held + more };
  await record(settings, () => [{ type: 'refusal', ...by, action, services: [...services], result, ...said }]);
}

function whoIn(source: Source): string {
  if (source.kind === 'flow') return `flow ${source.node}`;
  if (source.kind === 'operator') return `operator ${source.name}`;
  return source.kind === 'console' ? `console ${source.user}` : source.kind;
}
