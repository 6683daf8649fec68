/**
 * What the engine says, in the language of who reads it. The engine itself speaks English, and keeps its sentences taken apart
 * into template and values; a language is a list of templates, and what has none in it stays English.
 */
import { actionSentence } from './action';
import { rendered, type Sentence } from './errors';
import de from './languages/de.json';
import ja from './languages/ja.json';
import { nameOf } from './services/catalogue';

export const LANGUAGES = ['en', 'de', 'ja'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Per language, the translations of sentences by their template. */
const TEXTS: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  Object.entries({ de, ja }).map(([language, texts]) => [language, new Map(Object.entries(texts))]),
);

/** A sentence in a language; in one that is not known, in English. */
export function sentenceIn(language: string, sentence: Sentence): string {
  const texts = TEXTS.get(language);
  return rendered(sentence, (template) => texts?.get(template) ?? template);
}

/** An error in a language: its code, and its sentences. */
export const errorIn = (language: string, { code, said }: { code: string; said: readonly Sentence[] }): string =>
  [`${code}:`, ...said.map((sentence) => sentenceIn(language, sentence))].join(' ');

/** A service's name in a language; one that somebody has given it is left as it is. */
export const labelIn = (language: string, service: Named): string => sentenceIn(language, nameOf(service));

interface Named {
  id: string;
  label: string;
}

/** What a change says it does, in a language. @param services those whose names are known */
export const actionIn = (language: string, action: string, services: readonly Named[]): string =>
  sentenceIn(
    language,
    actionSentence(action, (id) => nameOf(services.find((one) => one.id === id) ?? { id, label: id })),
  );

/**
 * Says texts in a language which are, or are not, among the sentences that came beside them: what is not, somebody else has
 * written, and it stays as it is.
 */
export function textsIn(language: string, said: readonly Sentence[]): (text: string) => string {
  const known = new Map(said.map((sentence) => [rendered(sentence), sentence]));
  return (text) => {
    const sentence = known.get(text);
    return sentence ? sentenceIn(language, sentence) : text;
  };
}
