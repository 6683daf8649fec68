/**
 * The shape of everything that comes in over the engine's border: settings and requests; what goes out is in results.ts.
 * Types are inferred from these schemas and written down nowhere else. They are made with zod/mini: each request through
 * sudo loads it, and zod itself would be three times as much.
 */
import { en } from 'zod/locales';
import * as z from 'zod/mini';
import { bounded, property } from './bounded';
import { isDate, WEEKDAYS } from './calendar/dates';
import { isTimeZone } from './calendar/wall-clock';
import { csaf } from './csaf';
import { secondsIn } from './duration';
import { FirewallError, phrase, type Sentence, say } from './errors';
import { givenAction, givenLearning, givenNumber, givenProfile, LONGEST_REASON } from './given';
import { claimedSource, SOURCE_KINDS, type Source } from './ledger/source';
import { publicKeyFault, publicKeyText } from './operator-key';
import { onOneLine, printable } from './printable';
import { isAddress, normalAddress } from './rules/address';
import { isPortSpec } from './services/port-spec';

z.config(en());

const MAX_TEXT = 200;
/** So long is a part of a sentence in a request. */
export const MAX_PART = 500;

const text = z.string().check(z.maxLength(MAX_TEXT));
const someText = text.check(z.minLength(1));

/** A service, custom service or profile name: letters, digits and dashes, so it is safe in a file name and on a terminal. */
export const name = z
  .string()
  .check(
    z.regex(
      /^[a-z][a-z0-9-]{0,40}$/,
      phrase`must start with a lowercase letter and contain only lowercase letters, digits and hyphens`,
    ),
  );

const PORT_HELP = phrase`must be a port 1 to 65535 or a range like 1628:1645, with or without /tcp or /udp`;

/** `22/tcp`, `1628:1645/udp`, `443`. */
export const portSpec = z.string().check(z.refine(isPortSpec, PORT_HELP));

/** An address or subnet as somebody writes it in a request, with a warning where it was taken otherwise; empty for any. */
const givenAddress = z
  .string()
  .check(
    z.refine(
      (value) => value === '' || isAddress(value),
      phrase`must be an IP address or a subnet like 192.168.1.0/24`,
    ),
  );

/** An address or subnet in its one form, see `normalAddress`; empty for any. */
const address = z.pipe(
  givenAddress,
  z.transform((value: string) => value && normalAddress(value)),
);

/**
 * What ufw and the kernel both accept as the name of a network interface; empty for any. With a `+` at its end it is the
 * beginning of names, as in ufw; alone that would be any, which iptables does not keep.
 */
const networkInterface = z
  .string()
  .check(
    z.refine(
      (value) => value === '' || (/^[a-zA-Z0-9_\-.+,=%@]{1,15}$/.test(value) && !['.', '..', '+'].includes(value)),
      phrase`must be a network interface like eth0: at most 15 letters, digits or _ - .`,
    ),
  );

export const absolutePath = z.string().check(
  z.maxLength(4096),
  z.refine(
    (value) => value.startsWith('/') && !value.includes('\0') && !value.split('/').includes('..'),
    phrase`must be an absolute path`,
  ),
);

const MOMENT_HELP = phrase`must be a time like 2026-11-23T16:09:43Z`;

/** Rejects 30 February, which Date would accept. */
function isMoment(value: string): boolean {
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value.slice(0, 19));
}

/** `in`: towards the device; `out`: from it. */
export const direction = z.enum(['in', 'out']);
const directions = z.enum(['in', 'out', 'both']);
export const policy = z.enum(['allow', 'deny', 'reject']);
export type Policy = z.infer<typeof policy>;
/** Who watches over a deadline: systemd does without Node-RED, and across a boot. */
export const guard = z.enum(['systemd', 'node-red']);
export type Guard = z.infer<typeof guard>;
/** Why a change was made: somebody asked for it, nobody confirmed the one it takes back, a lease was over, or by a schedule. */
export const reason = z.enum(['requested', 'unconfirmed', 'lease-over', 'schedule']);

