/** What is read of ufw's settings, held against the two programs that read them: ufw itself, and the shell of its boot script. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { parseSettings, type SettingsTexts, withSettings } from '../../../firewall/rules/ufw-settings';
import { SEED } from '../../seed';
import { Random } from '../commands';

const FILES = Number(process.env.SETTINGS_FILES ?? 400);
const OPTIONS = ['ENABLED', 'IPV6', 'DEFAULT_INPUT_POLICY', 'DEFAULT_OUTPUT_POLICY', 'DEFAULT_FORWARD_POLICY'] as const;
const POLICY = ['incoming', 'outgoing', 'routed'] as const;
const MEANING = { ACCEPT: 'allow', DROP: 'deny', REJECT: 'reject' } as const;

/** What each of the programs holds an option for; null where it stops with an error. */
interface Truth {
  shell: readonly string[] | null;
  ufw: readonly string[] | null;
}

/** Runs each pair of files through a shell, as the boot script does. */
const SHELL = `
for at in $(seq 0 $((COUNT - 1))); do
  ( for s in "$at.default" "$at.conf"; do . "./$s"; done
    printf '%s\\037%s\\037%s\\037%s\\037%s' "$ENABLED" "$IPV6" "$DEFAULT_INPUT_POLICY" "$DEFAULT_OUTPUT_POLICY" "$DEFAULT_FORWARD_POLICY" )
  printf '\\036'
done`;
/** Has each pair of files read by ufw's own class. */
const UFW = `
import builtins, json, os
builtins._ = str
from ufw.backend import UFWBackend
from ufw.common import UFWError
class Reader(UFWBackend):
    def __init__(self, at):
        self.files = {'defaults': '%d.default' % at, 'conf': '%d.conf' % at}
        self._get_defaults()
out = []
for at in range(int(os.environ['COUNT'])):
    try:
        d = Reader(at).defaults
        out.append([d.get(o, '') for o in ('enabled', 'ipv6', 'default_input_policy', 'default_output_policy', 'default_forward_policy')])
    except UFWError:
        out.append(None)
print(json.dumps(out))`;

/** What both programs make of the files, each started once for all of them. */
function truthOf(pairs: readonly SettingsTexts[], folder: string): Truth[] {
  for (const [at, { defaultUfw, ufwConf }] of pairs.entries()) {
    writeFileSync(join(folder, `${at}.default`), defaultUfw, 'latin1');
    writeFileSync(join(folder, `${at}.conf`), ufwConf, 'latin1');
  }
  const options = {
    ...{ cwd: folder, encoding: 'utf8' as const, maxBuffer: 2 ** 26 },
    env: { PATH: process.env.PATH, COUNT: String(pairs.length) },
    stdio: ['ignore', 'pipe', 'ignore'] as ('ignore' | 'pipe')[],
  };
  const shell = execFileSync('/bin/sh', ['-c', SHELL], options).split('\x1e').slice(0, -1);
  const ufw = JSON.parse(execFileSync('/usr/bin/python3', ['-c', UFW], options)) as (string[] | null)[];
  assert.equal(shell.length, pairs.length);
  return shell.map((line, at) => ({ shell: line === '' ? null : line.split('\x1f'), ufw: ufw[at] ?? null }));
}

const isYes = { shell: (value = '') => value === 'yes' || value === 'YES', ufw: (value = '') => value === 'yes' };

/** Whether both programs understand all options, and alike. */
function agrees({ shell, ufw }: Truth): boolean {
  if (!ufw || !shell) return false;
  return OPTIONS.every((_, at) => {
    if (at < 2) return isYes.shell(shell[at]) === isYes.ufw(ufw[at]);
    return (shell[at] ?? '') in MEANING && shell[at]?.toLowerCase() === ufw[at];
  });
}

function line(random: Random, option: string): string {
  const value =
    option === 'ENABLED' || option === 'IPV6'
      ? random.pick(['yes', 'yes', 'no', 'YES', 'Yes', 'no', '', 'true', '1'])
      : random.pick(['ACCEPT', 'DROP', 'REJECT', 'DROP', 'drop', 'Accept', '']);
  const quoted = random.pick([
    value,
    value,
    `"${value}"`,
    `"${value}"`,
    `'${value}'`,
    `${value}"" `,
    `"${value}`.slice(1),
  ]);
  const before = random.pick(['', '', '', '', ' ', '\t', 'export ', '# ', '#']);
  const behind = random.pick(['', '', '', '', ' ', ' # on', '#on', ' #', ';', '; # x', '\r', '=no', '\t#\t"x"']);
  // Another variable to the shell: what breaks its line is none of ours.
  if (random.chance(0.05)) return `${option.toLowerCase()}=${value}`;
  return `${before}${option}=${quoted}${behind}`;
}

/** Settings files as people leave them behind. */
function pairFor(random: Random): SettingsTexts {
  const plain = (option: string): string => (option.startsWith('DEFAULT') ? `${option}="DROP"` : `${option}=yes`);
  const text = (options: readonly string[]): string =>
    [
      ...['# settings', 'IPT_SYSCTL=/etc/ufw/sysctl.conf', ''],
      ...options.flatMap((option) => [plain(option), ...(random.chance(0.3) ? [line(random, option)] : [])]),
      ...(random.chance(0.2) ? [line(random, random.pick(OPTIONS))] : []),
      ...(random.chance(0.5) ? ['LOGLEVEL=low'] : []),
    ].join('\n') + random.pick(['\n', '\n', '']);
  return { defaultUfw: text(OPTIONS.slice(1)), ufwConf: text(['ENABLED']) };
}

