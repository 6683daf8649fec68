/**
 * The shape of what the engine answers and reports. The engine itself makes it and checks none of it: these schemas are for
 * their types, for tests and for documents, and nothing that runs on the device loads them.
 */
import * as z from 'zod';
import { WEEKDAYS } from './calendar/dates';
import { entry, head, listedEntry } from './ledger/entry';
import { direction, guard, learnAction, policy, reason, sentence } from './messages';

/**
 * The sentences among the texts beside it that this package itself has made, taken apart, so that they can be said in another
 * language, see language.ts. What is not among them somebody else has written.
 */
const said = z.array(sentence);

/** How far a service is open, see the contract: to all, to none, or to some. */
export const openness = z.enum(['open', 'closed', 'partial']);
export type Openness = z.infer<typeof openness>;

const endpoint = z.strictObject({ address: z.string(), port: z.string(), app: z.string().nullable() });

/** One row of `ufw status numbered`, from the tuple, not from its text. */
export const ruleReport = z.strictObject({
  /** As `ufw status numbered` prints it; for a removed rule, as it printed it before. */
  number: z.int(),
  action: z.enum(['allow', 'deny', 'reject', 'limit']),
  direction: z.enum(['in', 'out', 'routed']),
  /** `any` means tcp and udp where a port is named, else every protocol. */
  protocol: z.string(),
  to: endpoint,
  from: endpoint,
  /** For routed rules `IN>OUT`, where either may be empty; else the one interface, or null for all. */
  interface: z.string().nullable(),
  log: z.enum(['log', 'log-all']).nullable(),
  family: z.enum(['ipv4', 'ipv6']),
  comment: z.string(),
});
export type RuleReport = z.infer<typeof ruleReport>;

export const difference = z.strictObject({
  /** A service id, or `all others` for the default policy. */
  service: z.string(),
  direction,
  expected: openness,
  actual: openness,
});
export type Difference = z.infer<typeof difference>;

/** A rule of the kernel's that decides about packets, or the policy of its chain. */
export const decider = z.strictObject({
  /** With the table in front where that is not `filter`: `raw PREROUTING`. */
  chain: z.string(),
  /** As `iptables-save` prints it; null for the policy. */
  rule: z.string().nullable(),
  /** `ufw`, `ufw base rules`, `policy`, the name of another program, or `other`. */
  owner: z.string(),
});

export const serviceReport = z.strictObject({
  id: z.string(),
  label: z.string(),
  ports: z.array(z.string()),
  in: openness,
  out: openness,
  /** The same, per address family; a family ufw does not manage is left out. */
  families: z.array(z.strictObject({ family: z.enum(['ipv4', 'ipv6']), in: openness, out: openness })),
  /** What lets packets in or out where it is open, what blocks them where it is closed, and both where it is partial. */
  decidedBy: z.strictObject({ in: z.array(decider), out: z.array(decider) }),
  /** Where a rule decides whose effect cannot be known: `partial` for that reason, perhaps. */
  undecided: z.array(direction),
  /** Interfaces and remote addresses that rules which can decide about this service are limited to. */
  interfaces: z.array(z.string()),
  sources: z.array(z.string()),
  optional: z.boolean(),
  internal: z.boolean(),
  /** Whether a process listens on one of its ports; null where that cannot be known (outgoing services). */
  listening: z.boolean().nullable(),
  /** What stops when it is closed, and what may happen while it is open. */
  consequence: z.string(),
  risk: z.string(),
});
export type ServiceReport = z.infer<typeof serviceReport>;

const policies = z.strictObject({ incoming: policy, outgoing: policy, routed: policy });
export type Policies = z.infer<typeof policies>;

/** A change that waits to be confirmed. */
const pendingReport = z.strictObject({ id: z.string(), action: z.string(), confirmBy: z.string() });

const logLevel = z.enum(['off', 'low', 'medium', 'high', 'full']);

const severity = z.enum(['critical', 'high', 'medium', 'low']);
export type Severity = z.infer<typeof severity>;

/** Something that is wrong. */
export const finding = z.strictObject({
  /** Which kind of thing: `advisory`, `disputed-setting`, see state/findings.ts. */
  id: z.string(),
  severity,
  /** The service it is about; null for the firewall as a whole. */
  service: z.string().nullable(),
  text: z.string(),
  remedy: z.string(),
  /** Where more is said about it; null where nobody does. */
  reference: z.string().nullable(),
});
export type Finding = z.infer<typeof finding>;