export const customService = z.strictObject({
  id: name,
  label: someText,
  ports: z.array(portSpec).check(z.minLength(1), z.maxLength(15)),
  direction: z._default(directions, 'in'),
});

export const customProfile = z.strictObject({
  name,
  incoming: z._default(policy, 'deny'),
  outgoing: z._default(policy, 'deny'),
  open: z
    .array(
      z.strictObject({
        service: text,
        direction: z._default(directions, 'in'),
        interface: z._default(networkInterface, ''),
        from: z._default(address, ''),
      }),
    )
    .check(z.maxLength(200)),
});

/** In all profiles together: the settings go with each request. */
const MOST_OPEN = 1000;

const isRepeated = (value: unknown, at: number, values: readonly unknown[]): boolean => values.indexOf(value) !== at;

/** In its one form. What is no public key may be a private one: an error never shows it. */
const publicKey = z.pipe(
  z.string().check(
    z.check(({ value, issues }) => {
      const message = publicKeyFault(value);
      if (message) issues.push({ code: 'custom', message, input: value, params: { isSecret: true } });
    }),
  ),
  z.transform(publicKeyText),
);

/** A key whose owner may send requests to this device, and what else it allows. */
const operatorKey = z.strictObject({
  name,
  publicKey,
  /** Its requests may not let anything more in or out. */
  onlyTighten: z._default(z.boolean(), false),
  /** Its requests may say `force`. */
  force: z._default(z.boolean(), false),
});
export type OperatorKey = z.infer<typeof operatorKey>;

/** For a few operators, and twice as many while they change their keys. */
const MOST_KEYS = 20;

const operatorKeys = z.array(operatorKey).check(
  z.maxLength(MOST_KEYS),
  z.check(({ value, issues }) => {
    for (const field of ['name', 'publicKey'] as const) {
      const index = value.map((key) => key[field]).findIndex(isRepeated);
      const message = phrase`must not be that of another key`;
      if (index >= 0) issues.push({ code: 'custom', message, input: value, path: [index, field] });
    }
  }),
);

/** The name of a device or a group in a fleet, as in a topic. */
const fleetName = z
  .string()
  .check(z.regex(/^[A-Za-z0-9._-]{0,64}$/, phrase`must be at most 64 letters, digits or . _ -`));

/** What differs from a factory device: the config node `smartserver`. Every property has the contract's default. */
export const settings = z.strictObject({
  privilege: z._default(z.enum(['auto', 'root', 'sudo']), 'auto'),
  servicePorts: z._default(z.record(name, portSpec), {}),
  customServices: z._default(z.array(customService).check(z.maxLength(100)), []),
  customProfiles: z._default(
    z.array(customProfile).check(
      z.maxLength(50),
      z.refine(
        (profiles) => profiles.reduce((sum, { open }) => sum + open.length, 0) <= MOST_OPEN,
        phrase`must not open more than 1000 services in all profiles together`,
      ),
    ),
    [],
  ),
  managementFrom: z._default(address, ''),
  /** The port at which lockdown lets the device reach its operator: an MQTT broker's `8883/tcp`. */
  managementTo: z._default(z.union([portSpec, z.literal('')]), ''),
  /** Who may sign requests to this device as one of a fleet. With any, requests that none of them has signed are refused. */
  operatorKeys: z._default(operatorKeys, []),
  /** Whom signed requests have to be for, apart from all: this device, and its group; empty: it has no name, or is in none. */
  fleetDevice: z._default(fleetName, ''),
  fleetGroup: z._default(fleetName, ''),
  /**
   * Who a service talks with, by its id: `{ "lon": ["192.168.10.0/24"] }`. It is looked at where it is used, by `typedPeers`
   * in peers/typed.ts: nothing that is wrong in it may hold up a lockdown.
   */
  peers: z._default(z.union([z.record(z.string(), z.array(z.unknown())), z.unknown()]), {}),
  /** The version of the device's software, by which known holes are told. */
  firmware: z._default(
    z.string().check(z.maxLength(40), z.regex(/^(\d{1,9}(\.\d{1,9})*)?$/, phrase`must be a version like 4.60.023`)),
    '',
  ),
  keepBackups: z._default(z.int().check(z.minimum(1), z.maximum(1000)), 20),
  etcUfw: z._default(absolutePath, '/etc/ufw'),
  defaultUfw: z._default(absolutePath, '/etc/default/ufw'),
  webSite: z._default(absolutePath, '/etc/nginx/sites-available/apollo.conf'),
  stateDir: z._default(absolutePath, '/var/lib/smartserver-firewall'),
});
export type Settings = z.infer<typeof settings>;
export type CustomProfile = z.infer<typeof customProfile>;

