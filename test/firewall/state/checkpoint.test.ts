import { strict as assert } from 'node:assert';
import { describe, it } from 'mocha';
import { CHECKPOINT, textsOf } from '../../../firewall/state/checkpoint';
import { textFor, understood } from '../../../firewall/state/own-file';
import { spliceOf } from '../../../firewall/state/splice';
import { inWords } from '../in-words';
import { kept, keptBackups } from './kept';

const text = (value: unknown): string => Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');
const RULES = '/etc/ufw/user.rules';
const SITE = '/etc/nginx/sites-available/apollo.conf';

describe('A checkpoint', () => {
  it('of 1.0.0 is understood in full, and is on disk what that version wrote, with a version', () => {
    const backups = keptBackups();
    assert.ok(Object.keys(backups).length >= 4);
    for (const [id, old] of [...Object.entries(backups), ['journal', kept('journal.json')] as const]) {
      const { value, flaw } = understood(CHECKPOINT, old);
      assert.equal(flaw, null);
      assert.ok(value);
      if (id !== 'journal') assert.equal(value.id, id);
      const { version, ...content } = JSON.parse(textFor(CHECKPOINT, value));
      assert.equal(version, 1);
      assert.deepEqual(content, JSON.parse(old));
    }
  });

  it('of 1.0.0 gives the texts before and after, the unit, and what the kernel held of each family', () => {
    const all = Object.values(keptBackups()).map((one) => understood(CHECKPOINT, one).value);
    const moved = all.find((one) => one?.action.startsWith('change-web-ports'));
    assert.ok(moved);
    assert.match(textsOf(moved, 'before')[SITE] ?? '', /listen +443 ssl/);
    assert.doesNotMatch(textsOf(moved, 'before')[SITE] ?? '', /1443/);
    assert.match(textsOf(moved, 'after')[SITE] ?? '', /listen +1443 ssl/);
    assert.match(textsOf(moved, 'after')[RULES] ?? '', /tuple ### allow tcp 1443/);
    const stopped = all.find((one) => one?.unit);
    assert.deepEqual(stopped?.unit?.name, 'ssh.service');
    const journal = understood(CHECKPOINT, kept('journal.json')).value;
    assert.deepEqual(
      journal?.kernel?.map(({ family, text: tables }) => [family, /^\*filter$/m.test(tables)]),
      [
        ['ipv4', true],
        ['ipv6', true],
      ],
    );
  });

  it('keeps what an undo makes of a file, where that is not what the file was', () => {
    const [old = ''] = Object.values(keptBackups());
    const { value } = understood(CHECKPOINT, old);
    assert.ok(value);
    const was = textsOf(value, 'before')[RULES] ?? '';
    const undone = was.replace('### RULES ###', '### RULES ###\n# as before the change that this one took back');
    assert.notEqual(undone, was);
    const written = textFor(CHECKPOINT, { ...value, base: { [RULES]: spliceOf(was, undone) } });
    const again = understood(CHECKPOINT, written).value;
    assert.ok(again);
    assert.equal(textsOf(again, 'base')[RULES], undone);
    assert.equal(textsOf(again, 'before')[RULES], was);
    assert.equal(textsOf(again, 'after')[RULES], textsOf(value, 'after')[RULES]);
    // Without it an undo makes of a file what it was.
    assert.deepEqual(textsOf(value, 'base'), textsOf(value, 'before'));
  });

  it('is understood wholly or not at all', () => {
    const [old = ''] = Object.values(keptBackups());
    const content = JSON.parse(old);
    const [first, ...others] = content.before;
    const damaged: [object, RegExp][] = [
      [{ id: 'x' }, /^id: /],
      [{ at: 'yesterday' }, /^at: /],
      [{ at: '2026-02-30T00:00:00.000Z' }, /^at: /],
      [{ reason: 'because' }, /^reason: /],
      [{ rules: -1 }, /^rules: /],
      [{ before: null }, /^before: /],
      [{ before: [{ ...first, path: 'user.rules' }, ...others] }, /^before\.0\.path: must be an absolute path/],
      [{ before: [{ ...first, path: '/etc/ufw/../shadow' }, ...others] }, /^before\.0\.path: must be an absolute path/],
      [{ before: [{ ...first, text: 'ÿĀ' }, ...others] }, /^before\.0\.text: /],
      [{ before: [{ ...first, mode: 0o104755 }, ...others] }, /^before\.0\.mode: /],
      [{ before: [{ ...first, uid: -1 }, ...others] }, /^before\.0\.uid: /],
      [{ before: [] }, /^after: must name files that stand in before/],
      [{ after: { ...content.after, '/etc/passwd': { from: 0, to: 0, text: 'root::0:0' } } }, /^after: must name/],
      [{ after: { [RULES]: { from: 0, to: 1 } } }, /^after\./],
      [{ unit: { name: 'ssh.service' } }, /^unit\.from: /],
      [
        { unit: { name: 'evil.service', from: { enabled: true, active: true }, to: { enabled: true, active: true } } },
        /^unit\.name: /,
      ],
      [{ site: 7 }, /^site: /],
      [{ kernel: { ipv4: 7 } }, /^kernel\.ipv4: /],
    ];
    for (const [change, flaw] of damaged) {
      const found = understood(CHECKPOINT, text({ ...content, ...change }));
      assert.equal(found.value, null, JSON.stringify(change).slice(0, 100));
      assert.match(inWords(found.flaw), flaw);
    }
    for (const key of ['id', 'at', 'action', 'reason', 'rules', 'before', 'after', 'site']) {
      const { [key]: _, ...less } = content;
      assert.equal(understood(CHECKPOINT, text(less)).value, null, key);
    }
  });

  it('keeps every byte that a file can hold', () => {
    const [old = ''] = Object.values(keptBackups());
    const { value } = understood(CHECKPOINT, old);
    assert.ok(value);
    const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    const odd = { ...value, before: value.before.map((file) => ({ ...file, text: bytes })) };
    assert.deepEqual(understood(CHECKPOINT, textFor(CHECKPOINT, odd)), { value: odd, flaw: null });
  });
});