/** What a schedule says now. */
export const scheduleReport = z.strictObject({
  id: z.string(),
  name: z.string(),
  /** The ids of its services, or null where it is about profiles. */
  services: z.array(z.string()).nullable(),
  /** The profile that is to hold now; null where it is about services. */
  profile: z.string().nullable(),
  /** Whether its hours hold. */
  open: z.boolean(),
  /** `lease` and `pending`: a temporary or unconfirmed change holds it back; `clock`: the clock shows a time that is over. */
  by: z.enum(['schedule', 'override', 'lockdown', 'clock', 'lease', 'pending']),
  /** When that may end, ISO 8601, UTC; null where it does not by itself. */
  until: z.string().nullable(),
  /** The calendar's next edge; null where there is none. */
  next: z.string().nullable(),
});
export type ScheduleReport = z.infer<typeof scheduleReport>;

/** One who talks with the device. */
export const peerReport = z.strictObject({
  /** Or a subnet, where there were too many. */
  address: z.string(),
  direction,
  /** Where it is reached; null where that is not known. */
  interface: z.string().nullable(),
  /** ISO 8601, UTC. */
  firstSeen: z.string(),
  lastSeen: z.string(),
  /** How many conversations were begun. */
  count: z.int().min(1),
});
export type PeerReport = z.infer<typeof peerReport>;

/** How it was learned who talks. */
export const learningReport = z.strictObject({
  /** Whether it is learned now, and whether somebody has looked in the last five minutes. */
  on: z.boolean(),
  looking: z.boolean(),
  /** When it ends; null where it does not by itself. ISO 8601, UTC. */
  until: z.string().nullable(),
  /** For how many days was learned. */
  days: z.number(),
  /** The services, or ports, of which more addresses were seen than are kept: nobody knows who is missing. */
  flooded: z.array(z.string()),
});
export type LearningReport = z.infer<typeof learningReport>;

/** The machine-readable report of current security settings that IEC 62443-4-2 CR 7.6 RE(1) asks for. */
export const state = z.strictObject({
  /** ISO 8601, UTC. */
  readAt: z.string(),
  /** What the kernel does. */
  active: z.boolean(),
  /** What ufw.conf says. */
  enabledAtBoot: z.boolean(),
  ipv6: z.boolean(),
  logging: logLevel,
  policies,
  profile: z.strictObject({
    name: z.string().nullable(),
    closest: z.string(),
    /** Against `closest`. */
    differences: z.array(difference),
  }),
  services: z.array(serviceReport),
  rules: z.array(ruleReport),
  exposedInternal: z.array(z.string()),
  openUnused: z.array(z.string()),
  otherOwners: z.array(z.string()),
  unreadable: z.array(z.string()),
  /** The worst first. */
  findings: z.array(finding),
  webPorts: z
    .strictObject({
      http: z.int().nullable(),
      https: z.int().nullable(),
      redirectsTo: z.int().nullable(),
      consistent: z.boolean(),
      problems: z.array(z.string()),
    })
    .nullable(),
  pending: pendingReport.nullable(),
  leases: z.array(z.strictObject({ service: z.string(), until: z.string() })),
  schedules: z.array(scheduleReport),
  /**
   * The operator's request that was carried out last; `undone` if its change has been undone since, `key` names the key that
   * had signed it, or is null.
   */
  lastRequest: z
    .strictObject({ id: z.string(), issued: z.string(), undone: z.boolean(), key: z.string().nullable() })
    .nullable(),
  /** The names of the keys of which one has to have signed an operator's request; none: it need not be signed. */
  operatorKeys: z.array(z.string()),
  /** Who talks, by service, or by port where it is the port of none; null where nobody has ever learned. */
  peers: z.record(z.string(), z.array(peerReport)).nullable(),
  /** How it was learned who talks; null where nobody has ever. */
  learning: learningReport.nullable(),
  /**
   * What a killed ufw left behind, which restore-firewall puts right; and files of this package's own that are damaged,
   * which the next change sets aside.
   */
  leftovers: z.array(z.string()),
  said,
  inSync: z.boolean(),
  /** The last entry of the ledger, by which an operator sees that it was cut or rewritten; null where there is none. */
  ledger: z.nullable(head),
});
export type State = z.infer<typeof state>;