const hoursOf = {
  from: z.string().check(z.regex(/^([01]\d|2[0-3]):[0-5]\d$/, phrase`must be a time from 00:00 to 23:59`)),
  /** Not open any more; at or before `from`: on the next day. */
  to: z.string().check(z.regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, phrase`must be a time from 00:00 to 24:00`)),
};

const MOST_HOURS = 100;
const MOST_EXCEPTIONS = 1000;

/** A day on which other hours hold than those of the week; none: closed. */
const exception = z.strictObject({
  date: z.string().check(z.refine(isDate, phrase`must be a date like 2026-12-24`)),
  hours: z.array(z.strictObject(hoursOf)).check(z.maxLength(MOST_HOURS)),
});

/** Opening hours, by the wall clock of a time zone, see calendar/opening.ts. */
export const calendar = z.strictObject({
  /** Of the week. */
  hours: z
    .array(
      z.strictObject({
        days: z.array(z.enum(WEEKDAYS)).check(
          z.minLength(1),
          z.maxLength(WEEKDAYS.length),
          z.refine((days) => !days.some(isRepeated), phrase`must not name a day twice`),
        ),
        ...hoursOf,
      }),
    )
    .check(z.maxLength(MOST_HOURS)),
  exceptions: z._default(
    z.array(exception).check(
      z.maxLength(MOST_EXCEPTIONS),
      z.check(({ value, issues }) => {
        const index = value.map(({ date }) => date).findIndex(isRepeated);
        const message = phrase`must not be the date of another exception`;
        if (index >= 0) issues.push({ code: 'custom', message, input: value, path: [index, 'date'] });
      }),
    ),
    [],
  ),
  /** Empty for the device's own. */
  timeZone: z._default(
    z.string().check(
      z.maxLength(64),
      z.refine(
        (value) => value === '' || isTimeZone(value),
        phrase`must be a time zone like Europe/Berlin that is known here`,
      ),
    ),
    '',
  ),
});
export type Calendar = z.infer<typeof calendar>;

const DURATION_HELP = phrase`must be a number of seconds, or a duration like 30 min, 8 h or 1h 30min`;

/** Seconds, as a number or in words. */
const seconds = z.transform((value: unknown, { issues }) => {
  const found = typeof value === 'string' ? secondsIn(value) : value;
  if (found === null && value !== null) issues.push({ code: 'custom', message: DURATION_HELP, input: value });
  return found;
});

/** Seconds; a week at most, so that no rule is forgotten. */
const duration = z.pipe(seconds, z.int().check(z.minimum(0), z.maximum(7 * 24 * 3600)));

/** Why somebody asks for something, in his words, for the ledger: on one line that shows what is in it. */
export const reasonText = z.pipe(
  z.transform((value: unknown) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value)),
  z.pipe(
    z.string().check(z.maxLength(LONGEST_REASON)),
    z.transform((value: string) => onOneLine(value.trim(), LONGEST_REASON)),
  ),
);
const why = { reason: z._default(reasonText, '') };

/** The options of every change. */
const changeOptions = {
  /** Why it is asked for; kept in the ledger. */
  ...why,
  /** Plan and report, change nothing. */
  dryRun: z._default(z.boolean(), false),
  /** Goes back by itself unless it is confirmed within so many seconds; 0: needs no confirmation. */
  confirmWithin: z._default(duration, 0),
  /** Also end established connections that the new rules would not let begin. */
  cutConnections: z._default(z.boolean(), false),
  /** Refuse (`WOULD_OPEN`) a change that would let anything more in or out. */
  onlyTighten: z._default(z.boolean(), false),
  /** Refuse (`WOULD_CUT_OFF`) a change that would cut off a known peer; a lockdown never is. */
  keepPeers: z._default(z.boolean(), false),
  /** Allow what the lockout guard refuses. */
  force: z._default(z.boolean(), false),
};

