/** Error messages in the language of Node-RED's runtime. The engine only speaks English. */
import type { NodeAPI } from 'node-red';
import { type FirewallError, rendered } from '../firewall/errors';
import de from './errors/de.json';
import ja from './errors/ja.json';

/** Per language, the translations of sentences by their template. */
const TRANSLATIONS: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  Object.entries({ de, ja }).map(([language, texts]) => [language, new Map(Object.entries(texts))]),
);

/** Sets the error's message in that language; what has no translation stays English. */
export function translated(RED: NodeAPI, error: FirewallError): FirewallError {
  // A label that contains its own language, which is the one that labels are looked up in.
  const texts = TRANSLATIONS.get(RED._('meta.language'));
  if (!texts) return error;
  const sentences = error.said.map((sentence) => rendered(sentence, (template) => texts.get(template) ?? template));
  error.message = [`${error.code}:`, ...sentences].join(' ');
  return error;
}
