/**
 * What was learned about who talks, as it is kept on disk: what is known from before this boot, and what was seen since.
 * The latter is replaced as a whole each time it is kept, so that nothing is ever counted twice; see docs/decisions/peers.md.
 */
import * as z from 'zod/mini';
import { type Clock, deadline, secondsLeft } from '../state/clock';
import { entriesOf, entryOf, type Form } from '../state/own-file';
import { bounded, type Portion } from './bounds';
import { formatPeer, once, peerLine } from './peer';

/** Until when it is learned who talks. */
const learning = z.object({
  /** Ms since 1970. */
  since: z.number().check(z.minimum(0), z.maximum(1e15)),
  /** Null where it does not end by itself. */
  until: z.nullable(deadline),
});
export type Learning = z.infer<typeof learning>;

const seconds = z.number().check(z.minimum(0), z.maximum(1e11));

/** What the samples of one boot came to. */
export interface Seen extends Portion {
  /** Which samples: those with the same name are the same ones, longer. */
  samples: string;
  /** For how long it was looked. */
  seconds: number;
}

export interface Learned {
  /** Null where nobody learns at present. */
  learning: Learning | null;
  /** For how long was learned before the samples in `recent`. */
  seconds: number;
  /** What was seen in that time. */
  past: Portion;
  recent: Seen | null;
  /** Somebody has looked lately; not kept. */
  isLooking?: boolean;
}

export const NOTHING_LEARNED: Learned = {
  ...{ learning: null, seconds: 0, recent: null },
  past: { peers: [], flooded: [] },
};

/** Nobody has ever learned, or all was forgotten. */
export const isNothing = ({ learning, seconds, recent }: Learned): boolean => !learning && seconds === 0 && !recent;

const flood = z.string().check(z.regex(/^(in|out) \d{1,5}\/(tcp|udp)$/));

export const LEARNED: Form<Learned> = {
  version: 1,
  empty: NOTHING_LEARNED,
  read(content, flaws) {
    const recent = entryOf(z.nullish(recentPart), content.recent, 'recent', flaws) ?? null;
    return {
      learning: entryOf(z.nullish(learning), content.learning, 'learning', flaws) ?? null,
      seconds: entryOf(seconds, content.seconds, 'seconds', flaws) ?? 0,
      past: {
        peers: entriesOf(peerLine, content.peers, 'peers', flaws),
        flooded: entriesOf(flood, content.flooded, 'flooded', flaws),
      },
      recent: recent && {
        ...{ samples: recent.samples, seconds: recent.seconds },
        peers: entriesOf(peerLine, recent.peers, 'recent.peers', flaws),
        flooded: entriesOf(flood, recent.flooded, 'recent.flooded', flaws),
      },
    };
  },
  write(learned) {
    if (isNothing(learned)) return null;
    const { past, recent } = learned;
    return {
      ...{ learning: learned.learning, seconds: learned.seconds },
      ...{ peers: past.peers.map(formatPeer), flooded: past.flooded },
      recent: recent && { ...recent, peers: recent.peers.map(formatPeer) },
    };
  },
};

const recentPart = z.object({
  samples: z.string().check(z.maxLength(100)),
  seconds,
  peers: z.unknown(),
  flooded: z.unknown(),
});

/** What is known together: each peer once, no more of them than are kept. */
export function known({ past, recent }: Learned): Portion {
  if (!recent) return past;
  const peers = once([...past.peers, ...recent.peers], 'different');
  return bounded({ peers, flooded: [...new Set([...past.flooded, ...recent.flooded])] });
}

/**
 * For how many seconds more is learned; 0 or less where that is over. A clock that shows less than when it began, after a
 * boot, has lost the time: rather too long than not at all.
 */
export function secondsLeftOf({ until }: Learning, clock: Clock): number {
  if (!until) return Number.POSITIVE_INFINITY;
  if (until.boot !== clock.boot && clock.wall < until.setAt) return (until.at - until.setAt) / 1000;
  return secondsLeft(until, clock);
}

/** For how long was learned, in seconds. */
export const learnedFor = ({ seconds: before, recent }: Learned): number => before + (recent?.seconds ?? 0);

/** With what was seen since the boot, in place of what was known of it. */
export function withSeen(learned: Learned, seen: Seen): Learned {
  const { recent } = learned;
  if (!recent || recent.samples === seen.samples) return { ...learned, recent: seen };
  return { ...learned, seconds: learnedFor(learned), past: known(learned), recent: seen };
}
