/** Who talks with the device, as users see it. */

import { WEEKDAYS } from '../calendar/dates';
import { peersByService, type ServicePeers } from '../peers/by-service';
import { type Learned, learnedFor, secondsLeftOf } from '../peers/learned';
import type { Peer } from '../peers/peer';
import type { LearnedService, LearningReport, PeerReport, State } from '../results';
import type { Registry } from '../services/registry';
import { type Clock, deadlineText } from './clock';

const moment = (seconds: number): string => new Date(seconds * 1000).toISOString();

const peerReport = ({ address, direction, interface: device, firstSeen, lastSeen, count }: Peer): PeerReport => ({
  ...{ address, direction, interface: device },
  ...{ firstSeen: moment(firstSeen), lastSeen: moment(lastSeen), count },
});

/** The part of the state; null where nobody has ever learned. */
export function peersReport(
  learned: Learned | null,
  registry: Registry,
  clock: Clock,
): Pick<State, 'peers' | 'learning'> {
  const found = peersByService(learned, registry);
  if (!learned || !found) return { peers: null, learning: null };
  return {
    peers: Object.fromEntries([...found].map(([id, { peers }]) => [id, peers.map(peerReport)])),
    learning: learningReport(learned, found, clock),
  };
}

const DAY_S = 86_400;

function learningReport(learned: Learned, found: ReadonlyMap<string, ServicePeers>, clock: Clock): LearningReport {
  const { learning, isLooking = false } = learned;
  const isOn = learning !== null && secondsLeftOf(learning, clock) > 0;
  return {
    on: isOn,
    looking: isOn && isLooking,
    until: isOn && learning.until ? deadlineText(learning.until, clock) : null,
    days: Math.floor((learnedFor(learned) / DAY_S) * 10) / 10,
    flooded: [...found].filter(([, { flooded }]) => flooded.length > 0).map(([id]) => id),
  };
}

/** All that is known of who talks, by service. */
export function learnedServices(
  learned: Learned | null,
  registry: Registry,
  clock: Clock,
): { learning: LearningReport | null; services: Record<string, LearnedService> } {
  const found = peersByService(learned, registry);
  if (!learned || !found) return { learning: null, services: {} };
  const services = [...found].map(([id, one]): [string, LearnedService] => [id, serviceReport(one)]);
  return { learning: learningReport(learned, found, clock), services: Object.fromEntries(services) };
}

function serviceReport({ peers, flooded }: ServicePeers): LearnedService {
  const counts = peers.map(({ count }) => count);
  const all = counts.reduce((sum, count) => sum + count, 0);
  return {
    peers: peers.map((one) => ({
      ...peerReport(one),
      days: one.days,
      weekdays: WEEKDAYS.filter((_, at) => one.weekdays[at] === '1'),
      hours: [...one.hours].flatMap((bit, hour) => (bit === '1' ? [hour] : [])),
    })),
    flooded: [...flooded],
    rarest: counts.length > 0 ? Math.min(...counts) : null,
    // Good and Turing's estimate: as often as something was seen once, something is met that was not seen yet.
    unseen: all === 0 ? 1 : Math.round((counts.filter((count) => count === 1).length / all) * 1000) / 1000,
  };
}