/**
 * Where a backup is kept: `factory`, the first that was ever made; `day`, the first of a day (UTC), so the last state of the
 * days before; `request`, what somebody asked for; `timer`, leases, schedules and what was not confirmed.
 */
export const backupPlace = z.enum(['factory', 'day', 'request', 'timer']);
export type BackupPlace = z.infer<typeof backupPlace>;

/** One backup: the state before a change. */
export const backupReport = z.strictObject({
  id: z.string(),
  /** When the change was made; ISO 8601, UTC. */
  at: z.string(),
  /** The change it was taken before: `set-profile lockdown`. */
  action: z.string(),
  /** Why that change was made: `requested`, `unconfirmed` (nobody confirmed an earlier one), `lease-over`. */
  reason,
  /** How many rules there were. */
  rules: z.int(),
  place: backupPlace,
  /** Why nothing can be restored from it; left out where something can. Then all but `id`, `at` and `place` is not known. */
  damaged: z.string().optional(),
  said: said.optional(),
});
export type BackupReport = z.infer<typeof backupReport>;

/** A change that was waiting is to stay. */
export const confirmation = z.strictObject({
  id: z.string(),
  action: z.string(),
  confirmed: z.literal(true),
  warnings: z.array(z.string()),
  state,
});
export type Confirmation = z.infer<typeof confirmation>;

/** An operator's request was the last one that was done, so nothing was done for it again. */
export const repetition = z.strictObject({ repeated: z.literal(true), warnings: z.array(z.string()), state });
export type Repetition = z.infer<typeof repetition>;

/** What came due was done. */
export const settled = z.strictObject({
  /** What was done, and what could not be, in sentences. */
  warnings: z.array(z.string()),
  /** Something could not be done, and has to be tried again. */
  failed: z.boolean(),
  state,
});
export type Settled = z.infer<typeof settled>;

const policyChange = z.strictObject({ from: policy, to: policy });
const policyChanges = z.strictObject({
  incoming: policyChange.optional(),
  outgoing: policyChange.optional(),
  routed: policyChange.optional(),
});

/** A service that a change was to close and that rules which are not ufw's still let packets in to, or out. */
export const stillOpen = z.strictObject({ service: z.string(), direction, decidedBy: z.array(decider) });
export type StillOpen = z.infer<typeof stillOpen>;

export const changeResult = z.strictObject({
  id: z.string(),
  action: z.string(),
  changed: z.boolean(),
  dryRun: z.boolean(),
  stillOpen: z.array(stillOpen),
  /** Who is cut off: peers that got through before and do not after, and how many of their connections there are. */
  impact: z.array(
    z.strictObject({
      service: z.string(),
      direction,
      peers: z.array(
        z.strictObject({
          address: z.string(),
          /** ISO 8601, UTC; null where it was named in the configuration, and not seen. */
          lastSeen: z.string().nullable(),
          count: z.int().min(0),
        }),
      ),
      connectionsNow: z.int().min(0),
    }),
  ),
  /** What was to be narrowed to peers, or is a field bus that a lockdown left, and everybody still gets through to. */
  openToAll: z.array(z.strictObject({ service: z.string(), direction, reason: z.string() })),
  added: z.array(ruleReport),
  removed: z.array(ruleReport),
  policies: policyChanges,
  files: z.array(z.string()),
  cut: z.int(),
  backup: z.string().nullable(),
  pending: z.strictObject({ confirmBy: z.string(), guard }).nullable(),
  /** When the temporary change that it has begun ends; null where it has begun none. */
  lease: z.strictObject({ until: z.string() }).nullable(),
  warnings: z.array(z.string()),
  state,
  durationMs: z.number(),
});
export type ChangeResult = z.infer<typeof changeResult>;

/** What a change made of the firewall; empty and null where it left things as they were. */
const effect = {
  added: z.array(ruleReport),
  removed: z.array(ruleReport),
  policies: policyChanges,
  /** The firewall as a whole, as ufw.conf has it. */
  enabled: z.strictObject({ from: z.boolean(), to: z.boolean() }).nullable(),
  logging: z.strictObject({ from: logLevel, to: logLevel }).nullable(),
};

