import type { Node, NodeAPI, NodeDef, NodeMessageInFlow } from 'node-red';
import { FirewallError, say } from '../firewall/errors';
import { fleetStateOf } from '../firewall/fleet/summary';
import { LANGUAGES, type Language, textsIn } from '../firewall/language';
import { printable } from '../firewall/printable';
import type { Asking } from '../firewall/queue';
import type { Evidence, State } from '../firewall/results';
import { type Answer, answerMessages } from './answer';
import { useDevice } from './device';
import { fromStored } from './migrate';
import { shortNames } from './names';
import { defined, evaluate } from './request';
import { version } from './version';

type Definition = NodeDef & { device?: string } & Record<string, unknown>;

/** The parts of a state that can be sent, by the value of the property `output`. */
const PARTS: ReadonlyMap<unknown, (state: State) => unknown> = new Map<unknown, (state: State) => unknown>([
  ['state', (state) => state],
  ['services', (state) => state.services],
  ['rules', (state) => state.rules],
  ['profile', (state) => state.profile],
  ['findings', (state) => state.findings],
  ['peers', (state) => state.peers],
  ['fleet', (state) => fleetStateOf(state, version())],
]);

/** The properties that say which entries of the ledger are asked for, and what the engine calls them. */
const FILTERS = [
  ['since', 'since'],
  ['by', 'source'],
  ['concerning', 'service'],
] as const;

const NO_DOCUMENTS = { value: undefined };
const isGiven = (type: unknown): boolean => type !== undefined && type !== 'str';

/** The time of reading (`at` in a summary), and of peers how often and how lately they talk, and for how long it was learned. */
const PASSING: ReadonlySet<string> = new Set(['readAt', 'at', 'lastSeen', 'count', 'days']);

/** What must be equal for two payloads to count as the same: everything but what passes by itself. */
function comparable(payload: unknown): string {
  return JSON.stringify(payload, (key, value) => (PASSING.has(key) ? undefined : value));
}

/** That of Node-RED's runtime where the node says none. */
function languageOf(RED: NodeAPI, asked: unknown): Language {
  const isOwn = asked === undefined || asked === '';
  const wanted = isOwn ? RED._('meta.language') : asked;
  const found = LANGUAGES.find((language) => language === wanted) ?? (isOwn ? 'en' : undefined);
  if (found) return found;
  throw new FirewallError('INVALID_INPUT', {
    what: say`language: must be en, de or ja, or empty for that of Node-RED (got ${printable(asked)}).`,
  });
}

/** Loaded on demand: most flows ask for none. */
function pageOf(evidence: Evidence, language: Language): string {
  const { reportPage } = require('../firewall/report-page/page') as typeof import('../firewall/report-page/page');
  return reportPage(evidence, language);
}

/** What was asked for, and its status. */
interface Reading {
  payload: unknown;
  text: string;
  /** What has to differ for it to be sent again; left out: the payload. */
  compared?: unknown;
}

export = (RED: NodeAPI): void => {
  function summary({ active, profile }: State): string {
    if (!active) return RED._('status.inactive');
    return profile.name ?? RED._('status.noProfile');
  }

  RED.nodes.registerType('read-firewall', function (this: Node, stored: Definition) {
    const def = fromStored(RED, this, stored);
    if (!def) return;
    const device = useDevice(RED, this, def.device);
    let lastSent: string | undefined;
    /** What was asked for, and its status. */
    /** Those filters that say something: an empty field is none. */
    const filters = async (msg: NodeMessageInFlow): Promise<Record<string, unknown>> => {
      const given: Record<string, unknown> = {};
      for (const [property, filter] of FILTERS) {
        const [value, type] = [def[property], def[`${property}Type`]];
        if (value === undefined || (value === '' && !isGiven(type))) continue;
        given[filter] = (await evaluate(RED, this, msg, { property, value, type })).value;
      }
      return given;
    };
    const reading = async (msg: NodeMessageInFlow, asking: Asking): Promise<Reading> => {
      if (def.output === 'service') {
        const input = { property: 'service', value: def.service, type: def.serviceType };
        const { value: service } = await evaluate(RED, this, msg, input);
        const { open, id } = await device().isOpen(defined({ service }), asking);
        const names = { service: shortNames(RED, [id]) };
        return { payload: open, text: open ? RED._('status.open', names) : RED._('status.closed', names) };
      }
      if (def.output === 'report') {
        const language = languageOf(RED, def.language);
        const evidence = await device().evidence(asking);
        return { payload: pageOf(evidence, language), text: summary(evidence.state), compared: evidence.state };
      }
      if (def.output === 'history') {
        const { entries, fault } = await device().history(await filters(msg), asking);
        if (fault) {
          const what = textsIn(RED._('meta.language'), fault.said)(fault.what);
          this.warn(RED._('log.ledger', { seq: fault.seq, what }));
        }
        return { payload: entries, text: RED._('status.history', { number: entries.length }) };
      }
      const part = PARTS.get(def.output ?? 'state');
      if (!part) {
        const what = say`output: must be state, services, rules, profile, findings, peers, history, report, service or fleet (got ${printable(def.output)}).`;
        throw new FirewallError('INVALID_INPUT', { what });
      }
      const input = { property: 'csaf', value: def.csaf, type: def.csafType };
      // Without a place to take them from there are none.
      const { value: csaf } = isGiven(def.csafType) ? await evaluate(RED, this, msg, input) : NO_DOCUMENTS;
      const state = await device().read(asking, csaf);
      return { payload: part(state), text: summary(state) };
    };
    answerMessages(RED, this, async (msg, asking): Promise<Answer> => {
      const { payload, text, compared = payload } = await reading(msg, asking);
      if (def.onlyChanges === true) {
        const now = comparable(compared);
        if (now === lastSent) return { outcome: 'unchanged', text: RED._('status.unchanged') };
        lastSent = now;
      }
      return { outcome: 'success', text, payload };
    });
  });
};
