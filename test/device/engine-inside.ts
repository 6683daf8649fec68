/** Runs inside a device: makes the calls that come as lines of JSON, and answers each with a line. */
import { createInterface } from 'node:readline';
import type { RuleLists } from '../../firewall/commit/snapshot';
import { transact } from '../../firewall/commit/transaction';
import { Firewall } from '../../firewall/firewall';
import { settings as settingsSchema } from '../../firewall/messages';
import { added, inserted, removed } from '../../firewall/plan/rulelist';
import type { Rule } from '../../firewall/rules/rule';

/** One step of ufw's own vocabulary: add (at the end or in place), insert before a position (1-based), delete. */
export interface Edit {
  kind: 'add' | 'insert' | 'delete';
  rule: Rule;
  position?: number;
}

export interface EngineCall {
  id: number;
  method: 'read' | 'setProfile' | 'toggleService' | 'changeWebPorts' | 'resume' | 'edit';
  request: unknown;
}

export interface EngineAnswer {
  id: number;
  result?: unknown;
  error?: { code: string; message: string };
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>;
const firewall = new Firewall(settings);

async function edit(edits: readonly Edit[]): Promise<boolean> {
  const plan: Parameters<typeof transact>[1]['plan'] = (snapshot) => {
    const rules: RuleLists = { ...snapshot.rules };
    for (const { kind, rule, position } of edits) {
      const list = rules[rule.family];
      if (!list) continue;
      rules[rule.family] =
        kind === 'add'
          ? added(list, rule)
          : kind === 'delete'
            ? removed(list, rule)
            : inserted(list, rule, (position ?? 1) - 1);
    }
    return { rules, policies: snapshot.settings.policies, enable: false, warnings: [] };
  };
  const { changed } = await transact(settingsSchema.parse(settings), { action: 'edit', plan }, false);
  return changed;
}

function perform({ method, request }: EngineCall): Promise<unknown> {
  if (method === 'edit') return edit(request as Edit[]);
  if (method === 'read' || method === 'resume') return firewall[method]();
  return firewall[method](request);
}

async function answer(line: string): Promise<void> {
  const call = JSON.parse(line) as EngineCall;
  const said: EngineAnswer = await perform(call).then(
    (result) => ({ id: call.id, result }),
    (error: Error & { code?: string }) => ({
      id: call.id,
      error: { code: error.code ?? 'none', message: error.code ? error.message : String(error.stack) },
    }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => void answer(line));