/** A change that this package made, in whichever process, as recorded in its backup. */
const ownChange = z.strictObject({
  ...backupReport.pick({ id: true, at: true, action: true, reason: true }).shape,
  ...effect,
  /** The unconfirmed change it took back. */
  reverted: z.strictObject({ id: z.string(), action: z.string() }).nullable(),
  /** What was temporary, and has ended with it. */
  ended: z.array(z.string()),
});
export type OwnChange = z.infer<typeof ownChange>;

/** What is reported to a watcher: the present state, and what this package has done since the last time. */
export const news = z.strictObject({
  state,
  /** The profile that was set last with what differs from it; null where none was. */
  drift: z.strictObject({ profile: z.string(), differences: z.array(difference) }).nullable(),
  /** The oldest first. */
  changes: z.array(ownChange),
  /** For the next question. */
  known: z.array(z.string()),
  /** What was done because it had to be, and what could not be, in sentences. */
  warnings: z.array(z.string()),
});
export type News = z.infer<typeof news>;

/** Packets that the firewall logged as blocked. */
export const blocked = z.strictObject({
  /** The address they came from; null where they came from more than are kept apart, and then all but `count` is null. */
  source: z.string().nullable(),
  /** The address they went to, the last one's. */
  destination: z.string().nullable(),
  /** The port they went to; null for protocols without ports, and in what is left of a packet that came in parts. */
  port: z.int().min(0).max(65535).nullable(),
  /** `tcp`, `udp`, `icmp`, …; a number where it has no name. */
  protocol: z.string().nullable(),
  direction: z.enum(['in', 'out', 'routed']).nullable(),
  /** Where the last one came in, or was to go out. */
  interface: z.string().nullable(),
  /** How many since the last message about them. */
  count: z.int().min(1),
});
export type Blocked = z.infer<typeof blocked>;

/** What a watch reports: the messages of the node `watch-firewall`. */
export const watchEvent = z.discriminatedUnion('topic', [
  z.strictObject({
    topic: z.literal('changed'),
    payload: z.strictObject({
      /** `self`: this package did it, in whichever process. */
      who: z.enum(['self', 'other']),
      /** Which change of this package's; null for somebody else's. */
      id: z.string().nullable(),
      action: z.string().nullable(),
      reason: z.nullable(backupReport.shape.reason),
      ...effect,
    }),
  }),
  z.strictObject({ topic: z.literal('drift'), payload: news.shape.drift.unwrap() }),
  z.strictObject({ topic: z.literal('web-ports'), payload: state.shape.webPorts.unwrap() }),
  z.strictObject({ topic: z.literal('blocked'), payload: blocked }),
  z.strictObject({ topic: z.literal('pending'), payload: pendingReport }),
  z.strictObject({
    topic: z.literal('reverted'),
    /** The change that was reverted, and when. */
    payload: z.strictObject({ id: z.string(), action: z.string(), at: z.string() }),
  }),
  z.strictObject({
    topic: z.literal('lease-ended'),
    payload: z.strictObject({ service: z.string(), at: z.string() }),
  }),
]);
export type WatchEvent = z.infer<typeof watchEvent>;

/** After a schedule was registered, removed or overridden. */
export const scheduleResult = z.strictObject({
  id: z.string(),
  /** Whether what is to happen later was changed by it. */
  changed: z.boolean(),
  /** Null where it is removed. */
  schedule: scheduleReport.nullable(),
  warnings: z.array(z.string()),
  state,
});
export type ScheduleResult = z.infer<typeof scheduleResult>;

/** All that is known of who talks with one service. */
const learnedService = z.strictObject({
  peers: z.array(
    z.strictObject({
      ...peerReport.shape,
      /** On how many days, on which weekdays and in which hours it was seen, by the device's clock. */
      days: z.int(),
      weekdays: z.array(z.enum(WEEKDAYS)),
      hours: z.array(z.int().min(0).max(23)),
    }),
  ),
  /** In these directions there were more than are kept: who is missing nobody knows. */
  flooded: z.array(direction),
  /** How many conversations the one has begun that has begun the fewest. */
  rarest: z.int().nullable(),
  /** An estimate of how many of its conversations are with peers that were not seen yet: from 0, none, to 1. */
  unseen: z.number(),
});
export type LearnedService = z.infer<typeof learnedService>;