export const readRequest = z.strictObject({
  /** Security advisories to look at besides those that are known here. */
  advisories: z.optional(z.array(csaf).check(z.maxLength(20))),
});

export const optionalServices = z.enum(['keep', 'open', 'close']);

export const setProfileRequest = z.strictObject({
  profile: z._default(z.pipe(text, z.transform(givenProfile)), 'enhanced'),
  optionalServices: z._default(optionalServices, 'keep'),
  ownRules: z._default(z.enum(['keep', 'remove']), 'keep'),
  /**
   * What `lockdown` leaves of LON and BACnet: open for their peers (as it was, where nobody is known), as they are, or nothing.
   */
  buses: z._default(z.enum(['peers', 'keep', 'close']), 'peers'),
  /** What is open afterwards is so only for the peers of each service, where they are known. */
  peers: z._default(z.boolean(), false),
  /** With `lockdown`: also block what rules of others would let through, where a rule of ufw's decides before them. */
  overrideOthers: z._default(z.boolean(), false),
  /** All is as it was after so many seconds, but for what was changed since; 0: for good. */
  duration: z._default(duration, 0),
  ...changeOptions,
});
export type SetProfileRequest = z.infer<typeof setProfileRequest>;

export const port = z.int().check(z.minimum(1), z.maximum(65535));
/** A port as somebody sends it in a request. */
const givenPort = z.pipe(z.transform(givenNumber), port);

/** The id or label of a service or of a custom one, or ports like `22/tcp`. */
const service = z.union([someText, z.pipe(port, z.transform(String))]);

/** So many services can be changed at once. */
const MOST_SERVICES = 50;

const services = z
  .array(service)
  .check(
    z.refine(
      ({ length }) => length >= 1 && length <= MOST_SERVICES,
      phrase`must name 1 to 50 services, or be just one`,
    ),
  );

/** Which service a question is about. */
export const serviceQuestion = z.strictObject({ service: z._default(service, 'ssh') });

export const toggleServiceRequest = z.strictObject({
  /** One or several, which are changed together. */
  service: z._default(z.union([service, services]), 'ssh'),
  action: z._default(z.pipe(z.transform(givenAction), z.enum(['open', 'close', 'toggle', 'limit'])), 'toggle'),
  /** Left out: the directions the service itself uses. */
  direction: z.optional(directions),
  interface: z._default(networkInterface, ''),
  from: z._default(givenAddress, ''),
  /** The change is over after so many seconds; 0: it is for good. */
  duration: z._default(duration, 0),
  /** What holds then: what was before it, or in any case closed, or open. */
  afterwards: z._default(z.enum(['before', 'closed', 'open']), 'before'),
  /** Also start or stop the service's systemd unit, now and at boot. */
  systemService: z._default(z.boolean(), false),
  ...changeOptions,
});
export type ToggleServiceRequest = z.infer<typeof toggleServiceRequest>;

export const changeWebPortsRequest = z.strictObject({
  /** Left out: stays. */
  http: z.optional(givenPort),
  https: z.optional(givenPort),
  /** The redirect from HTTP to HTTPS follows. */
  fixRedirect: z._default(z.boolean(), true),
  /** For so many seconds the old ports answer too. */
  keepOldOpen: z._default(duration, 0),
  reload: z._default(z.enum(['reload', 'reboot', 'none']), 'reload'),
  mode: z._default(z.enum(['change', 'repair']), 'change'),
  /** With `repair`: who follows whom; `nginx` means that the rules follow the site file. */
  repairTo: z._default(z.enum(['nginx', 'firewall']), 'nginx'),
  ...changeOptions,
});
export type ChangeWebPortsRequest = z.infer<typeof changeWebPortsRequest>;

