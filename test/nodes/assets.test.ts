/** What the compiler does not check: that editor pages, labels, icons, examples and package.json agree with each other. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { check, settings } from '../../firewall/messages';
import { CATALOGUE } from '../../firewall/services/catalogue';
import type { Preview } from '../../firewall/services/preview';
import { allProfiles, type Expectation, profileNamed } from '../../firewall/services/profiles';
import { registryOf } from '../../firewall/services/registry';
import { versionOf } from '../../nodes/migrate';
import { EXAMPLE_NAMES, exampleFlow } from '../examples';
import { DASHBOARD, NODES } from '../sets';
import { DASHBOARD_NODES, dashboardDefaults, definition, page } from './pages';

const root = resolve(__dirname, '..', '..', '..');
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');
const json = (...path: string[]) => JSON.parse(read(...path));

const packageJson = json('package.json');
const RESOURCE = /(?:src|href)="resources\/@smartserver\/node-red-firewall\/([^"]+)"/g;
/** The package's resources that a page loads. */
const resources = (name: string) => [...page(name).matchAll(RESOURCE)].map((match) => String(match[1]));

/** `{ a: { b: 'x' } }` → `a.b`. */
const keysOf = (labels: Record<string, Record<string, string>>) =>
  Object.entries(labels).flatMap(([section, entries]) => Object.keys(entries).map((key) => `${section}.${key}`));

/** The label keys a text uses: in `data-i18n`, in `_('…')` of editor and runtime. */
function usedKeys(text: string): string[] {
  const inMarkup = [...text.matchAll(/data-i18n="(?:\[\w+\])?([\w.]+)"/g)];
  const inCode = [...text.matchAll(/\b_\('([\w.]+)'/g)];
  return [...inMarkup, ...inCode].map((match) => match[1] as string);
}

const runtime = readdirSync(join(root, 'nodes'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name: name.replace('.ts', ''), text: read('nodes', name) }));
const shared = runtime.filter(({ name }) => !NODES.includes(name)).flatMap(({ text }) => usedKeys(text));

/** From `registerType` in Node-RED's editor: it warns about these, and their values are lost. */
const RESERVED = [
  ...['add', 'added', 'changed', 'credentials', 'deleted', 'dirty', 'h', 'id', 'inputs', 'label', 'moved', 'outputs'],
  ...['reordered', 'resize', 'selected', 'type', 'valid', 'validationErrors', 'w', 'wires', 'x', 'y', 'z'],
];

/** As "smartserver-firewall key make" prints them. */
const PUBLIC_KEY = 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=';
const OTHER_KEY = 'MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

