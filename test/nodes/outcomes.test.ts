/** The words below a node after a change, in each language, as Node-RED would show them. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { NodeAPI, NodeInitializer, NodeStatus } from 'node-red';
import type { ChangeResult } from '../../firewall/results';
import { type Device, openDevicesWith } from '../../nodes/device';

import changeWebPorts = require('../../nodes/change-web-ports');
import restoreFirewall = require('../../nodes/restore-firewall');
import setProfile = require('../../nodes/set-profile');
import toggleService = require('../../nodes/toggle-service');

const NODES: Readonly<Record<string, NodeInitializer>> = {
  'toggle-service': toggleService,
  'set-profile': setProfile,
  'change-web-ports': changeWebPorts,
  'restore-firewall': restoreFirewall,
};

/** Makes a node of this type with these properties, has it make a change with this result, and gives what it shows at the end. */
async function shown(language: string, type: string, def: object, result: object): Promise<string | undefined> {
  const path = resolve(__dirname, '..', '..', 'nodes', 'locales', language, `${type}.json`);
  const labels = JSON.parse(readFileSync(path, 'utf8'));
  let make: ((this: EventEmitter, def: object) => void) | undefined;
  const RED = {
    _: (key: string, values: Record<string, unknown> = {}): string => {
      const [section = '', name = ''] = key.split('.');
      return labels[section][name].replace(/__(\w+?)__/g, (_: string, place: string) => String(values[place]));
    },
    nodes: {
      createNode: () => undefined,
      registerType: (_: string, register: typeof make) => {
        make = register;
      },
    },
    comms: { publish: () => undefined },
    util: {
      evaluateNodeProperty: (value: unknown, _: string, __: object, ___: object, done: (e: null, v: unknown) => void) =>
        done(null, value),
    },
  };
  const answer = async () => result as ChangeResult;
  const device = { toggleService: answer, setProfile: answer, changeWebPorts: answer, restore: answer };
  const rest = {
    observe: () => () => undefined,
    watch: () => () => undefined,
    resume: async () => [],
    leave: () => 0,
    close: () => undefined,
  };
  const restore = openDevicesWith(() => ({ ...device, ...rest }) as unknown as Device);
  const statuses: NodeStatus[] = [];
  const node = Object.assign(new EventEmitter(), {
    status: (one: NodeStatus) => statuses.push(one),
    warn: assert.fail,
  });
  NODES[type]?.(RED as unknown as NodeAPI);
  make?.call(node, { type, ...def });
  await new Promise((done) => node.emit('input', {}, () => undefined, done));
  const text = statuses[statuses.length - 1]?.text;
  node.emit('close');
  openDevicesWith(restore);
  return text;
}

const allow = { action: 'allow' };
const deny = { action: 'deny' };
/** A change, with nothing that matters but what is given. */
const result = (given: object): object => ({
  ...{
    action: '',
    changed: true,
    dryRun: false,
    impact: [],
    stillOpen: [],
    openToAll: [],
    added: [],
    removed: [],
    policies: {},
    files: ['a'],
    pending: null,
  },
  ...{ state: { leases: [], webPorts: null } },
  ...given,
});
const today = new Date();
today.setHours(19, 0, 0, 0);
const leased = { state: { leases: [{ service: 'ssh', until: today.toISOString() }], webPorts: null } };
const tried = { dryRun: true, changed: false };

