/** What an error says, in the language of Node-RED's runtime. The engine speaks English and knows no other. */
import type { NodeAPI } from 'node-red';
import { type FirewallError, rendered } from '../firewall/errors';
import de from './errors/de.json';
import ja from './errors/ja.json';

/** Per language the translation of each template of a sentence. */
const TRANSLATIONS: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  Object.entries({ de, ja }).map(([language, texts]) => [language, new Map(Object.entries(texts))]),
);

/** Gives the error the message it has in that language; what is not translated stays English. */
export function translated(RED: NodeAPI, error: FirewallError): FirewallError {
  // A label that says which language it is in: that is the language the labels are found in.
  const texts = TRANSLATIONS.get(RED._('meta.language'));
  if (!texts) return error;
  const sentences = error.said.map((sentence) => rendered(sentence, (template) => texts.get(template) ?? template));
  error.message = [`${error.code}:`, ...sentences].join(' ');
  return error;
}
