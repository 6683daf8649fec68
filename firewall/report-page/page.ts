/**
 * The report that an auditor takes: one page of HTML that needs nothing else. It holds no script and loads nothing; all text
 * from outside is escaped; and the JSON that it shows is in it, with its hash.
 */
import { profileName } from '../action';
import { actionIn, type Language, labelIn, textsIn } from '../language';
import type { Entry } from '../ledger/entry';
import type { Source } from '../ledger/source';
import type { Evidence, Finding, RuleReport, ServiceReport, Who } from '../results';
import { ALL_OTHERS } from '../services/catalogue';
import { POLICY_OF } from '../verdicts/openness';
import { reportDocument } from './document';
import { html, Markup } from './html';
import { type Flow, picture } from './picture';
import { ownRules, portsOfNone } from './rule-ports';
import { STYLE } from './style';
import { filled, WORDS, type Words } from './words';

type Direction = 'in' | 'out';

/** So many rows a table has at most; all are in the JSON. */
const MOST_ROWS = 1000;
/** So many addresses stand in a picture. */
const MOST_NAMED = 2;

interface Page {
  evidence: Evidence;
  language: Language;
  words: Words;
  /** A time by the device's own clock. */
  time(iso: string): Markup;
  /** A text of the state in the page's language, if this package has made it. */
  said(text: string): string;
  /** What a change says it does. */
  action(text: string): string;
  /** The name of a service, or what else is called by this id. */
  name(id: string): string;
}

/** The name that the JSON is saved under. */
const FILE = 'firewall-report.json';

export function reportPage(evidence: Evidence, language: Language): string {
  const words = WORDS[language];
  const { state, device } = evidence;
  const { text, sha256 } = reportDocument(evidence);
  const page: Page = {
    ...{ evidence, language, words, time: timesIn(language, device.zone) },
    said: textsIn(language, state.said),
    action: (text) => actionIn(language, text, state.services),
    name: (id) => labelIn(language, state.services.find((one) => one.id === id) ?? { id, label: id }),
  };
  const name = device.name;
  return html`<!DOCTYPE html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${words.title}: ${name}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>
<h1>${words.title}: <bdi>${name}</bdi></h1>
<p>${words.read} ${page.time(state.readAt)}${words.stop} ${filled(words.deviceTime, device.zone)}</p>
${verdict(page)}
${facts(page)}
</header>
<main>
${pictures(page)}
${section(words.findings, findings(page))}
${section(words.changes, planned(page))}
${section(filled(words.differences, profileName(state.profile.closest)), differences(page))}
${section(words.web, web(page))}
${outside(page)}
${section(words.servicesIn, services(page, 'in'))}
${section(words.servicesOut, services(page, 'out'))}
${section(words.rules, rules(page))}
${section(words.peers, peers(page))}
${section(words.history, history(page))}
${section(words.versions, versions(page))}
</main>
<footer>
<h2>${words.proof}</h2>
<p>${words.proofText}</p>
<p class="code hash" id="sha256">${sha256}</p>
<p class="save"><a download="${FILE}" href="data:application/json;base64,${new Markup(Buffer.from(text, 'utf8').toString('base64'))}">${words.save}</a></p>
<p class="soft">${filled(words.verify, FILE)}</p>
</footer>
</body>
</html>
`.text;
}

const section = (heading: string, content: Markup): Markup => html`<section><h2>${heading}</h2>${content}</section>`;

function timesIn(language: Language, zone: string): (iso: string) => Markup {
  const options: Intl.DateTimeFormatOptions = {
    ...{ year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' },
    ...{ hourCycle: 'h23', timeZoneName: 'short' },
  };
  const locale = language === 'en' ? 'en-GB' : language;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
  } catch {
    // A zone that this Node.js does not know.
    format = new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' });
  }
  return (iso) => {
    const date = new Date(iso);
    return Number.isNaN(date.getTime()) ? html`${iso}` : html`<time datetime="${iso}">${format.format(date)}</time>`;
  };
}

const bdi = (text: string): Markup => html`<bdi>${text}</bdi>`;

const isGrave = ({ severity }: Finding): boolean => severity === 'critical' || severity === 'high';

