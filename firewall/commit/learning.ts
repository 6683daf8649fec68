/** Has the kernel's connections looked at while it is learned who talks, and keeps what was seen; see docs/decisions/peers.md. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FirewallError, rendered, say } from '../errors';
import { readClock } from '../host/clock';
import { exists, isReadable, replace } from '../host/files';
import { learnedOf, readLearnedFile } from '../host/own-files';
import { readSamples, SAMPLER } from '../host/peers';
import { run } from '../host/run';
import { hasSystemd, runAlways, stopRunning } from '../host/systemd';
import type { Settings } from '../messages';
import { LEARNED, type Learned, NOTHING_LEARNED, secondsLeftOf, withSeen } from '../peers/learned';
import { EVERY_S, LOOK, LOOP } from '../peers/sampler';
import { textFor } from '../state/own-file';
import { ownFile, writeNote, writeNotice } from './journal';
import { isFlawed, setAside } from './set-aside';
import { ownProgram } from './timers';

const UNIT = 'smartserver-firewall-peers';
const LOOP_FILE = join(SAMPLER, 'loop');
const CONNECTIONS = '/proc/net/nf_conntrack';

/** @throws FirewallError NO_TRACKING where it cannot be learned here. */
export async function refuseWithoutTracking(): Promise<void> {
  if (!(await hasSystemd())) {
    throw unable(say`systemd, which looks at them while Node-RED does not run, is not running here.`);
  }
  if (!(await isReadable(CONNECTIONS))) await run('modprobe', ['nf_conntrack']).catch(() => undefined);
  if (!(await isReadable(CONNECTIONS))) throw unable(say`the kernel has no ${CONNECTIONS}.`);
}

const unable = (why: ReturnType<typeof say>): FirewallError =>
  new FirewallError('NO_TRACKING', {
    what: say`who talks cannot be learned from the connections of this device: ${why}`,
    state: say`Nothing was changed.`,
  });

/** What was learned up to now, from what is kept and from what was seen since. What cannot be understood is set aside. */
export async function takeStock(settings: Settings): Promise<{ learned: Learned; warnings: readonly string[] }> {
  const file = await readLearnedFile(settings);
  const warnings = isFlawed(file) ? [`${rendered(await setAside(settings, file))}.`] : [];
  const kept = file.value ?? NOTHING_LEARNED;
  const samples = kept.learning || file.flaw !== null ? await readSamples() : null;
  return { learned: samples ? withSeen(kept, samples.seen) : kept, warnings };
}

/** Nobody looks any more, nor keeps what was seen: from here on this process alone writes. */
export const stopLooking = (): Promise<void> => stopRunning(UNIT);

/** Looks once, here and now, so that what is written next is up to date. */
export async function look(): Promise<void> {
  await mkdir(SAMPLER, { recursive: true, mode: 0o700 });
  await replace([ownFile(join(SAMPLER, 'look'), LOOK), ownFile(LOOP_FILE, LOOP)]);
  await run('/bin/sh', [LOOP_FILE, SAMPLER, '0', '0']);
}

/** What is seen from now on is nothing that was seen before. */
export const forgetSamples = (): Promise<void> => rm(SAMPLER, { recursive: true, force: true });

/** Has it looked from now on, if it is learned; it is by none other, see `stopLooking`. */
export async function startLooking(settings: Settings, { learning }: Learned): Promise<void> {
  if (!learning) return;
  const clock = await readClock();
  const left = secondsLeftOf(learning, clock);
  if (left <= 0) return;
  const end = left === Number.POSITIVE_INFINITY ? 0 : Math.ceil(clock.uptime + left);
  await look();
  const loop = ['/bin/sh', LOOP_FILE, SAMPLER, String(EVERY_S), String(end)];
  await runAlways(UNIT, [...loop, ...(await ownProgram(settings, 'keep-peers'))]);
}

/** At a boot nobody looks yet. */
export async function resumeLooking(settings: Settings): Promise<void> {
  const { value } = await readLearnedFile(settings);
  if (!value?.learning || (await exists(LOOP_FILE))) return;
  if (await hasSystemd()) await startLooking(settings, value);
}

/** Has everybody who watches notice. */
export const writeLearned = (settings: Settings, learned: Learned): Promise<void> =>
  writeNotice(settings, ownFile(learnedOf(settings), textFor(LEARNED, learned)));

/** Nobody needs to notice: it only says what is known from the samples as well. */
export const keepLearned = (settings: Settings, learned: Learned): Promise<void> =>
  writeNote(settings, learnedOf(settings), textFor(LEARNED, learned));