/** The type, its properties, the result, and the words in English, German and Japanese. */
const CASES: readonly (readonly [string, object, object, readonly [string, string, string]])[] = [
  [
    'toggle-service',
    {},
    { action: 'toggle-service close ssh', removed: [allow] },
    ['SSH closed', 'SSH geschlossen', 'SSH: 閉'],
  ],
  ['toggle-service', {}, { action: 'toggle-service open ssh', added: [allow] }, ['SSH open', 'SSH offen', 'SSH: 開']],
  ['toggle-service', {}, { action: 'toggle-service toggle ssh', added: [allow] }, ['SSH open', 'SSH offen', 'SSH: 開']],
  [
    'toggle-service',
    {},
    { action: 'toggle-service toggle ssh', removed: [deny] },
    ['SSH open', 'SSH offen', 'SSH: 開'],
  ],
  [
    'toggle-service',
    {},
    { action: 'toggle-service toggle ssh', removed: [allow] },
    ['SSH closed', 'SSH geschlossen', 'SSH: 閉'],
  ],
  [
    'toggle-service',
    {},
    { action: 'toggle-service toggle ssh', added: [deny] },
    ['SSH closed', 'SSH geschlossen', 'SSH: 閉'],
  ],
  [
    'toggle-service',
    { duration: '30 min' },
    { action: 'toggle-service open ssh', added: [allow], ...leased },
    ['SSH open until 19:00', 'SSH offen bis 19:00', 'SSH: 開（19:00 まで）'],
  ],
  [
    'toggle-service',
    { duration: 1800 },
    { action: 'toggle-service close ssh', added: [deny], ...leased },
    ['SSH closed until 19:00', 'SSH geschlossen bis 19:00', 'SSH: 閉（19:00 まで）'],
  ],
  // Another, shorter change of the same service is in effect too.
  [
    'toggle-service',
    { duration: 0 },
    { action: 'toggle-service open ssh', added: [allow], ...leased },
    ['SSH open', 'SSH offen', 'SSH: 開'],
  ],
  [
    'toggle-service',
    {},
    { action: 'toggle-service limit ssh', added: [allow] },
    ['SSH rate-limited', 'SSH begrenzt', 'SSH: 接続頻度を制限'],
  ],
  [
    'toggle-service',
    {},
    { action: 'toggle-service close ssh, mqtt', removed: [allow] },
    ['SSH, MQTT closed', 'SSH, MQTT geschlossen', 'SSH, MQTT: 閉'],
  ],
  [
    'toggle-service',
    {},
    { action: 'toggle-service toggle bacnet-ephemeral, remote-cms, ssh', removed: [allow] },
    ['3 services toggled', '3 Dienste umgeschaltet', 'サービス 3 件: 切り替え済み'],
  ],
  [
    'toggle-service',
    {},
    { action: 'toggle-service close ssh', removed: [allow], stillOpen: [{}] },
    ['SSH still open', 'SSH noch offen', 'SSH: まだ開いています'],
  ],
  ['toggle-service', {}, { changed: false }, ['nothing to change', 'nichts zu ändern', '変更の必要なし']],
  [
    'set-profile',
    {},
    { ...tried, removed: Array(14).fill(allow) },
    ['would remove 14 rules', 'würde 14 Regeln entfernen', 'ルール 14 件を削除予定'],
  ],
  [
    'set-profile',
    {},
    { ...tried, removed: [allow] },
    ['would remove 1 rule', 'würde 1 Regel entfernen', 'ルール 1 件を削除予定'],
  ],
  [
    'set-profile',
    {},
    { ...tried, added: [deny, deny] },
    ['would add 2 rules', 'würde 2 Regeln hinzufügen', 'ルール 2 件を追加予定'],
  ],
  [
    'set-profile',
    {},
    { ...tried, added: [deny] },
    ['would add 1 rule', 'würde 1 Regel hinzufügen', 'ルール 1 件を追加予定'],
  ],
  [
    'set-profile',
    {},
    { ...tried, added: [deny], removed: [allow, allow] },
    ['would change rules: +1, −2', 'würde Regeln ändern: +1, −2', 'ルールを変更予定: +1、−2'],
  ],
  ['set-profile', {}, { ...tried }, ['would change other settings', 'würde anderes ändern', 'その他の設定を変更予定']],
  ['set-profile', {}, { ...tried, files: [] }, ['nothing to change', 'nichts zu ändern', '変更の必要なし']],
  [
    'set-profile',
    {},
    { action: 'set-profile enhanced' },
    ['Enhanced Security set', 'Enhanced Security gesetzt', 'Enhanced Security を設定しました'],
  ],
  ['set-profile', {}, { action: 'set-profile night' }, ['night set', 'night gesetzt', 'night を設定しました']],
  [
    'change-web-ports',
    {},
    { state: { leases: [], webPorts: { http: 1780, https: 1443 } } },
    ['web ports 1780, 1443', 'Webports 1780, 1443', 'Web ポート 1780, 1443'],
  ],
  [
    'change-web-ports',
    { mode: 'repair' },
    {},
    ['web ports repaired', 'Webports repariert', 'Web ポートを修復しました'],
  ],
  ['restore-firewall', {}, {}, ['last change undone', 'Änderung zurückgenommen', '直前の変更を取り消しました']],
  [
    'restore-firewall',
    { action: 'restore' },
    {},
    ['backup restored', 'Sicherung zurückgeholt', 'バックアップを復元しました'],
  ],
];

describe('the status after a change', () => {
  for (const [type, def, given, texts] of CASES) {
    it(`says “${texts[0]}” in each language (${type} ${JSON.stringify(def)})`, async () => {
      for (const [at, language] of ['en-US', 'de', 'ja'].entries()) {
        assert.equal(await shown(language, type, def, result(given)), texts[at]);
      }
    });
  }
});