/** In a word, and a shape of its own for each. */
function verdict({ evidence: { state }, words, time, action }: Page): Markup {
  const [kind, word, text, shape] = !state.active
    ? (['bad', words.off, words.offText, 'M5 5l14 14M19 5L5 19'] as const)
    : state.findings.some(isGrave) || !state.inSync
      ? (['warn', words.attention, words.attentionText, 'M12 4v10M12 18v2'] as const)
      : (['good', words.on, words.onText, 'M4 13l5 5L20 6'] as const);
  const at = state.enabledAtBoot ? words.bootOn : words.bootOff;
  return html`<div class="verdict ${kind}"><svg class="${kind}" viewBox="0 0 24 24" aria-hidden="true"><path d="${shape}" fill="none" stroke="currentColor" stroke-width="3.5"/></svg><div><strong class="${kind}">${word}</strong><p>${text} ${at}</p>${
    !state.inSync && html`<p>${words.sync}</p>`
  }${state.pending && html`<p>${words.waits}: ${bdi(action(state.pending.action))}${words.stop} ${fill(words.pending, time(state.pending.confirmBy))}${words.stop}</p>`}</div></div>`;
}

/** A text with markup in its places. */
const fill = (text: string, ...values: Markup[]): Markup => {
  const parts = text.split(/(\{\d\})/);
  return html`${parts.map((part) => (/^\{\d\}$/.test(part) ? (values[Number(part[1])] as Markup) : html`${part}`))}`;
};

function facts({
  evidence: {
    state,
    history: { head, fault, kept, dropped },
  },
  language,
  words,
}: Page): Markup {
  const { policies, profile } = state;
  const count = (severity: Finding['severity']): number =>
    state.findings.filter((one) => one.severity === severity).length;
  const severities = (['critical', 'high', 'medium', 'low'] as const).filter((one) => count(one) > 0);
  return html`<dl class="facts">
<div><dt>${words.profile}</dt><dd>${profile.name ? profileName(profile.name) : words.noProfile}${!profile.name && html`<small>${filled(words.closest, profileName(profile.closest))}</small>`}</dd></div>
<div><dt>${words.policies}</dt><dd>${words.incoming}: ${words[policies.incoming]}<small>${words.outgoing}: ${words[policies.outgoing]}; ${words.routed}: ${words[policies.routed]}</small></dd></div>
<div><dt>${words.findings}</dt><dd>${state.findings.length}<small>${severities.map((one) => filled(words.count, count(one), words[one])).join(', ')}</small></dd></div>
<div><dt>${words.history}</dt><dd>${
    fault
      ? html`<span class="bad">${broken(fault, words, language)}</span>`
      : head
        ? html`${filled(words.whole, kept)}${dropped > 0 && html`<small>${filled(words.dropped, dropped)}</small>`}`
        : words.noHistory
  }</dd></div>
</dl>`;
}

const broken = (
  { seq, what, said }: NonNullable<Evidence['history']['fault']>,
  words: Words,
  language: Language,
): string => filled(words.broken, seq, textsIn(language, said)(what));

const whoOf = ({ id }: ServiceReport, direction: Direction, { who }: Evidence): Who =>
  who[id]?.[direction] ?? { kind: 'unclear', only: [], except: [], isLimited: false };

/** Whom a service is open to, in a text. @param most of so many addresses */
function whoText(service: ServiceReport, direction: Direction, { evidence, words }: Page, most = Infinity): string {
  const { kind, only, except, isLimited } = whoOf(service, direction, evidence);
  if (kind === 'nobody') return '';
  const everybody = direction === 'in' ? words.anyone : words.anywhere;
  const few = (places: Who['only'], all: string): string => {
    const list = places.map((place) => placeText(place, all));
    return list.length > most
      ? filled(words.more, list.slice(0, most).join(', '), list.length - most)
      : list.join(', ');
  };
  const base = kind === 'unclear' ? words.unclear : kind === 'all' ? everybody : few(only, everybody);
  const some = except.length > 0 ? filled(words.except, base, few(except, '')) : base;
  return isLimited ? `${some}, ${words.limited}` : some;
}

const placeText = ({ address, through }: Who['only'][number], everybody: string): string =>
  [address || everybody, through && `(${through})`].filter(Boolean).join(' ');

/** Only services that talk in this direction. */
const inDirection = ({ state, directions }: Evidence, direction: Direction): ServiceReport[] =>
  state.services.filter(({ id }) => directions[id]?.includes(direction));

