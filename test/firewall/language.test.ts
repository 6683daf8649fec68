/** What the engine says in the language of who reads it: each text of a reading, and no value in its place. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { before, describe, it } from 'mocha';
import { rendered, type Sentence, say } from '../../firewall/errors';
import { actionIn, errorIn, LANGUAGES, labelIn, sentenceIn, textsIn } from '../../firewall/language';
import type { State } from '../../firewall/results';
import { ADVISORIES } from '../../firewall/services/advisories';
import { CATALOGUE } from '../../firewall/services/catalogue';
import { ENGLISH, everyState } from './every-finding';

const root = resolve(__dirname, '..', '..', '..');
const OTHERS = LANGUAGES.filter((language) => language !== 'en');
/** All that a state says in this package's words. */
const textsOf = ({ findings, webPorts, leftovers }: State): string[] => [
  ...findings.flatMap(({ text, remedy }) => [text, remedy]),
  ...(webPorts?.problems ?? []),
  ...leftovers,
];

/** What somebody else has written in it: a line of a file, an advisory's title. */
const FOREIGN = /DEFAULT_INPUT_POLICY=ACCEPT|IPV6=\S+|"A hole of somebody’s"|ufw default|nginx -s reload/g;

describe('What a reading says', function () {
  this.timeout(60_000);
  let states: State[];
  before(async () => {
    states = await everyState();
  });

  it('is every kind of finding', () => {
    const source = readFileSync(join(root, 'firewall', 'state', 'findings.ts'), 'utf8');
    const kinds = new Set([...source.matchAll(/\bid: '([a-z-]+)'/g)].map(([, id]) => id));
    assert.ok(kinds.size >= 10, [...kinds].join());
    const found = new Set(states.flatMap(({ findings }) => findings.map(({ id }) => id)));
    assert.deepEqual([...found].sort(), [...kinds].sort());
  });

  it('is taken apart beside the texts, all of it', () => {
    for (const state of states) {
      const said = state.said.map((one) => rendered(one));
      assert.deepEqual(
        textsOf(state).filter((text) => !said.includes(text)),
        [],
      );
    }
  });

  for (const language of OTHERS) {
    it(`is in ${language}, to the last word`, () => {
      for (const state of states) {
        const inWords = textsIn(language, state.said);
        for (const text of textsOf(state)) {
          const told = inWords(text);
          assert.notEqual(told, text);
          assert.doesNotMatch(told.replace(FOREIGN, ''), ENGLISH);
        }
      }
    });

    it(`has names in ${language} for the services, and leaves those that a person has given`, () => {
      const texts: Record<string, string> = JSON.parse(
        readFileSync(join(root, 'firewall', 'languages', `${language}.json`), 'utf8'),
      );
      for (const service of CATALOGUE) {
        assert.equal(labelIn(language, service), texts[service.label]);
        for (const one of [service.consequence, service.risk])
          assert.notEqual(sentenceIn(language, one), rendered(one));
      }
      for (const label of ['Try again.', 'SSH remote shell', '{0}', '<b>'])
        assert.equal(labelIn(language, { id: 'own', label }), label);
    });
  }

  it('in English is what is in the messages, and a language that nobody has is English', () => {
    for (const state of states) {
      for (const language of ['en', 'fr', 'en-US', '__proto__'])
        assert.deepEqual(textsOf(state).map(textsIn(language, state.said)), textsOf(state));
    }
  });
});

describe('A text that somebody else has written', () => {
  it('stays as it is, also where it looks like one of this package', () => {
    const inGerman = textsIn('de', [say`there is no service ${'Try again.'}.`]);
    assert.equal(inGerman('there is no service Try again..'), 'Es gibt keinen Dienst Try again..');
    for (const text of ['Try again.', 'there is no service {0}.', '__proto__', '']) assert.equal(inGerman(text), text);
  });
});

describe('What a change says it does', () => {
  const services = [
    { id: 'ssh', label: 'SSH remote shell' },
    { id: 'own', label: 'Try again.' },
  ];
  /** Every form that the sources have; a place stands for whatever is put in it. */
  const forms = (): string[] => {
    const folders = ['firewall/requests', 'firewall/commit', 'firewall/ledger', 'agent'];
    const sources = folders.flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(join(root, folder, name), 'utf8')),
    );
    const literal = /\baction(?::| =) (?:`((?:[^`\\]|\\.)*)`|'([^']+)')/g;
    return sources.flatMap((source) => [...source.matchAll(literal)].map(([, a = '', b = '']) => a || b));
  };

  it('is in words in each language, whatever the change', () => {
    const all = forms();
    assert.ok(all.length > 15 && all.some((one) => one.startsWith('toggle-service')), all.join('\n'));
    const filledIn = all.map((form) =>
      form
        .replace(/(?<=learn-peers )\$\{[^{}]*\}/, 'stop')
        .replace(/(?<=toggle-service )\$\{[^{}]*\}|\$\{[^{}]*\}(?= by hand)/, 'open')
        .replace(/^\$\{[^{}]*action\}(?= )/, 'undo')
        .replace(/\$\{[^{}]*mode\}/, 'repair')
        .replace(/\$\{[^{}]*\}/g, 'ssh')
        .trim(),
    );
    for (const action of filledIn) {
      for (const language of OTHERS) {
        const told = actionIn(language, action, services);
        assert.notEqual(told, action, action);
        assert.doesNotMatch(told, ENGLISH, action);
      }
    }
  });

  it('names services as they are called, and leaves what it does not know', () => {
    const cases: [string, string][] = [
      ['toggle-service close ssh, own, 22/tcp', 'SSH-Fernzugriff, Try again., 22/tcp schließen'],
      ['not confirmed: set-profile lockdown', 'nicht bestätigt: Profil Lockdown'],
      ['schedule Night (a1): open ssh', 'Zeitplan Night (a1): SSH-Fernzugriff öffnen'],
      ['change-web-ports change 1780 1443', 'Webports 1780, 1443'],
      ['end of lease: profile learned', 'Ende von: learned'],
      ['undo undo toggle-service limit ssh', 'rückgängig machen: rückgängig machen: SSH-Fernzugriff begrenzen'],
      ['dance with me', 'dance with me'],
      ['', ''],
    ];
    for (const [action, told] of cases) assert.equal(actionIn('de', action, services), told);
  });
});

describe('An error', () => {
  it('is said with its code', () => {
    const said: Sentence[] = [say`there is no profile ${'"x"'}.`, say`Try again.`];
    assert.equal(errorIn('de', { code: 'X', said }), 'X: Es gibt kein Profil "x". Versuchen Sie es erneut.');
  });
});

describe('The advisories that the package knows itself', () => {
  it('are in its own words', () => {
    for (const { title } of ADVISORIES) assert.notEqual(typeof title, 'string');
  });
});
