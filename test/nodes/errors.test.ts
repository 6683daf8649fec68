/** The engine's sentences in other languages: every one that it can say, and no other. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { NodeAPI } from 'node-red';
import { FirewallError, rendered, say } from '../../firewall/errors';
import { CATALOGUE } from '../../firewall/services/catalogue';
import { translated } from '../../nodes/translated';

const root = resolve(__dirname, '..', '..', '..');
const LANGUAGES = ['de', 'ja'];
/** Only the command line uses these, and it is in English. */
const ENGLISH_ONLY = ['agent/setup.ts', 'agent/command-line.ts', 'agent/keys.ts'];
const TAGGED = /\b(?:say|phrase)`((?:[^`\\]|\\.)*)`/g;
const PLACE = /\$\{(?:[^{}]|\{[^{}]*\})*\}/g;

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sources(path);
    return path.endsWith('.ts') && !ENGLISH_ONLY.includes(path) ? [path] : [];
  });

/** The template that `say` makes of the template literal. */
function templateOf(literal: string): string {
  let places = 0;
  return literal.replace(PLACE, () => `{${places++}}`);
}

const tagged = ['firewall', 'agent', 'nodes']
  .flatMap(sources)
  .flatMap((path) => [...readFileSync(join(root, path), 'utf8').matchAll(TAGGED)])
  .map(([, literal = '']) => templateOf(literal))
  // Without a word in the template there is nothing to translate.
  .filter((template) => /\p{L}/u.test(template.replace(/\{\d\}/g, '')));
/** The vendor's table is one of such texts. */
const listed = CATALOGUE.flatMap(({ label, consequence, risk }) => [label, rendered(consequence), rendered(risk)]);
const said = [...tagged, ...listed];

const textsOf = (language: string): Record<string, string> =>
  JSON.parse(readFileSync(join(root, 'firewall', 'languages', `${language}.json`), 'utf8'));
const placesOf = (text: string): string[] => [...text.matchAll(/\{\d\}/g)].map(String).sort();

describe('the sentences of the engine', () => {
  it('are found in the sources', () => {
    assert.ok(said.length > 100);
    assert.ok(said.includes('there is no service {0}.'));
  });

  for (const language of LANGUAGES) {
    it(`exist in ${language}, each one and no other`, () => {
      const texts = Object.keys(textsOf(language));
      const missing = said.filter((template) => !texts.includes(template));
      const unused = texts.filter((template) => !said.includes(template));
      assert.deepEqual({ missing, unused }, { missing: [], unused: [] });
    });

    it(`have the same placeholders in ${language}`, () => {
      const wrong = Object.entries(textsOf(language)).filter(
        ([template, text]) => String(placesOf(template)) !== String(placesOf(text)),
      );
      assert.deepEqual(wrong, []);
    });
  }
});

describe('an error', () => {
  const speaking = (language: string) => ({ _: () => language }) as unknown as NodeAPI;
  const make = (name: string) =>
    new FirewallError('UNKNOWN_SERVICE', {
      what: say`there is no service ${name}.`,
      remedy: say`Use one of ${'ssh'}, or ports like 22/tcp.`,
    });

  it('is English by default, and if a language is missing', () => {
    const english =
      'UNKNOWN_SERVICE: there is no service x. The firewall was not changed. Use one of ssh, or ports like 22/tcp.';
    assert.equal(make('x').message, english);
    assert.equal(translated(speaking('fr'), make('x')).message, english);
    assert.equal(translated(speaking('meta.language'), make('x')).message, english);
  });

  it('says the same in another language, with its code and its values', () => {
    const error = translated(speaking('de'), make('x'));
    assert.equal(error.code, 'UNKNOWN_SERVICE');
    assert.match(error.message, /^UNKNOWN_SERVICE: Es gibt keinen Dienst x\. Die Firewall wurde nicht geändert\./);
    assert.equal(String(error), error.message);
    assert.match(translated(speaking('ja'), make('x')).message, /^UNKNOWN_SERVICE: サービス x はありません。/);
  });

  it('treats a value as a value, whatever it looks like', () => {
    for (const name of ['{0}', '{1}', 'Try again.', '$&', '__proto__', '<b>']) {
      assert.match(make(name).message, new RegExp(`no service ${name.replace(/[{}$.]/g, '\\$&')}\\. The`));
      const { message } = translated(speaking('de'), make(name));
      assert.ok(message.includes(`keinen Dienst ${name}. Die`), message);
    }
  });

  it('translates a sentence inside a sentence too', () => {
    const sentence = say`${'a'} is not a valid ufw rule file: ${say`it is empty`}.`;
    assert.equal(rendered(sentence), 'a is not a valid ufw rule file: it is empty.');
    const error = new FirewallError('UFW_FILES_UNREADABLE', { what: sentence, state: null });
    assert.equal(
      translated(speaking('de'), error).message,
      'UFW_FILES_UNREADABLE: a ist keine gültige ufw-Regeldatei: sie ist leer.',
    );
  });
});