function flowsOf(page: Page, direction: Direction): Flow[] {
  const { evidence, words } = page;
  const everybody = direction === 'in' ? words.anyone : words.anywhere;
  const ofServices = inDirection(evidence, direction)
    .filter((service) => service[direction] !== 'closed')
    .map((service) => ({
      who: whoText(service, direction, page, MOST_NAMED),
      isAll: service[direction] === 'open',
      ...{ what: page.name(service.id), ports: service.ports.join(', ') },
    }));
  const ownPorts = (rule: RuleReport): string =>
    rule.to.port === 'any' ? portsText(rule, words) : portsOfNone(rule, evidence.state.services).join(', ');
  const ofRules = ownRules(evidence.state, direction).map((rule) => {
    const { address } = direction === 'in' ? rule.from : rule.to;
    const isAll = address.endsWith('/0') && !rule.interface;
    return {
      who: placeText({ address: address.endsWith('/0') ? '' : address, through: rule.interface ?? '' }, everybody),
      ...{ isAll, what: filled(words.ownRule, rule.number), ports: ownPorts(rule) },
    };
  });
  const isAllowed = !evidence.state.active || evidence.state.policies[POLICY_OF[direction]] === 'allow';
  const rest = { who: everybody, isAll: true, what: words.everythingElse, ports: words.byPolicy };
  return [...ofServices, ...ofRules, ...(isAllowed ? [rest] : [])];
}

function pictures(page: Page): Markup {
  const { evidence, words } = page;
  const one = (direction: Direction): Markup => {
    const flows = flowsOf(page, direction);
    const closed = inDirection(evidence, direction).filter((service) => service[direction] === 'closed').length;
    const title = direction === 'in' ? words.pictureIn : words.pictureOut;
    const description = flows.map(({ who, what, ports }) => `${who} → ${what} (${ports})`).join('; ');
    return html`<section><h2>${title}</h2><figure>${
      flows.length > 0
        ? picture(`picture-${direction}`, title, description, flows)
        : html`<p>${direction === 'in' ? words.nobodyIn : words.nobodyOut}</p>`
    }${closed > 0 && html`<figcaption>${filled(words.alsoClosed, closed)}</figcaption>`}</figure></section>`;
  };
  return html`<div class="pictures">${one('in')}${one('out')}</div>`;
}

function findings({ evidence: { state }, words, said }: Page): Markup {
  if (state.findings.length === 0) return html`<p>${words.noFindings}</p>`;
  const tone = { critical: 'bad', high: 'bad', medium: 'warn', low: 'soft' } as const;
  return html`<ol class="findings">${state.findings.map(
    ({ severity, text, remedy, reference, service }) =>
      html`<li class="${severity}"><span class="tag ${tone[severity]}">${words[severity]}</span> ${service && html`<code>${service}</code> `}${said(text)}${remedy !== '' && html`<small>${said(remedy)}</small>`}${reference && html`<small>${words.reference}: ${reference}</small>`}</li>`,
  )}</ol>`;
}

const BY = {
  ...({ schedule: 'bySchedule', override: 'byOverride', lockdown: 'byLockdown' } as const),
  ...({ clock: 'byClock', lease: 'byLease', pending: 'byPending' } as const),
};

function planned({ evidence: { state }, words, time, action, name }: Page): Markup {
  const { pending, leases, schedules } = state;
  const lines = [
    ...(pending
      ? [
          html`<li>${words.waits}: <b>${bdi(action(pending.action))}</b><small>${fill(words.pending, time(pending.confirmBy))}</small></li>`,
        ]
      : []),
    ...leases.map(
      ({ service, until }) =>
        html`<li><b>${bdi(leaseName(service, name))}</b><small>${fill(words.lease, time(until))}</small></li>`,
    ),
    ...schedules.map(
      ({ name: title, id, services: about, profile, open, by, until, next }) =>
        html`<li>${words.schedule} <b>${bdi(title || id)}</b>: ${bdi(about?.map(name).join(', ') ?? profileName(profile ?? ''))} &ndash; ${open ? words.open : words.closed}, ${words[BY[by]]}${until && html`<small>${fill(words.until, time(until))}</small>`}${next && html`<small>${fill(words.next, time(next))}</small>`}</li>`,
    ),
  ];
  return lines.length > 0 ? html`<ul class="plain">${lines}</ul>` : html`<p>${words.nothingPending}</p>`;
}

/** What is temporary: a service, a port or a profile. */
function leaseName(about: string, name: Page['name']): string {
  const [, profile] = /^profile (.*)$/.exec(about) ?? [];
  return profile === undefined ? name(about) : profileName(profile);
}

