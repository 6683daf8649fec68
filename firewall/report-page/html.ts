/** HTML in which nothing but its templates is markup: every value is escaped, on one line, and bounded. */
import { onOneLine } from '../printable';

/** No text from outside is shown at greater length. */
const LONGEST = 500;

/** Markup that a template has made. */
export class Markup {
  constructor(readonly text: string) {}
}

type Value = string | number | Markup | readonly Markup[] | null | false;

/** Control and bidirectional characters become visible; what is cut says so. */
export const plain = (text: string, longest = LONGEST): string =>
  onOneLine(text, longest) + (text.length > longest ? '…' : '');

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;' },
  ...{ '"': '&quot;', "'": '&#39;' },
};

function rendered(value: Value): string {
  if (value === null || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return plain(String(value)).replace(/[&<>"']/g, (one) => ESCAPES[one] ?? one);
}

export const html = (parts: TemplateStringsArray, ...values: Value[]): Markup =>
  new Markup(parts.map((part, at) => part + (at < values.length ? rendered(values[at] ?? null) : '')).join(''));