export const confirmRequest = z.strictObject({
  /** Which change is meant, by its id or by that of the operator's request that made it; left out: whichever is waiting. */
  id: z.optional(text),
  ...why,
});
export type ConfirmRequest = z.infer<typeof confirmRequest>;

export const restoreRequest = z.strictObject({
  /** `undo`: take the last change back; `restore`: make the files what a backup has. */
  action: z._default(z.enum(['undo', 'restore']), 'undo'),
  /** With `restore`: a backup's id for what was before its change, or `latest` for what the last change left. */
  backup: z._default(text, ''),
  ...changeOptions,
});
export type RestoreRequest = z.infer<typeof restoreRequest>;

export const newsRequest = z.strictObject({
  /** The ids of the changes that are known; null at the first question of a process. */
  known: z.nullable(z.array(text).check(z.maxLength(2000))),
});
export type NewsRequest = z.infer<typeof newsRequest>;

export const watchTopic = z.enum(['changed', 'drift', 'web-ports', 'blocked', 'pending', 'reverted', 'lease-ended']);
export type WatchTopic = z.infer<typeof watchTopic>;

/** What is reported to a watcher: the node `watch-firewall`. */
export const watchOptions = z.strictObject({
  topics: z._default(
    z.array(watchTopic),
    watchTopic.options.filter((topic) => topic !== 'blocked'),
  ),
  /** Seconds; at most one message in each for packets from one address to one port. */
  blockedEvery: z._default(z.pipe(seconds, z.int().check(z.minimum(1), z.maximum(24 * 3600))), 60),
});
export type WatchOptions = z.infer<typeof watchOptions>;

/** The id of a schedule: that of the node that registers it. */
export const scheduleId = z
  .string()
  .check(z.regex(/^[A-Za-z0-9._-]{1,64}$/, phrase`must be 1 to 64 letters, digits or . _ -`));

/** What a schedule is about: services that are open in its hours, or a profile for them and one for all other times. */
export const scheduleSubject = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('services'),
    services: z.array(someText).check(z.minLength(1), z.maxLength(20)),
    /** Left out: the directions each service itself uses. */
    direction: z.optional(directions),
    interface: z._default(networkInterface, ''),
    from: z._default(address, ''),
  }),
  z.strictObject({ kind: z.literal('profile'), profile: someText, otherwise: someText }),
]);

/** A schedule that is to hold from now on, in place of the one with the same id. */
export const scheduleRequest = z.strictObject({
  id: scheduleId,
  /** For people. */
  name: z._default(text, ''),
  /** Which Node-RED registers it, and the ids of all that it has: its others are removed. */
  owner: z._default(text, ''),
  siblings: z.optional(z.array(scheduleId).check(z.maxLength(200))),
  subject: scheduleSubject,
  calendar,
  /** What becomes of the services when the schedule is removed. */
  whenRemoved: z._default(z.enum(['stay', 'close']), 'stay'),
  /** Connections end with the hours. */
  cutConnections: z._default(z.boolean(), false),
  ...why,
});
export type ScheduleRequest = z.infer<typeof scheduleRequest>;

export const unscheduleRequest = z.strictObject({ id: scheduleId });

/** An exception by hand, until the calendar's next edge or for so many seconds; `auto` ends it, `status` changes nothing. */
export const overrideRequest = z.strictObject({
  id: scheduleId,
  action: z.enum(['open', 'close', 'auto', 'status']),
  duration: z._default(duration, 0),
  ...why,
});
export type OverrideRequest = z.infer<typeof overrideRequest>;

export const learnAction = z.enum(['start', 'stop', 'forget', 'read']);

/** Of who talks with the device. */
export const learnRequest = z.strictObject({
  action: z._default(z.pipe(z.transform(givenLearning), learnAction), 'read'),
  /** With `start`: for so many seconds from now; 0: until it is stopped. Ten years at most, as a technician may come once a year. */
  duration: z._default(z.pipe(seconds, z.int().check(z.minimum(0), z.maximum(3650 * 24 * 3600))), 0),
  ...why,
});
export type LearnRequest = z.infer<typeof learnRequest>;