describe(`ufw's settings in ${FILES} pairs of files (seed ${SEED})`, function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'settings-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const random = new Random(SEED);
  const pairs = Array.from({ length: FILES }, () => pairFor(random));
  const said = (pair: SettingsTexts, truth: Truth): string =>
    `${pair.defaultUfw}\n---\n${pair.ufwConf}\n${JSON.stringify(truth)}`;
  const readable = (pair: SettingsTexts) => {
    try {
      return parseSettings(pair);
    } catch {
      return null;
    }
  };

  it('are read as the boot script reads them, and every line that ufw reads otherwise is named', () => {
    let disputed = 0;
    for (const [at, truth] of truthOf(pairs, folder).entries()) {
      const pair = pairs[at] as SettingsTexts;
      const settings = readable(pair);
      // A policy that neither program understands.
      if (!settings) {
        assert.ok(!agrees(truth), said(pair, truth));
        continue;
      }
      if (settings.disputed.length === 0) assert.ok(agrees(truth), said(pair, truth));
      if (!agrees(truth)) {
        assert.ok(settings.disputed.length > 0, said(pair, truth));
        disputed++;
      }
      // What a line does that is no plain assignment only the shell can tell.
      if (settings.disputed.some(({ isUnclear }) => isUnclear)) continue;
      const { shell } = truth;
      assert.ok(shell, said(pair, truth));
      assert.deepEqual([settings.enabled, settings.ipv6], shell.slice(0, 2).map(isYes.shell), said(pair, truth));
      for (const [index, key] of POLICY.entries()) {
        const value: string = shell[index + 2] ?? '';
        if (value in MEANING)
          assert.equal(settings.policies[key], MEANING[value as keyof typeof MEANING], said(pair, truth));
      }
    }
    assert.ok(disputed > FILES / 10 && disputed < FILES, `${disputed}`);
  });

  it('are written so that both read what is wanted, and nothing of the rest is lost', () => {
    const written = pairs.flatMap((pair) => {
      const settings = readable(pair);
      if (!settings) return [];
      if (settings.disputed.some(({ isUnclear }) => isUnclear)) {
        assert.throws(() => withSettings(pair, settings), /UFW_FILES_UNREADABLE/);
        return [];
      }
      const wanted = {
        enabled: random.chance(0.5),
        policies: {
          ...{ incoming: random.pick(Object.values(MEANING)), outgoing: random.pick(Object.values(MEANING)) },
          routed: random.pick(Object.values(MEANING)),
        },
      };
      return [{ pair, wanted: { ...wanted, ipv6: settings.ipv6 }, texts: withSettings(pair, wanted) }];
    });
    assert.ok(written.length > FILES / 2);
    const truths = truthOf(
      written.map(({ texts }) => texts),
      folder,
    );
    for (const [at, { wanted, texts, pair }] of written.entries()) {
      const truth = truths[at] as Truth;
      const { shell } = truth;
      assert.ok(shell && agrees(truth), said(texts, truth));
      assert.deepEqual(shell.slice(0, 2).map(isYes.shell), [wanted.enabled, wanted.ipv6], said(texts, truth));
      const policies = POLICY.map((_, index) => MEANING[shell[index + 2] as keyof typeof MEANING]);
      assert.deepEqual(
        policies,
        POLICY.map((key) => wanted.policies[key]),
        said(texts, truth),
      );
      assert.deepEqual(parseSettings(texts).disputed, []);
      const others = ({ defaultUfw, ufwConf }: SettingsTexts): string[] =>
        `${defaultUfw}\n${ufwConf}`.split('\n').filter((one) => /^#|^IPT|^LOGLEVEL/.test(one));
      assert.deepEqual(others(texts), others(pair));
    }
  });

  it('that are the same to both are left as they are, byte for byte', () => {
    const clean = pairs.filter((pair) => readable(pair)?.disputed.length === 0);
    assert.ok(clean.length > FILES / 20, String(clean.length));
    for (const pair of clean) assert.deepEqual(withSettings(pair, parseSettings(pair)), pair);
  });
});

describe('A default policy that is none', () => {
  for (const value of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'allow', 'DENY', ''])
    it(`is refused: ${value || 'nothing'}`, () => {
      const defaultUfw = `IPV6=yes\nDEFAULT_INPUT_POLICY="${value}"\nDEFAULT_OUTPUT_POLICY="DROP"\nDEFAULT_FORWARD_POLICY="DROP"\n`;
      assert.throws(
        () => parseSettings({ defaultUfw, ufwConf: 'ENABLED=yes\n' }),
        /UFW_FILES_UNREADABLE.*DEFAULT_INPUT_POLICY/,
      );
    });
});

describe('A line of ufw’s settings of which only a shell could tell what it says', () => {
  const FINE = {
    defaultUfw:
      'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="ACCEPT"\nDEFAULT_FORWARD_POLICY="DROP"\n',
  };
  for (const odd of [
    ...['ENABLED=$(cat /run/on)', 'ENABLED="$ON"', 'ENABLED=`on`', 'true && ENABLED=yes', 'ENABLED=yes true'],
    ...['if true; then ENABLED=yes; fi', 'ENABLED=y\\es', 'ENABLED="yes'],
  ])
    it(`is named, and nothing is changed around it: ${odd}`, () => {
      const texts = { ...FINE, ufwConf: `${odd}\n` };
      const { disputed, policies } = parseSettings(texts);
      assert.deepEqual(
        disputed.map(({ option, line: number, text, isUnclear }) => ({ option, number, text, isUnclear })),
        [{ option: 'ENABLED', number: 1, text: odd, isUnclear: true }],
      );
      assert.throws(
        () => withSettings(texts, { enabled: true, policies }),
        /UFW_FILES_UNREADABLE.*line 1 of ufw\.conf/,
      );
    });
});
