/** Runs inside a device: makes the calls that come as lines of JSON, and answers each with a line. */

import { createInterface } from 'node:readline';
import { transact } from '../../firewall/commit/transaction';
import { Firewall } from '../../firewall/firewall';
import type { Limits } from '../../firewall/fleet/fleet';
import type { AgentRequest } from '../../firewall/messages';
import { settings as settingsSchema } from '../../firewall/messages';
import { added, inserted, removed } from '../../firewall/plan/rule-list';
import type { WatchEvent } from '../../firewall/results';
import type { Rule } from '../../firewall/rules/rule';
import { EngineClock } from './engine-clock';

/** One step of ufw's own vocabulary: add (at the end or in place), insert before a position (1-based), delete. */
export interface Edit {
  kind: 'add' | 'insert' | 'delete';
  rule: Rule;
  position?: number;
}

export interface EngineCall {
  id: number;
  method:
    | ('read' | 'backups' | 'resume' | 'edit' | 'watch' | 'unwatch' | 'fleet' | 'advance' | 'setWall')
    | Exclude<AgentRequest['call']['method'], 'settle' | 'news'>;
  request: unknown;
}

export interface EngineAnswer {
  id: number;
  result?: unknown;
  error?: { code: string; message: string };
}

/** What a watch tells, on a line of its own. */
export interface EngineTold {
  event?: WatchEvent;
  /** The message of what keeps it from telling, or null when nothing does any more. */
  trouble?: string | null;
  /** When it was read; ISO 8601. */
  readAt?: string;
  /** What the engine says by itself. */
  said?: string;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>;
const firewall = new Firewall(settings);
const clock = EngineClock.install();

function edited(list: readonly Rule[], { kind, rule, position }: Edit): readonly Rule[] {
  switch (kind) {
    case 'add':
      return added(list, rule);
    case 'delete':
      return removed(list, rule);
    case 'insert':
      return inserted(list, rule, (position ?? 1) - 1);
  }
}

async function edit(edits: readonly Edit[]): Promise<boolean> {
  const plan: Parameters<typeof transact>[1]['plan'] = (snapshot) => {
    const rules = snapshot.families.map((state) => ({
      family: state.family,
      rules: edits.filter(({ rule }) => rule.family === state.family).reduce(edited, state.rules),
    }));
    return { rules, policies: snapshot.settings.policies, enabled: snapshot.settings.enabled, warnings: [] };
  };
  const { changed } = await transact(
    settingsSchema.parse(settings),
    {
      action: 'edit',
      reason: 'requested',
      by: { source: { kind: 'console', user: 'test', tty: '' }, reason: '' },
      plan,
      guard: async () => undefined,
    },
    false,
  );
  return changed;
}

const tell = (told: EngineTold): boolean => process.stdout.write(`${JSON.stringify(told)}\n`);
firewall.observe(({ said }) => {
  for (const text of said) tell({ said: text });
});
let unwatch = (): void => undefined;

function watch(options: unknown): void {
  unwatch = firewall.watch(options, {
    event: (event) => tell({ event }),
    trouble: (error) => tell({ trouble: error?.message ?? null }),
    state: ({ readAt }) => tell({ readAt }),
  });
}

async function perform({ method, request }: EngineCall): Promise<unknown> {
  if (method === 'edit') return edit(request as Edit[]);
  if (method === 'watch') return watch(request);
  if (method === 'unwatch') return unwatch();
  if (method === 'advance' || method === 'setWall') return clock[method](request as number);
  if (method === 'fleet') {
    const { envelope, limits } = request as { envelope: unknown; limits?: Limits };
    return (await firewall.fleet(envelope, limits)).result;
  }
  if (method === 'read') return firewall.read(undefined, (request as { csaf?: unknown }).csaf);
  if (method === 'resume' || method === 'backups' || method === 'evidence') {
    return firewall[method]();
  }
  if (method === 'refused') throw new Error('nobody asks for it');
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

createInterface({ input: process.stdin })
  .on('line', (line) => void answer(line))
  .on('close', () => firewall.close());