const table = (columns: readonly (readonly [string, string])[], rows: readonly Markup[]): Markup =>
  html`<table><thead><tr>${columns.map(([kind, name]) => html`<th scope="col" class="${kind}">${name}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`;

function differences({ evidence: { state }, words, name }: Page): Markup {
  const { differences: all } = state.profile;
  if (all.length === 0) return html`<p>${words.noDifferences}</p>`;
  const label = (id: string): string => (id === ALL_OTHERS ? words.allOthers : name(id));
  return table(
    [
      ['', words.service],
      ['s', words.expected],
      ['s', words.actual],
    ],
    all.map(
      ({ service, direction, expected, actual }) =>
        html`<tr><th scope="row">${label(service)}<small>${direction === 'in' ? words.incoming : words.outgoing}</small></th><td>${words[expected]}</td><td>${words[actual]}</td></tr>`,
    ),
  );
}

function web({ evidence: { state }, words, said }: Page): Markup {
  const { webPorts } = state;
  if (!webPorts) return html`<p>${words.noWeb}</p>`;
  const { http, https, redirectsTo, problems } = webPorts;
  return html`<p>HTTP: <b>${http ?? words.none}</b>, HTTPS: <b>${https ?? words.none}</b>${redirectsTo !== null && html`; ${filled(words.redirects, redirectsTo)}`}.</p>${
    problems.length > 0
      ? html`<ul class="plain">${problems.map((text) => html`<li>${said(text)}</li>`)}</ul>`
      : html`<p>${words.consistent}</p>`
  }`;
}

/** As it stands in a file, or in the kernel. */
const quoted = (text: string): Markup => html`<code>${bdi(text)}</code>`;

function outside({ evidence: { state }, words, said }: Page): Markup {
  const lines = [
    ...state.otherOwners.map((text) => [words.otherOwner, quoted(text)] as const),
    ...state.unreadable.map((text) => [words.unreadable, quoted(text)] as const),
    ...state.leftovers.map((text) => [words.leftover, html`${said(text)}`] as const),
  ].slice(0, MOST_ROWS);
  if (lines.length === 0) return html``;
  return section(
    words.outside,
    html`<ul class="plain">${lines.map(([what, text]) => html`<li>${what}: ${text}</li>`)}</ul>`,
  );
}

function services(page: Page, direction: Direction): Markup {
  const { evidence, words } = page;
  const order = { open: 0, partial: 1, closed: 2 } as const;
  const all = inDirection(evidence, direction).sort((one, other) => order[one[direction]] - order[other[direction]]);
  return table(
    [
      ['', words.service],
      ['s', words.state],
      ['s', direction === 'in' ? words.from : words.to],
    ],
    all.map((service) => {
      const { id, ports, internal, listening, undecided, decidedBy } = service;
      const how = service[direction];
      const who = whoText(service, direction, page);
      const isUnclear = whoOf(service, direction, evidence).kind === 'unclear';
      return html`<tr><th scope="row">${bdi(page.name(id))}<small>${ports.join(', ')}${internal && html` &middot; ${words.internal}`}</small></th><td>${words[how]}${
        direction === 'in' && listening === false && how !== 'closed' && html`<small>${words.unused}</small>`
      }${undecided.includes(direction) && html`<small>${words.undecided}</small>`}</td><td>${bdi(who)}${
        isUnclear &&
        html`<small>${words.decidedBy}:${decidedBy[direction].slice(0, 20).map(({ rule, owner, chain }) => html` <code>${rule ?? `${chain} (${owner === 'policy' ? words.byPolicy : owner})`}</code>`)}</small>`
      }</td></tr>`;
    }),
  );
}

const portsText = ({ to, protocol }: RuleReport, words: Words): string =>
  [to.port === 'any' ? words.everyPort : to.port, ...(protocol === 'any' ? [] : [protocol])].join('/') +
  (to.app ? ` (${to.app})` : '');

function rules({ evidence: { state }, words }: Page): Markup {
  const way = { in: words.incoming, out: words.outgoing, routed: words.routed } as const;
  return table(
    [
      ['n', words.number],
      ['', words.rule],
    ],
    state.rules.slice(0, MOST_ROWS).map((rule) => {
      const { number, action, direction, to, from, interface: through, family, comment } = rule;
      const at = [
        ...(to.address.endsWith('/0') ? [] : [`${words.ruleTo} ${to.address}`]),
        ...(from.address.endsWith('/0') && from.port === 'any'
          ? []
          : [`${words.ruleFrom} ${from.address}${from.port === 'any' ? '' : `:${from.port}`}`]),
        ...(through ? [`${words.ruleOn} ${through}`] : []),
      ];
      return html`<tr><td>${number}</td><td><b>${words[action]}</b> ${way[direction]}, ${portsText(rule, words)}, ${family === 'ipv4' ? 'IPv4' : 'IPv6'}${at.length > 0 && html`<small>${at.join(', ')}</small>`}${comment !== '' && html`<small>&ldquo;${bdi(comment)}&rdquo;</small>`}</td></tr>`;
    }),
  );
}

function peers({ evidence: { state }, words, time, name }: Page): Markup {
  if (!state.peers) return html`<p>${words.neverLearned}</p>`;
  const rows = Object.entries(state.peers).flatMap(([service, all]) => all.map((peer) => ({ service, ...peer })));
  return table(
    [
      ['s', words.service],
      ['', words.peer],
      ['s', words.seen],
    ],
    rows
      .slice(0, MOST_ROWS)
      .map(
        ({ service, address, direction, count, lastSeen }) =>
          html`<tr><th scope="row">${bdi(name(service))}</th><td>${direction === 'in' ? words.ruleFrom : words.ruleTo} ${bdi(address)}</td><td>${fill(words.times, html`${count}`, time(lastSeen))}</td></tr>`,
      ),
  );
}

function sourceText(source: Source, words: Words): string {
  switch (source.kind) {
    case 'flow':
      return filled(words.flow, source.flowName || source.flow, source.name || source.node);
    case 'operator':
      return filled(words.operator, source.name || '\u2013', source.id);
    case 'console':
      return filled(words.console, [source.user || '\u2013', source.tty].filter(Boolean).join(', '));
    default:
      return words[source.kind];
  }
}

const POLICIES = ['incoming', 'outgoing', 'routed'] as const;

function history({ evidence: { history: found }, language, words, time, action: inWords }: Page): Markup {
  const { entries, fault, head, older } = found;
  const row = (one: Entry): Markup => {
    const { seq, at, type, action, result, source, reason, rules: changed, policies, note, said = [], repeated } = one;
    const steps = POLICIES.flatMap((direction) => {
      const step = policies[direction];
      return step ? [`${words[direction]}: ${words[step.from]} → ${words[step.to]}`] : [];
    });
    return html`<tr><td>${time(at)}<small>#${seq}</small></td><td><b>${bdi(action === '' ? type : inWords(action))}</b>${result !== 'done' && html` &ndash; <span class="warn">${result === 'taken-back' ? words.takenBack : result}</span>`}${
      reason !== '' && html`<small>${words.reason}: ${bdi(reason)}</small>`
    }${[...changed.removed.map((rule) => `− ${rule}`), ...changed.added.map((rule) => `+ ${rule}`), ...steps].slice(0, 50).map((line) => html`<small class="code">${line}</small>`)}${
      note !== '' && html`<small>${bdi(textsIn(language, said)(note))}</small>`
    }${repeated > 0 && html`<small>${filled(words.repeated, repeated)}</small>`}</td><td>${bdi(sourceText(source, words))}</td></tr>`;
  };
  return html`${fault && html`<p class="bad">${broken(fault, words, language)}</p>`}${
    entries.length === 0
      ? html`<p>${words.noHistory}</p>`
      : table(
          [
            ['t', words.when],
            ['', words.what],
            ['s', words.who],
          ],
          entries.map(row),
        )
  }${older > 0 && html`<p class="soft">${filled(words.older, older)}</p>`}${head && html`<p class="soft">${words.head}: #${head.seq}, <span class="code hash">${head.hash}</span></p>`}`;
}

function versions({ evidence: { state, device }, words }: Page): Markup {
  const { package: own, ufw, iptables, kernel, node } = device.versions;
  const rows: (readonly [string, string])[] = [
    [words.package, own],
    ['ufw', ufw ?? '\u2013'],
    ['iptables', iptables ?? '\u2013'],
    [words.kernel, kernel],
    ['Node.js', node],
    [words.ipv6, state.ipv6 ? words.managed : words.unmanaged],
    [words.logging, state.logging],
    [words.keys, state.operatorKeys.join(', ') || words.noKeys],
  ];
  return html`<table><tbody>${rows.map(([name, value]) => html`<tr><th scope="row" class="s">${name}</th><td>${bdi(value)}</td></tr>`)}</tbody></table>`;
}
