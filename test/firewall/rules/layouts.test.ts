/** Rule files in the layouts of other ages of ufw: read, written and changed without becoming anything else. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import type { Policies } from '../../../firewall/results';
import { userLoad } from '../../../firewall/rules/load-text';
import { FAMILIES, type Family, makeRule, type Rule } from '../../../firewall/rules/rule';
import {
  formatRuleFile,
  parseRuleFile,
  type RuleFile,
  rulesOf,
  unreadableLines,
  withChains,
  withRules,
} from '../../../firewall/rules/rule-file';
import { restored } from '../../../firewall/rules/tables';
import { formatTuple } from '../../../firewall/rules/tuple';
import { LAYOUTS } from '../layouts';

const POLICIES: Policies = { incoming: 'deny', outgoing: 'deny', routed: 'deny' };
const SETTINGS = { enabled: true, ipv6: true, logging: 'low', policies: POLICIES, disputed: [] } as const;

const changed = (file: RuleFile, rules: readonly Rule[]): RuleFile =>
  withRules(withChains(file, rules, SETTINGS), rules);

const withoutLimits = (text: string): string => text.replace(/\n### RATE LIMITING[\s\S]*END RATE LIMITING ###\n/, '');

for (const { name, files } of LAYOUTS) {
  describe(`A rule file of ufw ${name}`, () => {
    const each = (check: (family: Family, text: string, file: RuleFile) => void): void => {
      for (const family of FAMILIES) check(family, files[family], parseRuleFile(files[family], family, 'user.rules'));
    };

    it('is read in full, every line understood, and written as it was read', () =>
      each((_, text, file) => {
        assert.equal(formatRuleFile(file), text);
        assert.equal(rulesOf(file).length, text.split('### tuple ###').length - 1);
        assert.deepEqual(unreadableLines(file, 'user.rules'), []);
        assert.equal(formatRuleFile(withRules(file, rulesOf(file))), text);
      }));

    it('keeps its head, its end and the text of its rules when others come and go', () =>
      each((family, text, file) => {
        const rules = rulesOf(file);
        const fresh = makeRule(family, { protocol: 'tcp', dport: '8080' });
        const entry = `\n${formatTuple(fresh)}\n-A ${family === 'ipv4' ? 'ufw' : 'ufw6'}-user-input -p tcp --dport 8080 -j ACCEPT\n`;
        const [first = ''] = file.items.map(({ raw }) => raw);
        const added = changed(file, [...rules, fresh]);
        assert.equal(formatRuleFile(added), text.replace('\n### END RULES ###', `${entry}\n### END RULES ###`));
        assert.equal(formatRuleFile(changed(added, rules)), text);
        assert.equal(formatRuleFile(changed(file, rules.slice(1))), text.replace(first, ''));
      }));

    it('gets the chains that a rule leads to, where it has not got them, and no more', () =>
      each((family, _, file) => {
        const limit = makeRule(family, { action: 'limit', log: 'log', protocol: 'tcp', dport: '8080' });
        const text = formatRuleFile(changed(file, [...rulesOf(file), limit]));
        const { chains } = restored(text);
        for (const [chain, lines] of chains) {
          for (const line of lines) {
            const target = / -j (ufw\S+)/.exec(line)?.[1];
            if (target) assert.ok(chains.get(target)?.length, `${chain} leads to ${target}`);
          }
        }
        const gone = file.head.split('\n').filter((line) => !text.includes(`${line}\n`));
        assert.deepEqual(gone, []);
        assert.equal(withoutLimits(text.slice(text.indexOf('\n### END RULES'))), withoutLimits(file.tail));
      }));

    it('leads to the same table when it is loaded a second time', () =>
      each((_family, _text, file) => {
        const load = userLoad(file, POLICIES);
        const once = restored(load);
        assert.deepEqual(restored(load, once), once);
      }));
  });
}

describe('A rule file without the mark behind its rules', () => {
  it('has new rules in front of the lines that end its chains', () => {
    const { files } = LAYOUTS[3] as (typeof LAYOUTS)[number];
    const file = parseRuleFile(files.ipv6.replace('### END RULES ###\n', ''), 'ipv6', 'user6.rules');
    const text = formatRuleFile(
      changed(file, [...rulesOf(file), makeRule('ipv6', { protocol: 'tcp', dport: '8080' })]),
    );
    assert.ok(text.indexOf('--dport 8080') < text.indexOf('-A ufw6-user-input -j RETURN'), text);
  });
});