const SINCE_HELP = phrase`must be a time like 2026-11-23T16:09:43Z, or how long ago that is, like 8 h`;

/** A moment: as a date, in ms since 1970, or by how long ago it is, in seconds or in words (`8 h`). It becomes ISO 8601. */
const given = z.transform((value: unknown, { issues }) => {
  const ago = typeof value === 'string' && secondsIn(value);
  const isAgo = typeof ago === 'number' || (typeof value === 'number' && value < MOST_AGO);
  const date = new Date(isAgo ? Date.now() - Number(ago || value) * 1000 : (value as string | number));
  if ((typeof value === 'string' || typeof value === 'number') && !Number.isNaN(date.getTime())) {
    return date.toISOString();
  }
  issues.push({ code: 'custom', message: SINCE_HELP, input: value });
  return z.NEVER;
});
/** In seconds; a larger number is a moment. */
const MOST_AGO = 1e10;

/** Which entries of the ledger are asked for. */
export const historyRequest = z.strictObject({
  /** From then on, and before then. */
  since: z.optional(given),
  until: z.optional(given),
  source: z.optional(z.enum(SOURCE_KINDS)),
  /** The id or label of a service. */
  service: z.optional(service),
});
export type HistoryRequest = z.infer<typeof historyRequest>;

export const outlookRequest = z.strictObject({
  /** The hash of the last entry of the ledger that is known, or nothing. */
  known: z._default(z.string().check(z.maxLength(64)), ''),
});

/** What was refused before it came to the engine: an operator's request that nobody had signed. */
const part = z.string().check(z.maxLength(MAX_PART));

export const refusedRequest = z.strictObject({
  code: z.enum(['NOT_SIGNED', 'NOT_PERMITTED']),
  action: text,
  /** The error's sentences, with none in the places of another. */
  said: z.array(z.strictObject({ template: part, values: z.array(part).check(z.maxLength(10)) })).check(z.maxLength(3)),
  /** How many more there were since the last time this was said. */
  repeated: z._default(z.int().check(z.minimum(0)), 0),
});

/** The id of an operator's request: safe on a terminal, in a topic and in a file. */
export const requestId = z
  .string()
  .check(z.regex(/^[A-Za-z0-9._-]{1,64}$/, phrase`must be 1 to 64 letters, digits or . _ -`));

/** A moment in ISO 8601, UTC, with milliseconds or without. */
export const moment = z
  .string()
  .check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/, MOMENT_HELP), z.refine(isMoment, MOMENT_HELP));

/** Which of an operator's requests a change is made for, and until when it is wanted. */
export const order = z.strictObject({
  ...{ id: requestId, issued: moment, expires: moment },
  /** The name of the key that has signed it; left out where none has. */
  key: z.optional(name),
});
export type Order = z.infer<typeof order>;

/** Where a request comes from, as its caller says. */
const origin = { source: z.optional(claimedSource) };

/** What goes with a change. */
const terms = {
  order: z.optional(order),
  /** When it was requested, so that a later lockdown can overrule it; ms, see `precisely` in monotonic.ts. */
  since: z.optional(z.number().check(z.minimum(0))),
  ...origin,
};

