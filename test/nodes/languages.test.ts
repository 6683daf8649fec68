/** All languages say the same, and the help agrees with the schemas. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type * as z from 'zod';
import { ERROR_CODES } from '../../firewall/errors';
import { fleetResult, fleetState } from '../../firewall/fleet/answer';
import {
  changeWebPortsRequest,
  learnRequest,
  restoreRequest,
  setProfileRequest,
  settings,
  toggleServiceRequest,
} from '../../firewall/messages';
import {
  backupReport,
  changeResult,
  confirmation,
  learnResult,
  scheduleReport,
  state,
  watchEvent,
} from '../../firewall/results';

const root = resolve(__dirname, '..', '..', '..');
const locales = join(root, 'dist', 'nodes', 'locales');
const ENGLISH = 'en-US';
const OTHERS = ['de', 'ja'];
const files = (extension: string) => readdirSync(join(locales, ENGLISH)).filter((name) => name.endsWith(extension));

type Labels = Record<string, Record<string, string>>;
const labelsOf = (language: string, file: string): Labels =>
  JSON.parse(readFileSync(join(locales, language, file), 'utf8'));
const flat = (labels: Labels): Map<string, string> =>
  new Map(
    Object.entries(labels).flatMap(([section, texts]) =>
      Object.entries(texts).map(([key, text]): [string, string] => [`${section}.${key}`, text]),
    ),
  );
const placesIn = (text: string): string => [...text.matchAll(/__\w+?__/g)].map(String).sort().join();
const helpOf = (language: string, name: string): string =>
  readFileSync(join(locales, language, `${name}.html`), 'utf8');

describe('each language', () => {
  it('is one of the complete ones', () => {
    assert.deepEqual(readdirSync(locales).sort(), [...OTHERS, ENGLISH].sort());
  });

  for (const language of OTHERS) {
    it(`${language} has each label of ${ENGLISH}, and nothing else`, () => {
      const missing: string[] = [];
      const unused: string[] = [];
      for (const file of files('.json')) {
        const wanted = [...flat(labelsOf(ENGLISH, file)).keys()];
        const own = [...flat(labelsOf(language, file)).keys()];
        missing.push(...wanted.filter((key) => !own.includes(key)).map((key) => `${file}: ${key}`));
        unused.push(...own.filter((key) => !wanted.includes(key)).map((key) => `${file}: ${key}`));
      }
      assert.deepEqual({ missing, unused }, { missing: [], unused: [] });
    });

    it(`${language} has the same placeholders in its labels`, () => {
      for (const file of files('.json')) {
        const own = flat(labelsOf(language, file));
        for (const [key, text] of flat(labelsOf(ENGLISH, file)))
          assert.equal(placesIn(own.get(key) ?? ''), placesIn(text), `${file}: ${key}`);
      }
    });

    it(`${language} has help with the same structure and the same terms`, () => {
      for (const file of files('.html')) {
        const name = file.replace('.html', '');
        const shapeOf = (help: string) => ({
          tags: [...help.matchAll(/<(h3|dt|dd|pre|ul|li|p)\b/g)].map((match) => match[1]),
          terms: [...help.matchAll(/<dt[^>]*>(.*?)<\/dt>/g)].map((match) => match[1]),
          codes: [...help.matchAll(/<code>(.*?)<\/code>/g)].map((match) => match[1]).sort(),
          examples: [...help.matchAll(/<pre>([\s\S]*?)<\/pre>/g)].map((match) => match[1]),
        });
        assert.deepEqual(shapeOf(helpOf(language, name)), shapeOf(helpOf(ENGLISH, name)), name);
      }
    });
  }
});

type Shape = Record<string, z.core.$ZodType>;
/** The input and output of the nodes, according to the schemas. */
const REQUESTS: Readonly<Record<string, Shape>> = {
  'set-profile': setProfileRequest.shape,
  'toggle-service': toggleServiceRequest.shape,
  'change-web-ports': changeWebPortsRequest.shape,
  'restore-firewall': restoreRequest.shape,
  'learn-peers': learnRequest.shape,
  smartserver: settings.shape,
};
const RESULTS: Readonly<Record<string, readonly Shape[]>> = {
  'set-profile': [changeResult.shape],
  'toggle-service': [changeResult.shape],
  'change-web-ports': [changeResult.shape],
  'restore-firewall': [changeResult.shape, backupReport.shape],
  'confirm-change': [confirmation.shape],
  // The device's flow adds its group; the node does not know it.
  'read-firewall': [...partsOf(state), fleetState.options[0].omit({ group: true }).shape],
  'fleet-request': [fleetResult.shape],
  'schedule-service': [scheduleReport.omit({ id: true, name: true, services: true }).shape],
  'learn-peers': [
    learnResult.shape,
    ...partsOf(learnResult.shape.services._zod.def.valueType),
    ...partsOf(learnResult.shape.learning),
  ],
  'watch-firewall': watchEvent.options.map(({ shape }) => shape.payload.shape),
};