/** After learning was begun, ended, forgotten or read. */
export const learnResult = z.strictObject({
  action: learnAction,
  changed: z.boolean(),
  /** Null where nobody has ever learned, or all was forgotten. */
  learning: learningReport.nullable(),
  /** By id, or by port where it is the port of none. */
  services: z.record(z.string(), learnedService),
  /** A profile that opens what is used to those who use it; null where nobody has learned, or the configuration is wrong. */
  proposal: z
    .strictObject({
      /** As the configuration takes it in `customProfiles`. */
      profile: z.strictObject({
        ...{ name: z.string(), incoming: policy, outgoing: policy },
        open: z.array(
          z.strictObject({
            service: z.string(),
            direction: z.enum(['in', 'out', 'both']),
            ...{ interface: z.string(), from: z.string() },
          }),
        ),
      }),
      /** What is used and is not in it, or is in it for everybody, and why; of some addresses alone, or of all. */
      left: z.array(
        z.strictObject({ service: z.string(), direction, addresses: z.array(z.string()), reason: z.string() }),
      ),
    })
    .nullable(),
  warnings: z.array(z.string()),
});
export type LearnResult = z.infer<typeof learnResult>;

/** What is in the ledger. */
export const history = z.strictObject({
  /** Those that were asked for, the newest first. */
  entries: z.array(entry),
  /** The first entry that is altered, missing or misplaced, with its file and line; null where the chain is whole. */
  fault: z.strictObject({ path: z.string(), line: z.int(), seq: z.int(), what: z.string(), said }).nullable(),
  /** The last entry; null where there is none. */
  head: z.nullable(head),
  /** How many entries there are in all, and how many older ones were dropped, as the ledger is bounded. */
  kept: z.int().min(0),
  dropped: z.int().min(0),
});
export type History = z.infer<typeof history>;

const place = z.strictObject({
  /** An address or subnet; empty for all. */
  address: z.string(),
  /** The interface; empty for all. */
  through: z.string(),
});

/** Who gets through to a service, see verdicts/who.ts. */
export const who = z.strictObject({
  /** `all`: everybody; `some`: those in `only`; `unclear`: on conditions that the rules themselves have to be read for. */
  kind: z.enum(['all', 'some', 'unclear', 'nobody']),
  only: z.array(place),
  /** Those of them who do not get through. */
  except: z.array(place),
  /** Too many connections in a short time are refused. */
  isLimited: z.boolean(),
});
export type Who = z.infer<typeof who>;

/** What an auditor takes: the state, its history, and what it was read from. */
export const evidence = z.strictObject({
  state,
  /** In which directions each service talks, by its id. */
  directions: z.record(z.string(), z.array(direction)),
  /** Who gets through to each service, by its id. */
  who: z.record(z.string(), z.strictObject({ in: who, out: who })),
  history: z.strictObject({
    ...history.shape,
    /** How many older entries there are beside these. */
    older: z.int().min(0),
  }),
  device: z.strictObject({
    /** The name of the machine. */
    name: z.string(),
    /** Its time zone, as `Europe/Berlin`. */
    zone: z.string(),
    /** The versions of what has read and filters; null where a program does not say. */
    versions: z.strictObject({
      package: z.string(),
      ufw: z.string().nullable(),
      iptables: z.string().nullable(),
      kernel: z.string(),
      node: z.string(),
    }),
  }),
});
export type Evidence = z.infer<typeof evidence>;
/** What the editor needs beside the state: what a preview of changes is worked out from, see state/outlook.ts, and the ledger. */
export const outlookReport = z.strictObject({
  /** Of the package that has read it; another one may not understand it. */
  version: z.string(),
  text: z.string().nullable(),
  /** Why there is none: too much for an editor, or a site file that is not for everybody's eyes. */
  problem: z.enum(['long', 'private']).nullable(),
  /** The newest entries of the ledger, the newest first; null where the last of them is known. */
  timeline: z.array(listedEntry).nullable(),
});
export type OutlookReport = z.infer<typeof outlookReport>;

/** What the engine answers to each method. */
export interface Answers {
  read: State;
  setProfile: ChangeResult | Repetition;
  toggleService: ChangeResult | Repetition;
  changeWebPorts: ChangeResult | Repetition;
  confirm: Confirmation | Repetition;
  restore: ChangeResult | Repetition;
  schedule: ScheduleResult;
  unschedule: ScheduleResult;
  override: ScheduleResult;
  learn: LearnResult;
  backups: BackupReport[];
  outlook: OutlookReport;
  settle: Settled;
  news: News;
  history: History;
  evidence: Evidence;
  refused: Record<string, never>;
}
