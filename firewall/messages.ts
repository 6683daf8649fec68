/**
 * The shape of everything that crosses the engine's border: settings, requests, results.
 * Types are inferred from these schemas and written down nowhere else.
 */
import { isIP } from 'node:net';
import * as z from 'zod';
import { FirewallError, phrase, type Sentence, say } from './errors';
import { printable } from './printable';
import { isPortSpec } from './services/port-spec';

export { printable };

const MAX_TEXT = 200;

const text = z.string().max(MAX_TEXT);

/** A service, custom service or profile name: letters, digits and dashes, so it is safe in a file name and on a terminal. */
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,40}$/, phrase`must start with a letter and hold only small letters, digits and dashes`);

const PORT_HELP = phrase`must be a port 1–65535 or a range like 1628:1645, with or without /tcp or /udp`;

/** `22/tcp`, `1628:1645/udp`, `443`. */
export const portSpec = z.string().refine(isPortSpec, PORT_HELP);

/** An IPv4 or IPv6 address or CIDR subnet; no host names, no dotted netmasks. */
function isAddress(value: string): boolean {
  const [address, prefix, ...rest] = value.split('/');
  const family = isIP(address ?? '');
  if (family === 0 || rest.length > 0 || (address as string).includes('%')) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

const address = z
  .string()
  .refine((value) => value === '' || isAddress(value), phrase`must be an IP address or a subnet like 192.168.1.0/24`);

/** What ufw and the kernel both accept as the name of a network interface; empty for any. */
const networkInterface = z
  .string()
  .refine(
    (value) => value === '' || (/^[a-zA-Z0-9_\-.+,=%@]{1,15}$/.test(value) && value !== '.' && value !== '..'),
    phrase`must be a network interface like eth0: at most 15 letters, digits or _ - .`,
  );

const absolutePath = z
  .string()
  .max(4096)
  .refine(
    (value) => value.startsWith('/') && !value.includes('\0') && !value.split('/').includes('..'),
    phrase`must be an absolute path`,
  );

const MOMENT_HELP = phrase`must be a moment like 2026-11-23T16:09:43Z`;

/** There is no 30 February, though a date can be made of it. */
function isMoment(value: string): boolean {
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value.slice(0, 19));
}

/** `in`: towards the device; `out`: from it. */
export const direction = z.enum(['in', 'out']);
const directions = z.enum(['in', 'out', 'both']);
const policy = z.enum(['allow', 'deny', 'reject']);

export const customService = z.strictObject({
  id: name,
  label: text.min(1),
  ports: z.array(portSpec).min(1).max(15),
  direction: directions.default('in'),
});

export const customProfile = z.strictObject({
  name,
  incoming: policy.default('deny'),
  outgoing: policy.default('deny'),
  open: z
    .array(
      z.strictObject({
        service: text,
        direction: directions.default('in'),
        interface: networkInterface.default(''),
        from: address.default(''),
      }),
    )
    .max(200),
});

/** What differs from a factory device: the config node `smartserver`. Every property has the contract's default. */
export const settings = z.strictObject({
  privilege: z.enum(['auto', 'root', 'sudo']).default('auto'),
  servicePorts: z.record(name, portSpec).default({}),
  customServices: z.array(customService).max(100).default([]),
  customProfiles: z.array(customProfile).max(50).default([]),
  managementFrom: address.default(''),
  keepBackups: z.int().min(1).max(1000).default(20),
  etcUfw: absolutePath.default('/etc/ufw'),
  defaultUfw: absolutePath.default('/etc/default/ufw'),
  webSite: absolutePath.default('/etc/nginx/sites-available/apollo.conf'),
  stateDir: absolutePath.default('/var/lib/smartserver-firewall'),
});
export type Settings = z.infer<typeof settings>;
export type CustomService = z.infer<typeof customService>;
export type CustomProfile = z.infer<typeof customProfile>;

/** Seconds; a week at most, so that no rule is forgotten. */
const duration = z
  .int()
  .min(0)
  .max(7 * 24 * 3600);