/** The shapes of an object and of all objects in it. */
function partsOf(schema: unknown): Shape[] {
  const { shape, element, _zod } = schema as {
    shape?: Shape;
    element?: unknown;
    _zod: { def: { innerType?: unknown } };
  };
  if (shape) return [shape, ...Object.values(shape).flatMap(partsOf)];
  const inner = element ?? _zod.def.innerType;
  return inner ? partsOf(inner) : [];
}

const codesIn = (help: string): string[] =>
  [...help.matchAll(/<code>(.*?)<\/code>/g)].map((match) => match[1] as string);

describe('the sidebar', () => {
  const script = readFileSync(join(root, 'resources', 'sidebar.js'), 'utf8');
  const labels = Object.entries(
    JSON.parse(readFileSync(join(root, 'nodes', 'locales', ENGLISH, 'sidebar.json'), 'utf8')) as Labels,
  );
  const sections = labels.map(([section]) => section);
  const named = [...script.matchAll(/['`](\w+)\.(\w+|\$\{)/g)].filter(([, section = '']) => sections.includes(section));

  it('uses each of its labels, and has each that it uses', () => {
    for (const [section, texts] of labels) {
      const used = named.filter(([, one]) => one === section).map(([, , key]) => key);
      // A computed key is one of the engine's words.
      if (used.includes('${')) continue;
      const unused = Object.keys(texts).filter((key) => !used.includes(key) && !script.includes(`'${key}'`));
      const missing = used.filter((key) => key !== '${' && !(String(key) in texts));
      assert.deepEqual({ section, unused, missing }, { section, unused: [], missing: [] });
    }
  });
});

describe('the help', () => {
  for (const [name, shape] of Object.entries(REQUESTS)) {
    it(`of ${name} mentions each of its properties`, () => {
      const help = helpOf(ENGLISH, name);
      const terms = [...help.matchAll(/<dt[^>]*>payload\.(\w+) /g)].map((match) => match[1] as string);
      const said = [...codesIn(help), ...terms];
      assert.deepEqual(
        Object.keys(shape).filter((property) => !said.includes(property)),
        [],
      );
      // What a message can supply is an existing property.
      assert.deepEqual(
        terms.filter((term) => !(term in shape)),
        [],
      );
    });
  }

  for (const [name, shapes] of Object.entries(RESULTS)) {
    it(`of ${name} mentions each field of what it sends`, () => {
      const said = codesIn(helpOf(ENGLISH, name));
      const fields = new Set(shapes.flatMap((shape) => Object.keys(shape)));
      assert.deepEqual(
        [...fields].filter((field) => !said.includes(field)),
        [],
      );
    });
  }

  it('names all error codes somewhere, and no others', () => {
    const named = files('.html').flatMap((file) =>
      codesIn(helpOf(ENGLISH, file.replace('.html', ''))).filter((code) => /^[A-Z]+(_[A-Z]+)*$/.test(code)),
    );
    assert.deepEqual([...new Set(named)].sort(), [...ERROR_CODES].sort());
  });

  it('has an example for each node', () => {
    for (const file of files('.html')) assert.match(helpOf(ENGLISH, file.replace('.html', '')), /<pre>/, file);
  });
});
