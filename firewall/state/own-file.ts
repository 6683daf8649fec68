/**
 * What this package keeps on disk: JSON that says of which version it is, read through a schema. A file that cannot be
 * understood is no error: what of it can be is given, and why not the rest, so that whoever reads it goes on.
 *
 * A form's version rises when an older program would do something wrong with the file, and then the older program sets
 * the file aside. What an older program may as well not know needs no new version: it reads past it. 1.0.0 said no
 * version; what it wrote is of version 1.
 */
import type * as z from 'zod/mini';
import { phrase, type Sentence, say, sentenceOf } from '../errors';
import { faultIn } from '../messages';

/** How the value of one kind of file is written, and read again. */
export interface Form<Value> {
  version: number;
  /** What an empty file says; left out: an empty one is damaged. */
  empty?: Value;
  /** The content of a text that is not JSON, as 1.0.0 may have written it. */
  ofText?(text: string): Content;
  /** What can be understood of the content, or null for nothing of it. What cannot be is said to `flaws`. */
  read(content: Content, flaws: Sentence[]): Value | null;
  /** The content, or null where the file is to be empty. */
  write(value: Value): Content | null;
}

/** A file's properties, whatever they are. */
type Content = Readonly<Record<string, unknown>>;

export interface Understood<Value> {
  /** What can be understood; null where nothing can. */
  value: Value | null;
  /** Why not everything can be understood; null where it can. */
  flaw: Sentence | null;
}

/** What a file's text (UTF-8 as latin1) says. */
export function understood<Value>(form: Form<Value>, latin1: string): Understood<Value> {
  const text = Buffer.from(latin1, 'latin1').toString('utf8');
  if (form.empty !== undefined && text.trim() === '') return { value: form.empty, flaw: null };
  const content = contentOf(form, text);
  if (!isContent(content)) return misunderstood(text === '' ? say`it is empty` : say`it holds no JSON object`);
  const { version = 1 } = content;
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1)
    return misunderstood(say`its version must be a whole number from 1`);
  if (version > form.version) {
    return misunderstood(
      say`a later version of this package wrote it: it is of version ${version}, and this one knows ${form.version}`,
    );
  }
  const flaws: Sentence[] = [];
  const value = form.read(content, flaws);
  const [first = null] = flaws;
  return { value, flaw: first !== null && flaws.length > 1 ? say`${first}; and ${flaws.length - 1} more` : first };
}

const misunderstood = (flaw: Sentence): Understood<never> => ({ value: null, flaw });

function contentOf({ ofText }: Form<unknown>, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is wrong with it as JSON helps nobody: the flaw is that it is none.
    return ofText?.(text);
  }
}

const isContent = (value: unknown): value is Content =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A file's text (UTF-8 as latin1) for a value. */
export function textFor<Value>(form: Form<Value>, value: Value): string {
  const content = form.write(value);
  if (content === null) return '';
  const text = `${JSON.stringify({ version: form.version, ...content }, null, 2)}\n`;
  return Buffer.from(text, 'utf8').toString('latin1');
}

const NOT_UNDERSTOOD = phrase`not understood`;

/** What a schema makes of one entry of a file; null, and its flaw said, where it understands it not. */
export function entryOf<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  where: string,
  flaws: Sentence[],
): z.output<Schema> | null {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, issue } = faultIn(parsed.error);
  const place = [where, path].filter(Boolean).join('.');
  const message = sentenceOf(issue?.message ?? NOT_UNDERSTOOD);
  flaws.push(place ? say`${place}: ${message}` : message);
  return null;
}

/** Behind so many flaws a file is not looked at any further: it may hold millions. */
const MOST_FLAWS = 1000;

/** Those of a file's entries that a schema understands; the flaws of the others are said. */
export function entriesOf<Schema extends z.ZodMiniType>(
  schema: Schema,
  list: unknown,
  where: string,
  flaws: Sentence[],
): z.output<Schema>[] {
  if (!Array.isArray(list)) {
    flaws.push(say`${where}: must be a list`);
    return [];
  }
  return list.flatMap((value, at) => {
    if (flaws.length >= MOST_FLAWS) return [];
    const entry = entryOf(schema, value, `${where}.${at}`, flaws);
    return entry === null ? [] : [entry];
  });
}
