/** Who gets through to what, as a picture in SVG: as wide as a phone, so that it is read there without being made smaller. */
import { html, Markup, plain } from './html';

export interface Flow {
  /** One box at the left for each text. */
  who: string;
  /** Everybody: drawn in another colour, and with a thicker line. */
  isAll: boolean;
  what: string;
  ports: string;
}

const WIDTH = 360;
const BOX = 128;
const ROW = 44;
const HEIGHT = 36;
const RIGHT = 196;

/** @param id of the picture in the page */
export function picture(id: string, title: string, description: string, flows: readonly Flow[]): Markup {
  const groups = new Map<string, Flow[]>();
  // Everybody first.
  const ordered = [...flows].sort((one, other) => Number(other.isAll) - Number(one.isAll));
  for (const flow of ordered) groups.set(flow.who, [...(groups.get(flow.who) ?? []), flow]);
  const parts: Markup[] = [];
  let row = 0;
  for (const [who, members] of groups) {
    const middle = (row + (members.length - 1) / 2) * ROW + HEIGHT / 2 + 2;
    const kind = new Markup(members[0]?.isAll ? 'all' : 'some');
    for (const { what, ports } of members) {
      const y = row * ROW + HEIGHT / 2 + 2;
      const bend = (BOX + RIGHT) / 2;
      parts.push(
        html`<path class="line ${kind}" d="M${BOX} ${middle}C${bend} ${middle} ${bend} ${y} ${RIGHT - 6} ${y}"/><path class="tip ${kind}" d="M${RIGHT} ${y}l-8 -4v8z"/>`,
        html`<rect class="box" x="${RIGHT}" y="${y - HEIGHT / 2}" width="${WIDTH - RIGHT - 1}" height="${HEIGHT}" rx="5"/><text x="${RIGHT + 8}" y="${y - 3}">${fitting(what, 23)}</text><text class="small" x="${RIGHT + 8}" y="${y + 12}">${fitting(ports, 25)}</text>`,
      );
      row += 1;
    }
    const lines = wrapped(who, 19);
    parts.push(
      html`<rect class="box ${kind}" x="1" y="${middle - HEIGHT / 2}" width="${BOX - 1}" height="${HEIGHT}" rx="5"/>`,
      ...lines.map(
        (line, at) => html`<text x="9" y="${middle + 4 + (at - (lines.length - 1) / 2) * 14}">${line}</text>`,
      ),
    );
  }
  const height = Math.max(row * ROW, 10);
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}-title ${id}-text"><title id="${id}-title">${title}</title><desc id="${id}-text">${new Markup(plainText(description))}</desc>${parts}</svg>`;
}

/** A description may be long: it is what a reader who cannot see the picture gets. */
const plainText = (text: string): string =>
  html`${[...(text.match(/[\s\S]{1,400}/gu) ?? [])].map((part) => html`${part}`)}`.text;

/** How wide a character is, about, in halves of a wide one. */
const widthOf = (text: string): number =>
  [...text].reduce(
    (sum, one) =>
      sum +
      (/[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f000}-\u{3ffff}]/u.test(one)
        ? 1.8
        : /[WMm@%]/.test(one)
          ? 1.6
          : /[A-Z]/.test(one)
            ? 1.25
            : 1),
    0,
  );

/** As much of the text as there is room for. */
function fitting(text: string, room: number): string {
  const shown = [...plain(text)];
  if (widthOf(shown.join('')) <= room) return shown.join('');
  while (shown.length > 0 && widthOf(shown.join('')) > room - 1) shown.pop();
  // Not within a word, if a good part of it is left; U+3001 and U+FF08 are Japanese for a comma and a bracket.
  const cut = shown.join('');
  const whole = cut.replace(/[\s,\u3001]*[(\uff08\s,\u3001][^(\uff08\s,\u3001]*$/u, '');
  return `${whole.length >= cut.length / 3 ? whole : cut}…`;
}

/** In two lines at most. */
function wrapped(text: string, room: number): string[] {
  const shown = plain(text);
  if (widthOf(shown) <= room) return [shown];
  const words = shown.split(' ');
  let first = '';
  while (words.length > 1 && widthOf(`${first} ${words[0]}`) <= room) first = `${first} ${words.shift()}`.trim();
  if (first !== '') return [first, fitting(words.join(' '), room)];
  const characters = [...shown];
  while (characters.length > 0 && widthOf(first + characters[0]) <= room) first += characters.shift();
  return [first, fitting(characters.join(''), room)];
}