/** What every change can be told. */
const changeOptions = {
  /** Plan and report, change nothing. */
  dryRun: z.boolean().default(false),
  /** Goes back by itself unless it is confirmed within so many seconds; 0: needs no confirmation. */
  confirmWithin: duration.default(0),
  /** Also end established connections that the new rules would not let begin. */
  cutConnections: z.boolean().default(false),
  /** Refuse (`WOULD_OPEN`) a change that would let anything more in or out. */
  onlyTighten: z.boolean().default(false),
  /** Allow what the lockout guard refuses. */
  force: z.boolean().default(false),
};

export const readRequest = z.strictObject({});

export const setProfileRequest = z.strictObject({
  profile: text.default('enhanced'),
  optionalServices: z.enum(['keep', 'open', 'close']).default('keep'),
  ownRules: z.enum(['keep', 'remove']).default('keep'),
  ...changeOptions,
});
export type SetProfileRequest = z.infer<typeof setProfileRequest>;

export const toggleServiceRequest = z.strictObject({
  /** A service id, a custom service's id, or ports like `22/tcp`. */
  service: z.union([text.min(1), z.int().min(1).max(65535).transform(String)]).default('ssh'),
  action: z.enum(['open', 'close', 'toggle', 'limit']).default('toggle'),
  /** Left out: the directions the service itself uses. */
  direction: directions.optional(),
  interface: networkInterface.default(''),
  from: address.default(''),
  /** The service is as it was after so many seconds; 0: for good. */
  duration: duration.default(0),
  /** Also start or stop the service's systemd unit, now and at boot. */
  systemService: z.boolean().default(false),
  ...changeOptions,
});
export type ToggleServiceRequest = z.infer<typeof toggleServiceRequest>;

const webPort = z.int().min(1).max(65535);

export const changeWebPortsRequest = z.strictObject({
  /** Left out: stays. */
  http: webPort.optional(),
  https: webPort.optional(),
  /** The redirect from HTTP to HTTPS follows. */
  fixRedirect: z.boolean().default(true),
  /** For so many seconds the old ports answer too. */
  keepOldOpen: duration.default(0),
  reload: z.enum(['reload', 'reboot', 'none']).default('reload'),
  mode: z.enum(['change', 'repair']).default('change'),
  /** With `repair`: who follows whom; `nginx` means that the rules follow the site file. */
  repairTo: z.enum(['nginx', 'firewall']).default('nginx'),
  ...changeOptions,
});
export type ChangeWebPortsRequest = z.infer<typeof changeWebPortsRequest>;

export const confirmRequest = z.strictObject({
  /** Which change is meant, by its id or by that of the operator's request that made it; left out: whichever is waiting. */
  id: text.optional(),
});
export type ConfirmRequest = z.infer<typeof confirmRequest>;

export const restoreRequest = z.strictObject({
  /** `undo`: take the last change back; `restore`: make the files what a backup has. */
  action: z.enum(['undo', 'restore']).default('undo'),
  /** With `restore`: a backup's id for what was before its change, or `latest` for what the last change left. */
  backup: text.default(''),
  ...changeOptions,
});
export type RestoreRequest = z.infer<typeof restoreRequest>;

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

export const serviceReport = z.strictObject({
  id: z.string(),
  label: z.string(),
  ports: z.array(z.string()),
  in: openness,
  out: openness,
  /** The same, per address family; a family ufw does not manage is left out. */
  families: z.array(z.strictObject({ family: z.enum(['ipv4', 'ipv6']), in: openness, out: openness })),
  /** Interfaces and remote addresses that rules which can decide about this service are limited to. */
  interfaces: z.array(z.string()),
  sources: z.array(z.string()),
  optional: z.boolean(),
  internal: z.boolean(),
  /** Whether a process listens on one of its ports; null where that cannot be known (outgoing services). */
  listening: z.boolean().nullable(),
  consequence: z.string(),
});
export type ServiceReport = z.infer<typeof serviceReport>;

const policies = z.strictObject({ incoming: policy, outgoing: policy, routed: policy });
export type Policies = z.infer<typeof policies>;
export type Policy = z.infer<typeof policy>;

/** A change that waits to be confirmed. */
const pendingReport = z.strictObject({ id: z.string(), action: z.string(), confirmBy: z.string() });

