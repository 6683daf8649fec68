/** Values as people send them, taken for what the schemas speak of. What is not clearly meant stays as it is, for them to refuse. */

/** So long may a reason be, in characters. */
export const LONGEST_REASON = 500;

const ACTIONS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ...[true, 1, 'true', '1', 'on', 'open'].map((value) => [value, 'open'] as const),
  ...[false, 0, 'false', '0', 'off', 'close', 'closed'].map((value) => [value, 'close'] as const),
  ['toggle', 'toggle'],
  ['limit', 'limit'],
]);

/** The built-in profiles by their labels, in lower case. */
const PROFILE_LABELS: ReadonlyMap<string, string> = new Map([['enhanced security', 'enhanced']]);

/** A text without what tells no two names apart: surrounding blanks, and case. */
export const folded = (text: string): string => text.trim().toLowerCase();

/** `true`, `1` and `"on"` open; `false`, `0` and `"off"` close. */
export const givenAction = (value: unknown): unknown =>
  ACTIONS.get(typeof value === 'string' ? folded(value) : value) ?? value;

/** `true`, `1` and `"on"` start it; `false`, `0` and `"off"` stop it. */
export function givenLearning(value: unknown): unknown {
  const action = givenAction(value);
  return action === 'open' ? 'start' : action === 'close' ? 'stop' : typeof value === 'string' ? folded(value) : value;
}

/** A number, or its digits. */
export const givenNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : value;

/** A profile's name from its name or label; custom profiles have names in lower case, and no labels. */
export const givenProfile = (text: string): string => PROFILE_LABELS.get(folded(text)) ?? folded(text);
