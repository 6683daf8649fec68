/** Learning who talks: begun, ended, forgotten, read. It changes nothing in the firewall. */
import {
  forgetSamples,
  keepLearned,
  look,
  refuseWithoutTracking,
  startLooking,
  stopLooking,
  takeStock,
  writeLearned,
} from '../commit/learning';
import { record } from '../commit/transaction';
import { rendered } from '../errors';
import { deadlineAfter, readClock } from '../host/clock';
import { readSnapshot } from '../host/snapshot';
import type { Call, LearnRequest, Settings } from '../messages';
import { type Learned, NOTHING_LEARNED, secondsLeftOf } from '../peers/learned';
import { type Proposal, proposalOf } from '../peers/proposal';
import type { LearnResult } from '../results';
import { learnedServices } from '../state/peers-report';
import { registryFor } from '../state/registry-for';
import type { Snapshot } from '../state/snapshot';
import { byOf } from './by';
import { knownOrNot } from './peers';

/** @throws FirewallError NO_TRACKING, and as reading does; then nothing is changed */
export async function learn(settings: Settings, call: Call<'learn'>): Promise<LearnResult> {
  const { request } = call;
  const { action } = request;
  const before = await readSnapshot(settings);
  const changed = await CHANGES[action](settings, request, before.learned);
  const unentered = changed
    ? await record(settings, () => [{ type: 'learning', ...byOf(call), action: `learn-peers ${action}` }])
    : [];
  const [after, clock] = await Promise.all([changed ? readSnapshot(settings) : before, readClock()]);
  const registry = registryFor(settings, after);
  const { known, warnings } = knownOrNot(settings, after);
  return {
    ...{ action, changed: changed !== null },
    ...learnedServices(after.learned, registry, clock),
    proposal: known && inWords(proposalOf(known, registry)),
    warnings: [...(changed ?? []), ...unentered, ...warnings, ...(action === 'start' ? blindness(after) : [])],
  };
}

const inWords = (proposal: Proposal | null): LearnResult['proposal'] =>
  proposal && { ...proposal, left: proposal.left.map((one) => ({ ...one, reason: rendered(one.reason) })) };

/** What is to be said of a change that was made; null where there was nothing to do. */
type Change = (settings: Settings, request: LearnRequest, now: Learned | null) => Promise<readonly string[] | null>;

const CHANGES: { [A in LearnRequest['action']]: Change } = {
  read: async () => null,
  async start(settings, { duration }, now) {
    await refuseWithoutTracking();
    // Without an end there is nothing to move.
    if (now?.learning?.until === null && now.isLooking && duration === 0) return null;
    const [until, { wall }] = await Promise.all([deadlineAfter(duration), readClock()]);
    return rewrite(settings, (learned) => ({
      ...learned,
      learning: { since: learned.learning?.since ?? wall, until },
    }));
  },
  stop: async (settings, _, now) =>
    now?.learning ? rewrite(settings, (learned) => ({ ...learned, learning: null })) : null,
  async forget(settings, _, now) {
    if (!now) return null;
    const { wall } = await readClock();
    return rewrite(
      settings,
      ({ learning }) => ({ ...NOTHING_LEARNED, learning: learning && { ...learning, since: wall } }),
      forgetSamples,
    );
  },
};

/** Writes what is to be known from now on, while nobody else does. */
async function rewrite(
  settings: Settings,
  next: (learned: Learned) => Learned,
  first: () => Promise<void> = async () => undefined,
): Promise<readonly string[]> {
  await stopLooking();
  await look();
  const { learned, warnings } = await takeStock(settings);
  let state = learned;
  try {
    const wanted = next(learned);
    await writeLearned(settings, wanted);
    state = wanted;
    await first();
  } finally {
    // Where it could not be written, all goes on as before.
    await startLooking(settings, state);
  }
  return warnings;
}

const blindness = ({ settings }: Snapshot): string[] =>
  settings.enabled
    ? []
    : ['The firewall is off: as long as it is, the kernel may not keep track of connections, and nobody is seen.'];

/**
 * Keeps what was seen since it was kept last. Only for the program that looks.
 * @returns whether learning is over.
 */
export async function keepPeers(settings: Settings): Promise<boolean> {
  const [{ learned }, clock] = await Promise.all([takeStock(settings), readClock()]);
  if (!learned.learning) return true;
  const isOver = secondsLeftOf(learned.learning, clock) <= 0;
  if (!isOver) await keepLearned(settings, learned);
  else await writeLearned(settings, { ...learned, learning: null });
  return isOver;
}