/** One request to the engine, as the agent gets it on its standard input. */
export const agentRequest = z.strictObject({
  /** That of the package that asks. */
  version: z.optional(text),
  settings,
  call: z.discriminatedUnion('method', [
    z.strictObject({ method: z.literal('read'), request: readRequest }),
    z.strictObject({ method: z.literal('setProfile'), request: setProfileRequest, ...terms }),
    z.strictObject({ method: z.literal('toggleService'), request: toggleServiceRequest, ...terms }),
    z.strictObject({ method: z.literal('changeWebPorts'), request: changeWebPortsRequest, ...terms }),
    z.strictObject({ method: z.literal('confirm'), request: confirmRequest, ...terms }),
    z.strictObject({ method: z.literal('restore'), request: restoreRequest, ...terms }),
    z.strictObject({ method: z.literal('schedule'), request: scheduleRequest, ...origin }),
    z.strictObject({ method: z.literal('unschedule'), request: unscheduleRequest, ...origin }),
    z.strictObject({ method: z.literal('override'), request: overrideRequest, ...terms }),
    z.strictObject({ method: z.literal('learn'), request: learnRequest, ...origin }),
    z.strictObject({ method: z.literal('backups'), request: z.strictObject({}) }),
    z.strictObject({ method: z.literal('outlook'), request: outlookRequest }),
    z.strictObject({ method: z.literal('settle'), request: z.strictObject({}) }),
    z.strictObject({ method: z.literal('news'), request: newsRequest }),
    z.strictObject({ method: z.literal('history'), request: historyRequest }),
    z.strictObject({ method: z.literal('evidence'), request: z.strictObject({}) }),
    z.strictObject({ method: z.literal('refused'), request: refusedRequest, ...origin }),
  ]),
});
export type AgentRequest = z.infer<typeof agentRequest>;

/** What can be asked of the engine, and the request that goes with it. */
export const REQUESTS = {
  read: readRequest,
  setProfile: setProfileRequest,
  toggleService: toggleServiceRequest,
  changeWebPorts: changeWebPortsRequest,
  confirm: confirmRequest,
  restore: restoreRequest,
  schedule: scheduleRequest,
  unschedule: unscheduleRequest,
  override: overrideRequest,
  learn: learnRequest,
  backups: z.strictObject({}),
  outlook: outlookRequest,
  settle: z.strictObject({}),
  news: newsRequest,
  history: historyRequest,
  evidence: z.strictObject({}),
  refused: refusedRequest,
};
type Requests = { [Each in keyof typeof REQUESTS]: z.infer<(typeof REQUESTS)[Each]> };
export type Method = keyof Requests;

/** One question to the engine. @template M which of them it may be */
export type Call<M extends Method = Method> = {
  [Each in M]: {
    method: Each;
    request: Requests[Each];
    order?: Order | undefined;
    since?: number | undefined;
    source?: Source | undefined;
  };
}[M];

/** A request with nothing said that has a default. */
export type AgentQuestion = z.input<typeof agentRequest>;

/** A sentence taken apart, see errors.ts. */
export const sentence: z.ZodMiniType<Sentence> = z.strictObject({
  template: z.string(),
  get values() {
    return z.array(z.union([z.string(), sentence]));
  },
});
export const saidByAgent = z.array(sentence).check(z.maxLength(3));

/**
 * Checks a value that came from outside.
 * @returns a copy of it, in which each property was read once.
 * @throws FirewallError INVALID_INPUT, naming the property; the value itself is quoted only in part, as it may be huge or hostile.
 */
export function check<Schema extends z.ZodMiniType>(schema: Schema, value: unknown): z.output<Schema> {
  const copy = bounded(schema, value);
  const parsed = schema.safeParse(copy);
  if (parsed.success) return parsed.data;
  const { path, issue } = faultIn(parsed.error);
  const isSecret = issue?.code === 'custom' && issue.params?.isSecret === true;
  const got = isSecret ? say`a text that is not shown` : printable(valueAt(copy, issue?.path ?? []));
  // Sentences of this file's own are translated; zod's are not.
  const reason = (issue?.message ?? 'not understood').slice(0, 300);
  const said = issue?.code === 'custom' || issue?.code === 'invalid_format' ? { template: reason, values: [] } : reason;
  throw new FirewallError('INVALID_INPUT', {
    what: say`${path || 'the request'}: ${said} (got ${got}).`,
  });
}

/** What a schema found first, and the path of the property where it did; empty for the value as a whole. */
export function faultIn({ issues }: z.core.$ZodError): { path: string; issue: z.core.$ZodIssue | undefined } {
  const [issue] = issues;
  return { path: (issue?.path ?? []).map(property).join('.'), issue };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at: unknown = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.prototype.hasOwnProperty.call(at, step)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[step];
  }
  return at;
}
