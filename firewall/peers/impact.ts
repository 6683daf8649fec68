/** Who is cut off by a change: who is known to talk with a service, got through before, and does not after. */
import type { Family } from '../rules/rule';
import type { Scope } from '../services/profiles';
import type { Registry } from '../services/registry';
import { isCutOff } from '../verdicts/cut-off';
import type { Ruleset } from '../verdicts/ruleset';
import { yieldToEventLoop } from '../yield';
import { type Known, type KnownPeers, peersOf } from './known';

/** Those of one service and direction. */
export interface CutOff {
  service: string;
  direction: 'in' | 'out';
  peers: Known[];
}

const DIRECTIONS = ['in', 'out'] as const;
/** Peers looked at before the event loop gets its turn. */
const SLICE = 50;

/** Each of them is held against the kernel's whole rulesets, not against what ufw's files say. */
export async function cutOff(
  known: KnownPeers,
  registry: Registry,
  before: Ruleset,
  after: Ruleset,
): Promise<CutOff[]> {
  const answers = new Map<string, boolean>();
  const isCut = (direction: 'in' | 'out', family: Family, port: string, scope: Scope): boolean => {
    const [old, next] = [before, after].map((rules) => rules.find((one) => one.family === family));
    if (!old || !next || old === next) return false;
    const key = [direction, family, port, scope.interface, scope.from].join(' ');
    const answer = answers.get(key) ?? isCutOff(old, next, direction, port, scope);
    answers.set(key, answer);
    return answer;
  };
  const found: CutOff[] = [];
  let looked = 0;
  for (const id of new Set([...known.typed.keys(), ...(known.learned?.keys() ?? [])])) {
    const service = registry.services.find((one) => one.id === id);
    for (const direction of DIRECTIONS) {
      const peers: Known[] = [];
      for (const one of peersOf(
        known,
        { id, directions: service?.directions ?? ['in'], opens: service?.opens ?? [id] },
        direction,
      )) {
        const family = one.address.includes(':') ? 'ipv6' : 'ipv4';
        const cut = one.ways.some(({ port, on }) => {
          // Where nobody is cut off, nobody has to be asked about.
          const all = { interface: on ?? '', from: '' };
          return isCut(direction, family, port, all) && isCut(direction, family, port, { ...all, from: one.address });
        });
        if (cut) peers.push(one);
        if (++looked % SLICE === 0) await yieldToEventLoop();
      }
      if (peers.length > 0) found.push({ service: id, direction, peers });
    }
  }
  return found;
}
