/** Reading the firewall: ufw's files, the kernel's tables and who listens, as one report. */
import { ownFlaws } from '../commit/recovery';
import { guardHere } from '../commit/timers';
import type { Csaf } from '../csaf';
import { isSentence, rendered } from '../errors';
import { readClock, readZone } from '../host/clock';
import { type Network, readNetwork } from '../host/connections';
import { isInSync } from '../host/in-sync';
import { readKernel } from '../host/kernel';
import { readHead } from '../host/ledger';
import { readSnapshot } from '../host/snapshot';
import type { Settings } from '../messages';
import type { Repetition, State } from '../results';
import type { Table } from '../rules/tables';
import { advisoriesWith } from '../services/advisories';
import { expectedTable } from '../state/expected';
import type { Kernel } from '../state/kernel';
import { registryFor } from '../state/registry-for';
import { driftOf, type Facts, report } from '../state/report';
import type { Snapshot } from '../state/snapshot';
import { kernelRule } from '../verdicts/kernel-rule';
import { socketsOfNginx } from '../web/server';
import { yieldToEventLoop } from '../yield';
import type { Reading } from './observation';

/** Lines looked at before the event loop gets its turn. */
const SLICE = 400;

/** Who listens, who is connected, and what time it is: nothing a change of rules touches, so it is read while one is made. */
export type Surroundings = Network & Pick<Facts, 'nginx' | 'clock' | 'zone' | 'missing'>;

export async function readSurroundings(): Promise<Surroundings> {
  const [network, clock, zone, { missing }] = await Promise.all([readNetwork(), readClock(), readZone(), guardHere()]);
  return { ...network, clock, zone, missing, nginx: await socketsOfNginx(network.sockets) };
}

export async function stateOf(
  settings: Settings,
  snapshot: Snapshot,
  kernel: Kernel,
  surroundings: Surroundings,
  documents: readonly Csaf[] = [],
): Promise<State> {
  const [inSync, head] = await Promise.all([isInSync(snapshot, kernel), readHead(settings)]);
  const ledger = isSentence(head) ? null : head;
  const operatorKeys = settings.operatorKeys.map(({ name }) => name);
  const registry = registryFor(settings, snapshot);
  const advisories = advisoriesWith(documents);
  return report({ snapshot, kernel, inSync, registry, operatorKeys, advisories, ledger, ...surroundings });
}

/** @throws FirewallError UFW_NOT_FOUND, UFW_FILES_UNREADABLE, NOT_PERMITTED */
export async function read(settings: Settings, documents?: readonly Csaf[]): Promise<Reading> {
  const reading = readSnapshot(settings);
  const [snapshot, kernel, surroundings, flaws] = await Promise.all([
    reading.then(foreseen),
    readKernel(reading),
    readSurroundings(),
    ownFlaws(settings),
  ]);
  const report = await stateOf(settings, snapshot, kernel, surroundings, documents);
  const leftovers = [...report.leftovers, ...flaws.map((one) => rendered(one))];
  const state = { ...report, leftovers, said: [...report.said, ...flaws] };
  return { snapshot, kernel, state, drift: driftOf(registryFor(settings, snapshot), snapshot, state) };
}

/** While programs print what the kernel holds: most likely it is what the files say, which is worked out meanwhile, once. */
async function foreseen(snapshot: Snapshot): Promise<Snapshot> {
  for (const { family } of snapshot.families) {
    const expected = expectedTable(snapshot, family);
    if (worked.has(expected)) continue;
    worked.add(expected);
    const lines = [...expected.chains.values()].flat();
    for (const [at, line] of lines.entries()) {
      kernelRule(line, family);
      if (at % SLICE === SLICE - 1) await yieldToEventLoop();
    }
  }
  return snapshot;
}

const worked = new WeakSet<Table>();

export const currentState = async (settings: Settings): Promise<State> => (await read(settings)).state;

/** The answer to an operator's request that was carried out already. */
export const repetition = async (settings: Settings, warnings: readonly string[]): Promise<Repetition> => ({
  ...{ repeated: true, warnings: [...warnings] },
  state: await currentState(settings),
});