describe('each node of the package', () => {
  for (const name of NODES) {
    it(`${name} has a page that registers its name, literally, in a plain script`, () => {
      assert.match(
        page(name),
        new RegExp(`<script type="text/javascript">\\s*RED\\.nodes\\.registerType\\('${name}', \\{`),
      );
      assert.match(read('nodes', `${name}.ts`), new RegExp(`registerType\\('${name}', `));
      assert.equal(definition(name).type, name);
      assert.equal(packageJson['node-red'].nodes[name], `dist/nodes/${name}.js`);
      assert.ok(existsSync(join(root, 'dist', 'nodes', `${name}.html`)));
    });

    it(`${name} has an icon of its own: white, transparent, 2:3, at least 40×60`, () => {
      const icon = String(definition(name).definition.icon);
      const svg = read('dist', 'nodes', 'icons', icon);
      const [, width, height] = /<svg [^>]*width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
      assert.ok(Number(width) >= 40 && Number(height) === Number(width) * 1.5);
      const colours = new Set([...svg.matchAll(/(?:fill|stroke)="([^"]+)"/g)].map((match) => match[1]));
      assert.deepEqual([...colours].sort(), ['#fff', 'none']);
      assert.match(icon, /^smartserver-/);
    });

    it(`${name} stores the version of its configuration`, () => {
      const { version } = definition(name).definition.defaults as { version: { value: unknown } };
      assert.equal(version.value, versionOf(name));
    });

    it(`${name} has no property with a name that the editor reserves`, () => {
      const { defaults } = definition(name).definition as { defaults: object };
      assert.deepEqual(
        Object.keys(defaults).filter((property) => RESERVED.includes(property)),
        [],
      );
    });

    it(`${name} has a field, or code that stores it, for each of its properties, and no field without a property`, () => {
      const { defaults } = definition(name).definition as { defaults: Record<string, unknown> };
      const prefix = name === 'smartserver' ? 'node-config-input-' : 'node-input-';
      const fields = [...page(name).matchAll(/<(\w+)[^>]* id="(node-(?:config-)?input-)(\w+)"/g)];
      for (const [, tag, start, property] of fields) {
        assert.match(String(tag), /^(input|select)$/, property);
        assert.equal(start, prefix);
        assert.ok(String(property) in defaults, property);
      }
      const stored = [...page(name).matchAll(/this\.(\w+) = /g)].map((match) => match[1]);
      const known = ['version', ...stored, ...fields.map((match) => match[3])];
      assert.deepEqual(
        Object.keys(defaults).filter((property) => !known.includes(property)),
        [],
      );
    });

    it(`${name} labels each of its fields`, () => {
      const labelled = [...page(name).matchAll(/<label for="([^"]+)"/g)].map((match) => match[1]);
      const fields = [...page(name).matchAll(/<(?:input (?!type="hidden")|select )[^>]*?id="([^"]+)"/g)];
      assert.deepEqual(
        fields.map((match) => match[1]).filter((id) => !labelled.includes(id)),
        [],
      );
    });

    it(`${name} uses relative addresses only`, () => {
      for (const text of [page(name), read('nodes', 'locales', 'en-US', `${name}.html`)]) {
        assert.doesNotMatch(text, /(?:src|href)="(?:\/|https?:)/);
      }
      for (const resource of resources(name)) assert.ok(existsSync(join(root, 'resources', resource)), resource);
    });
  }

  it('offers the settings of the engine with its defaults', () => {
    const { defaults } = definition('smartserver').definition as { defaults: Record<string, { value: unknown }> };
    const { name, version, ...offered } = defaults;
    const values = Object.fromEntries(Object.entries(offered).map(([key, { value }]) => [key, value]));
    assert.deepEqual(JSON.parse(JSON.stringify(values)), check(settings, {}));
    assert.ok(name && version);
  });
});

/** What a hand-written flow may have stored for any property. */
const STRANGE: readonly unknown[] = [
  ...[
    undefined,
    null,
    true,
    false,
    0,
    -1,
    7.5,
    '',
    'x',
    '/x',
    '\0',
    [],
    {},
    [null],
    [7],
    ['x'],
    [[]],
    [{}],
    { a: null },
  ],
  ...[{ a: {} }, { toString: 1 }, [{ toString: 1 }], { opcua: { toString: 1 } }, [{ id: 'a', label: 'A', ports: 'x' }]],
  ...[[{ id: 'a', label: 'A', ports: [{ toString: 1 }] }], [{ name: 'a', open: 'x' }], [{ name: 'a', open: [null] }]],
  [{ name: 'a', open: [{ service: 'ssh', from: { toString: 1 } }] }],
];

describe('the validators', () => {
  const editor = createContext({ window: {}, URL });
  for (const script of ['catalogue.js', 'calendar.js', 'editor.js', 'schedule.js']) {
    runInContext(readFileSync(join(root, 'resources', script), 'utf8'), editor);
  }
  runInContext('Object.assign(globalThis, window)', editor);
  const globals = {
    smartserverFirewall: runInContext('smartserverFirewall', editor),
    smartserverFirewallCatalogue: runInContext('smartserverFirewallCatalogue', editor),
    smartserverSchedule: runInContext('smartserverSchedule', editor),
  };
  interface Property {
    value: unknown;
    validate?(this: object, value: unknown, opt?: object): unknown;
  }
  for (const name of NODES) {
    const { defaults } = definition(name, globals).definition as { defaults: Record<string, Property> };
    const judged = Object.entries(defaults).filter(([, { validate }]) => validate);
    const judge = (stored: object): [string, unknown][] =>
      judged.map(([property, { validate }]) => {
        const node = Object.assign({ _: (key: string) => `text of ${key}` }, stored) as Record<string, unknown>;
        const [reason, mark] = [validate?.call(node, node[property], {}), validate?.call(node, node[property])];
        assert.ok(reason === true || /^text of /.test(String(reason)), `${property}: ${reason}`);
        assert.equal(mark, reason === true, property);
        return [property, reason];
      });

    it(`of ${name} judge whatever a hand-written flow has stored`, () => {
      const all = (value: unknown) => Object.fromEntries(Object.keys(defaults).map((property) => [property, value]));
      const usual = Object.fromEntries(Object.entries(defaults).map(([property, { value }]) => [property, value]));
      for (const value of STRANGE) {
        judge(all(value));
        for (const [property] of judged) judge({ ...usual, [property]: value });
      }
    });

    it(`of ${name} accept what is as it was when the node was new, and the configuration’s what is not there`, () => {
      const usual = Object.fromEntries(Object.entries(defaults).map(([property, { value }]) => [property, value]));
      for (const stored of name === 'smartserver' ? [usual, {}] : [usual]) {
        for (const [property, reason] of judge(stored)) assert.equal(reason, true, property);
      }
    });
  }
});

const languages = readdirSync(join(root, 'nodes', 'locales'));

describe('the labels', () => {
  for (const language of languages) {
    for (const name of NODES) {
      it(`of ${name} in ${language} exist for each key used, and for no other`, () => {
        const labels = keysOf(json('dist', 'nodes', 'locales', language, `${name}.json`));
        const own = runtime.find((one) => one.name === name)?.text ?? '';
        const scripts = resources(name).map((resource) => read('resources', resource));
        const used = [page(name), own, ...scripts].flatMap(usedKeys);
        const needed = name === 'smartserver' ? used : [...used, ...shared];
        assert.deepEqual(
          needed.filter((key) => !labels.includes(key)),
          [],
        );
        const ownKeys = keysOf(json('nodes', 'locales', language, `${name}.json`));
        assert.deepEqual(
          ownKeys.filter((key) => !used.includes(key)),
          [],
        );
      });

      it(`of ${name} in ${language} have a help page with the usual parts`, () => {
        const help = read('nodes', 'locales', language, `${name}.html`);
        assert.match(help, new RegExp(`^<script type="text/html" data-help-name="${name}">\\s*<p>`));
        if (name === 'smartserver') return;
        const [inputs, outputs, details, references] = [...help.matchAll(/<h3>(.*?)<\/h3>/g)];
        assert.ok(inputs && outputs && details && references);
      });
    }

    it(`shared by nodes in ${language} are all used`, () => {
      const scripts = readdirSync(join(root, 'resources')).map((resource) => read('resources', resource));
      const used = [...shared, ...[...NODES.map(page), ...scripts].flatMap(usedKeys)];
      const common = keysOf(json('nodes', 'locales', language, 'common.json'));
      assert.deepEqual(
        common.filter((key) => !used.includes(key)),
        [],
      );
    });

    it(`of the status fit below a node in ${language}`, () => {
      for (const name of NODES) {
        const labels = json('dist', 'nodes', 'locales', language, `${name}.json`);
        // A countdown is at most a week long.
        const longest: Record<string, string> = {
          seconds: '604800',
          count: '1000',
          number: '1000',
          ports: '65534, 65535',
        };
        Object.assign(longest, {
          added: '1000',
          removed: '1000',
          service: 'SSH, MQTT',
          services: 'BACnet, LON, Modbus!',
          time: '12-24 19:00',
          profile: 'Enhanced Security',
        });
        const texts = Object.values<string>(labels.status).map((text) =>
          text.replace(/__(\w+?)__/g, (_, key: string) => longest[key] ?? assert.fail(key)),
        );
        for (const text of texts) assert.ok(text.length <= 40, text);
      }
    });
  }
});

interface Validated {
  validate?: (this: { _: (key: string) => string }, value: unknown, options: object) => unknown;
}

describe('the choices of the dialogs', () => {
  const context = createContext({ window: {} });
  runInContext(read('resources', 'catalogue.js'), context);
  const inBrowser = (expression: string) => JSON.parse(JSON.stringify(runInContext(expression, context)));

  it('are the services of the catalogue, each with its ports, its group and its consequence', () => {
    assert.deepEqual(
      inBrowser('window.smartserverFirewallCatalogue'),
      CATALOGUE.map(({ id, label, opens, optional, internal, consequence, risk, directions }) => ({
        id,
        label,
        ports: opens,
        group: internal ? 'internal' : directions.includes('in') ? 'incoming' : 'outgoing',
        optional,
        consequence,
        risk,
      })),
    );
  });

  it('are the profiles of the engine', () => {
    const registry = registryOf(check(settings, {}), null);
    const [list] = /<select id="smartserver-profile-choice"[\s\S]*?<\/select>/.exec(page('set-profile')) ?? [''];
    const offered = [...list.matchAll(/<option value="(\w+)"/g)].map((match) => match[1]);
    assert.deepEqual(
      offered,
      allProfiles(registry).map(({ name }) => name),
    );
  });

  it('show what the engine would do, also with settings that leave defaults out', () => {
    const stored = {
      servicePorts: { opcua: '55001/tcp' },
      customServices: [{ id: 'scada', label: 'SCADA', ports: ['9100/tcp'] }],
      customProfiles: [
        { name: 'bare', open: [{ service: 'https' }] },
        {
          ...{ name: 'full', incoming: 'reject', outgoing: 'allow' },
          open: [{ service: 'scada', direction: 'both', from: '10.0.0.0/8' }, { service: '9999/tcp' }],
        },
      ],
      managementFrom: '192.168.1.0/24',
      managementTo: '8884/tcp',
    };
    const registry = registryOf(check(settings, stored), null);
    assert.deepEqual(
      inBrowser(`smartserverFirewallServices.servicesOf(${JSON.stringify(stored)})`).map(
        ({ id, ports }: { id: string; ports: string[] }) => ({ id, ports }),
      ),
      registry.services.map(({ id, opens }) => ({ id, ports: opens })),
    );
    for (const name of ['enhanced', 'standard', 'lockdown', 'bare', 'full']) {
      for (const optional of ['keep', 'open', 'close'] as const) {
        const shown: Preview = inBrowser(
          `smartserverFirewallServices.preview(${JSON.stringify(stored)}, '${name}', '${optional}')`,
        );
        const { policies, expectations } = profileNamed(registry, name, optional);
        assert.deepEqual(shown.policies, policies);
        const wanted = shown.rows.flatMap((row) =>
          (['in', 'out'] as const).flatMap((direction) => {
            const cell = row[direction];
            return cell ? [`${row.id} ${direction} ${cell.want} ${cell.only.map(({ from }) => from)}`] : [];
          }),
        );
        const limits = ({ want, scopes }: Expectation) => (want === 'open' ? scopes.map(({ from }) => from) : []);
        assert.deepEqual(
          wanted.sort(),
          expectations
            .map((one) => `${one.service.id} ${one.direction} ${one.want} ${limits(one).filter(Boolean)}`)
            .sort(),
        );
      }
    }
  });

  it('are valid or not as to the engine, in a configuration that was written by hand too', () => {
    const script = /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(page('smartserver'))?.[1] ?? '';
    const registered: { definition?: { defaults: Record<string, Validated> } } = {};
    const RED = {
      nodes: { registerType: (_: string, definition: never) => Object.assign(registered, { definition }) },
    };
    const window = {};
    const editor = createContext({ window, RED, URL, $: () => undefined });
    for (const name of ['catalogue.js', 'editor.js']) runInContext(read('resources', name), editor);
    runInContext(`Object.assign(globalThis, window); ${script}`, editor);
    const anything = [
      undefined,
      null,
      5,
      true,
      '',
      'x',
      '/',
      '/etc',
      '/a/../b',
      ['/a'],
      {},
      [null],
      [{}],
      [5],
      ['x'],
      [[]],
    ];
    const service = (ports: unknown) => [{ id: 'plant', label: 'Plant', ports }];
    const profile = (entry: unknown) => [{ name: 'night', open: [entry] }];
    const key = (fields: object = {}) => ({ name: 'operator', publicKey: PUBLIC_KEY, ...fields });
    const own: Record<string, readonly unknown[]> = {
      servicePorts: [{ opcua: 5 }, { opcua: null }, { opcua: '55001/tcp' }],
      customServices: [service(undefined), service('22/tcp'), service([]), service(['22/tcp']), service([22])],
      customProfiles: [
        ...[null, {}, { service: 'ssh' }, { service: 'ssh', interface: '+' }, { service: 'ssh', interface: 'eth+' }],
        ...['10.1.2.3/8', '2001:db8::/064', '::ffff:10.0.0.1/64', '::ffff:10.0.0.1/104'].map((from) => ({
          ...{ service: 'ssh', from },
        })),
      ].map(profile),
      managementFrom: [
        '2001:DB8::1/64',
        '10.0.0.0/08',
        '::ffff:a00:1',
        '::ffff:a00:1/64',
        '::ffff:1:2:3/64',
        '300.1.1.1',
      ],
      keepBackups: [0, 1, 1000, 1001],
      operatorKeys: [
        ...[[], [key()], [key(), key({ name: 'other' })], [key(), key({ publicKey: OTHER_KEY })]],
        [key(), key({ name: 'other', publicKey: OTHER_KEY, force: true })],
        ...[` ${PUBLIC_KEY}\n`, `-----BEGIN PUBLIC KEY-----\n${PUBLIC_KEY}\n-----END PUBLIC KEY-----`].map(
          (publicKey) => [key({ publicKey })],
        ),
        [key({ publicKey: PUBLIC_KEY.replace(/.{44}$/, `${'A'.repeat(43)}=`) })],
        ...['', PUBLIC_KEY.slice(1), PUBLIC_KEY.replace('E=', 'F='), 7].map((publicKey) => [key({ publicKey })]),
        ...['', 'Operator', 7].map((name) => [key({ name })]),
      ],
      fleetDevice: ['plant-7', 'Plant_7.a', 'a/b', '+', 'x'.repeat(64), 'x'.repeat(65)],
      fleetGroup: ['north', 'no rth'],
    };
    for (const [property, { validate }] of Object.entries(registered.definition?.defaults ?? {})) {
      if (!validate || property === 'version') continue;
      const isValid = (value: unknown): boolean => validate.call({ _: (key: string) => key }, value, {}) === true;
      for (const value of anything) assert.doesNotThrow(() => isValid(value), `${property} ${JSON.stringify(value)}`);
      assert.ok(isValid(undefined), property);
      for (const value of own[property] ?? []) {
        const { success } = settings.safeParse({ [property]: value });
        assert.equal(isValid(value), success, `${property} ${JSON.stringify(value)}`);
      }
    }
  });

  it('say why an invalid configuration would be refused', () => {
    const twice = { customServices: [{ id: 'ssh', label: 'SSH', ports: ['22/tcp'] }] };
    const unknown = { customProfiles: [{ name: 'plant', open: [{ service: 'nowhere' }] }] };
    assert.throws(() => inBrowser(`smartserverFirewallServices.servicesOf(${JSON.stringify(twice)})`), /INVALID_INPUT/);
    assert.throws(
      () => inBrowser(`smartserverFirewallServices.preview(${JSON.stringify(unknown)}, 'plant', 'keep')`),
      /UNKNOWN_SERVICE/,
    );
  });
});

/** Node types of Node-RED's own palette that the examples may use. */
const CORE = [
  'tab',
  'comment',
  'inject',
  'debug',
  'catch',
  'switch',
  'change',
  'template',
  'mqtt in',
  'mqtt out',
  'mqtt-broker',
  'tls-config',
  'status',
  'http in',
  'http response',
  'function',
  'exec',
  'delay',
  'http request',
  'split',
  'rbe',
  'tls-config',
  'trigger',
];

/** These say in their names what they need. */
const mayUseDashboard = (name: string) => name.startsWith('dashboard-');

describe('the examples', () => {
  const examples = EXAMPLE_NAMES.map((name) => ({ name, flow: exampleFlow(name) }));

  for (const { name, flow } of examples) {
    it(`${name} uses nodes of Node-RED and of this package only${mayUseDashboard(name) ? ', apart from the dashboard’s' : ''}, with properties they have`, () => {
      for (const node of flow) {
        if (CORE.includes(node.type) || (mayUseDashboard(name) && node.type in DASHBOARD_NODES)) continue;
        assert.ok(NODES.includes(node.type), node.type);
        const { defaults } = definition(node.type).definition as { defaults: object };
        const { id, type, z, x, y, wires, ...properties } = node;
        // A configuration node is not on the canvas.
        assert.ok(id && type && (type === 'smartserver' || (z && x && y && wires)));
        assert.deepEqual(Object.keys(properties).sort(), Object.keys(defaults).sort());
      }
    });

    it(`${name} is wired within itself, catches errors and explains itself`, () => {
      const ids = flow.map(({ id }: { id: string }) => id);
      assert.equal(new Set(ids).size, ids.length);
      for (const { wires = [] } of flow) for (const id of wires.flat()) assert.ok(ids.includes(id), id);
      const types = flow.map(({ type }: { type: string }) => type);
      for (const type of ['catch', 'comment', 'debug']) assert.ok(types.includes(type), type);
    });
  }

  for (const { name, flow } of examples.filter((one) => mayUseDashboard(one.name))) {
    it(`${name} says which package it needs, and uses its nodes with the properties they have`, () => {
      const used = flow.filter(({ type }: { type: string }) => type in DASHBOARD_NODES);
      assert.ok(used.length > 0);
      for (const { id, type, z, x, y, wires, ...properties } of used) {
        const defaults = dashboardDefaults(type);
        assert.deepEqual(Object.keys(properties).sort(), Object.keys(defaults).sort(), type);
        // A configuration node is on no tab.
        assert.ok(id && ('group' in defaults ? z && x && y && wires : !z && !x && !y && !wires), type);
        for (const [property, { type: referred }] of Object.entries(defaults)) {
          if (!referred || properties[property] === '') continue;
          const to = flow.find((one: { id: string }) => one.id === properties[property]);
          assert.equal(to?.type, referred, `${type}: ${property}`);
        }
      }
      const [comment] = flow.filter(({ type }: { type: string }) => type === 'comment');
      assert.ok(comment.info.startsWith(`Install \`${DASHBOARD}\` from the palette manager`));
    });
  }

  it('use each node of the package', () => {
    const used = new Set(examples.flatMap(({ flow }) => flow.map(({ type }: { type: string }) => type)));
    assert.deepEqual(
      NODES.filter((name) => name !== 'smartserver' && !used.has(name)),
      [],
    );
  });

  it('have distinct ids, so that all can be imported', () => {
    const ids = examples.flatMap(({ flow }) => flow.map(({ id }: { id: string }) => id));
    assert.equal(new Set(ids).size, ids.length);
  });
});