const logLevel = z.enum(['off', 'low', 'medium', 'high', 'full']);

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
  /** The operator's request that was done last; `undone` where the change it made was taken back since. */
  lastRequest: z.strictObject({ id: z.string(), issued: z.string(), undone: z.boolean() }).nullable(),
  /** What a killed ufw left behind; restore-firewall puts it right. */
  leftovers: z.array(z.string()),
  inSync: z.boolean(),
});
export type State = z.infer<typeof state>;

/** Who watches over a deadline: systemd does without Node-RED, and across a boot. */
export const guard = z.enum(['systemd', 'node-red']);
export type Guard = z.infer<typeof guard>;

/** One backup: the state before a change. */
export const backupReport = z.strictObject({
  id: z.string(),
  /** When the change was made; ISO 8601, UTC. */
  at: z.string(),
  /** The change it was taken before: `set-profile lockdown`. */
  action: z.string(),
  /** Why that change was made: `requested`, `unconfirmed` (nobody confirmed an earlier one), `lease-over`. */
  reason: z.enum(['requested', 'unconfirmed', 'lease-over']),
  /** How many rules there were. */
  rules: z.int(),
});
export type BackupReport = z.infer<typeof backupReport>;

/** A change that was waiting is to stay. */
export const confirmation = z.strictObject({
  id: z.string(),
  action: z.string(),
  confirmed: z.literal(true),
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

export const changeResult = z.strictObject({
  id: z.string(),
  action: z.string(),
  changed: z.boolean(),
  dryRun: z.boolean(),
  added: z.array(ruleReport),
  removed: z.array(ruleReport),
  policies: policyChanges,
  files: z.array(z.string()),
  cut: z.int(),
  backup: z.string().nullable(),
  pending: z.strictObject({ confirmBy: z.string(), guard }).nullable(),
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

/** A change that this package made, in whichever process, as its backup tells of it. */
const ownChange = z.strictObject({
  ...backupReport.pick({ id: true, at: true, action: true, reason: true }).shape,
  ...effect,
  /** The unconfirmed change it took back. */
  reverted: z.strictObject({ id: z.string(), action: z.string() }).nullable(),
  /** What was so for a while, and is over with it. */
  ended: z.array(z.string()),
});
export type OwnChange = z.infer<typeof ownChange>;

export const newsRequest = z.strictObject({
  /** The ids of the changes that are known; null at the first question of a process. */
  known: z.array(text).max(2000).nullable(),
});
export type NewsRequest = z.infer<typeof newsRequest>;

/** What somebody who watches is told: how things are, and what this package has done since the last time. */
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

export const watchTopic = z.enum(['changed', 'drift', 'web-ports', 'blocked', 'pending', 'reverted', 'lease-ended']);
export type WatchTopic = z.infer<typeof watchTopic>;

/** What is told to whom: the node `watch-firewall`. */
export const watchOptions = z.strictObject({
  topics: z.array(watchTopic).default(watchTopic.options.filter((topic) => topic !== 'blocked')),
  /** Seconds; at most one message in each for packets from one address to one port. */
  blockedEvery: z
    .int()
    .min(1)
    .max(24 * 3600)
    .default(60),
});
export type WatchOptions = z.infer<typeof watchOptions>;

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

/** What a watch tells: the messages of the node `watch-firewall`. */
export const watchEvent = z.discriminatedUnion('topic', [
  z.strictObject({
    topic: z.literal('changed'),
    payload: z.strictObject({
      /** `self`: this package did it, in whichever process. */
      who: z.enum(['self', 'other']),
      /** Which change of this package's; null for somebody else's. */
      id: z.string().nullable(),
      action: z.string().nullable(),
      reason: backupReport.shape.reason.nullable(),
      ...effect,
    }),
  }),
  z.strictObject({ topic: z.literal('drift'), payload: news.shape.drift.unwrap() }),
  z.strictObject({ topic: z.literal('web-ports'), payload: state.shape.webPorts.unwrap() }),
  z.strictObject({ topic: z.literal('blocked'), payload: blocked }),
  z.strictObject({ topic: z.literal('pending'), payload: pendingReport }),
  z.strictObject({
    topic: z.literal('reverted'),
    /** The change that went back, and when. */
    payload: z.strictObject({ id: z.string(), action: z.string(), at: z.string() }),
  }),
  z.strictObject({
    topic: z.literal('lease-ended'),
    payload: z.strictObject({ service: z.string(), at: z.string() }),
  }),
]);
export type WatchEvent = z.infer<typeof watchEvent>;

/** The id of an operator's request: safe on a terminal, in a topic and in a file. */
export const requestId = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, phrase`must be 1 to 64 letters, digits or . _ -`);

/** A moment in ISO 8601, UTC, with milliseconds or without. */
export const moment = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/, MOMENT_HELP)
  .refine(isMoment, MOMENT_HELP);

/** Which of an operator's requests a change is made for, and until when it is wanted. */
export const order = z.strictObject({ id: requestId, issued: moment, expires: moment });
export type Order = z.infer<typeof order>;

const orderOf = order.optional();

/** One request to the engine, as the agent gets it on its standard input. */
export const agentRequest = z.strictObject({
  settings,
  call: z.discriminatedUnion('method', [
    z.strictObject({ method: z.literal('read'), request: readRequest }),
    z.strictObject({ method: z.literal('setProfile'), request: setProfileRequest, order: orderOf }),
    z.strictObject({ method: z.literal('toggleService'), request: toggleServiceRequest, order: orderOf }),
    z.strictObject({ method: z.literal('changeWebPorts'), request: changeWebPortsRequest, order: orderOf }),
    z.strictObject({ method: z.literal('confirm'), request: confirmRequest, order: orderOf }),
    z.strictObject({ method: z.literal('restore'), request: restoreRequest, order: orderOf }),
    z.strictObject({ method: z.literal('backups'), request: z.strictObject({}) }),
    z.strictObject({ method: z.literal('settle'), request: z.strictObject({}) }),
    z.strictObject({ method: z.literal('news'), request: newsRequest }),
  ]),
});
export type AgentRequest = z.infer<typeof agentRequest>;
/** A request with nothing said that has a default. */
export type AgentQuestion = z.input<typeof agentRequest>;

/** A sentence of an error as the agent tells it, see errors.ts. */
const sentence: z.ZodType<Sentence> = z.strictObject({
  template: z.string(),
  get values() {
    return z.array(z.union([z.string(), sentence]));
  },
});
export const saidByAgent = z.array(sentence).max(3);

/** What the engine answers to a request. */
export type Result = ChangeResult | Confirmation | Repetition | Settled | State | News | BackupReport[];

/**
 * Checks a value that came from outside.
 * @throws FirewallError INVALID_INPUT, naming the property; the value itself is quoted only in part, as it may be huge or hostile.
 */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const trap = prototypeKey(value);
  if (trap !== null) throw new FirewallError('INVALID_INPUT', { what: say`${trap}: no property may have this name.` });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.length ? issue.path.map(property).join('.') : 'the request';
  const got = printable(valueAt(value, issue?.path ?? []));
  // Sentences of this file's own are translated; zod's are not.
  const reason = issue?.message ?? 'not understood';
  const said = issue?.code === 'custom' || issue?.code === 'invalid_format' ? { template: reason, values: [] } : reason;
  throw new FirewallError('INVALID_INPUT', {
    what: say`${where}: ${said} (got ${got}).`,
  });
}

/**
 * The path of a property named `__proto__` of the value's own, which JSON.parse makes and schemas do not see. Requests
 * are flat and settings three levels deep; what lies deeper no schema lets pass.
 */
function prototypeKey(value: unknown, path = '', depth = 0): string | null {
  if (typeof value !== 'object' || value === null || depth > 4) return null;
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return `${path}${key}`;
    const found = prototypeKey((value as Record<string, unknown>)[key], `${path}${property(key)}.`, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at: unknown = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.prototype.hasOwnProperty.call(at, step)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[step];
  }
  return at;
}

/** A step of a path in words: bare where it is a name. */
const property = (step: PropertyKey): string => (/^[\w-]{1,60}$/.test(String(step)) ? String(step) : printable(step));
