/**
 * The sidebar: what the runtime publishes about each device's firewall, in words. It requests nothing and changes nothing.
 * All text comes from the device, where anybody may have written it, and is only ever inserted as text.
 */
window.smartserverFirewallSidebar = (translateWith) => {
  const ID = 'smartserver-firewall';
  /** Visual cues next to the word, never in place of it. */
  const SHAPES = { open: '●', partial: '◐', closed: '○' };
  /** What the firewall is like, by shape and colour beside the words. */
  const STATES = { on: '●', off: '✕', lockdown: '■', waiting: '◔', attention: '▲' };
  /** How an entry of the ledger ended, by shape beside the word. */
  const ENDS = { done: '✓', 'taken-back': '↺', seen: '▲' };
  /** So many of the last changes are shown at once. */
  const LAST = 3;
  const HOUR_MS = 3_600_000;
  const PROFILES = ['enhanced', 'standard', 'lockdown'];
  /** How often it is asked whether Node-RED still answers, and how long that may take. */
  const ASK_MS = 10_000;
  const REASONS = {
    requested: 'requested',
    unconfirmed: 'unconfirmed',
    'lease-over': 'leaseOver',
    schedule: 'schedule',
  };
  const devices = new Map();
  /** What was blocked, by the device's id. */
  const blocked = new Map();
  /** The hour in which that was drawn, counted from 1970. */
  let drawnIn = 0;
  /** The device that is shown, and what is unfolded; both survive an update. */
  let chosen = null;
  let shownId = null;
  const unfolded = new Set();
  let onlyProblems = false;
  /** Whether Node-RED has stopped answering: it may be restarting. */
  let isLost = false;
  /** How far the device's clock is ahead of the browser's, in ms. */
  let ahead = 0;

  /** A text with values that anybody may have written: nothing in them is a placeholder, or the name of another text. */
  function translate(key, values = {}) {
    const names = Object.keys(values).filter((name) => typeof values[name] === 'string');
    const marked = Object.fromEntries(names.map((name, at) => [name, `\ue000${at}\ue000`]));
    const text = translateWith(key, { ...values, ...marked });
    return text.replace(/\ue000(\d+)\ue000/g, (_, at) => values[names[at]]);
  }

  const content = $('<div>').addClass('smartserver-firewall-sidebar');
  const element = (tag, text) => $(`<${tag}>`).text(text ?? '');
  const note = (...parts) => $('<div>').addClass('smartserver-note').append(parts);

  function table(headings, rows) {
    const head = headings.map((heading) => element('th', heading).attr('scope', 'col'));
    const body = rows.map((cells) => $('<tr>').append(cells));
    return $('<table>').append($('<thead>').append($('<tr>').append(head)), $('<tbody>').append(body));
  }

  // What the engine says it says in English, and taken apart, so that it can be said in the editor's language.
  const { actionIn, errorIn, labelIn, textsIn } = window.smartserverFirewallServices;
  const language = () => translate('meta.language');

  /** A built-in service in the editor's language; a custom one by the name it was given. */
  const nameOf = (service) => labelIn(language(), service);

  /** The names of these ids; ports, and what is gone from the configuration, are their own. */
  const namesOf = (ids, services) =>
    ids.map((id) => nameOf(services.find((service) => service.id === id) ?? { id, label: id })).join(', ');

  const profileOf = (name) => (PROFILES.includes(name) ? translate(`profile.${name}`) : name);

  /** What a change does, in words; a later version's stays as it is. */
  const wordsFor = (action, services) => actionIn(language(), action, services);

  const verdict = (state) =>
    $('<td>')
      .addClass('smartserver-verdict')
      .append(element('span', SHAPES[state]).attr('aria-hidden', 'true'), ` ${translate(`verdict.${state}`)}`);

  function serviceRow(service, way) {
    const name = $('<td>').append(element('span', nameOf(service)), element('small', service.ports.join(', ')));
    if (service.scope.length > 0) {
      const words = { scope: service.scope.join(', '), count: service.more };
      name.append(element('small', translate(service.more > 0 ? 'service.more' : 'service.scope', words)));
    } else if (service[way] === 'open')
      name.append(element('small', translate(way === 'in' ? 'service.everybody' : 'service.everywhere')));
    if (way === 'in' && service.in !== 'closed' && service.listening === false)
      name.append(element('small', translate('service.unused')));
    if (service.optional) name.append(element('small', translate('service.optional')));
    return [name, verdict(service[way])];
  }

  /** The services of one direction; nothing where there are none. */
  function serviceTable(services, way, heading) {
    if (services.length === 0) return [];
    const headings = ['service', way].map((column) => translate(`column.${column}`));
    const rows = services.map((service) => serviceRow(service, way));
    const listed = table(headings, rows);
    listed.find('tbody tr').each((at, row) => $(row).attr('data-place', `${way} ${services[at].id}`));
    return [element('h3', heading), listed];
  }

  /** By who begins: nobody outside does with a service that only the device initiates, whatever a rule for its port says. */
  const serviceTables = (services, prefix) => [
    ...serviceTable(
      services.filter(({ listening }) => listening !== null),
      'in',
      translate(`heading.${prefix}In`),
    ),
    ...serviceTable(
      services.filter(({ listening, out }) => listening === null || out !== 'closed'),
      'out',
      translate(`heading.${prefix}Out`),
    ),
  ];

  /** A future time, counted down once a second by `tick`. */
  const countdown = (until) => element('span', left(until)).attr('data-until', until);

  function left(until) {
    const seconds = Math.max(0, Math.round((Date.parse(until) - Date.now() - ahead) / 1000));
    const two = (number) => String(number).padStart(2, '0');
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
  }

  /** Draws what was blocked anew, and nothing else. */
  const renderBlocked = () => keeping(() => content.find('.smartserver-blocked').replaceWith(blockedPart(shownId)));

  function tick() {
    const isNext = Math.floor((Date.now() + ahead) / HOUR_MS) > drawnIn;
    if (isNext && content.find('.smartserver-blocked').length > 0) renderBlocked();
    for (const one of content.find('[data-until]').toArray()) {
      const text = left($(one).attr('data-until'));
      if ($(one).text() !== text) $(one).text(text);
    }
  }

  /** A translated sentence with an element in place of one of its placeholders. */
  function sentence(key, values, place, inside) {
    const [before, after] = translate(key, { ...values, [place]: '\u0000' }).split('\u0000');
    return $('<p>').append(document.createTextNode(before), inside, document.createTextNode(after ?? ''));
  }

  function problems({ active, enabledAtBoot, inSync, otherOwners, unreadable, findings, leftovers, webPorts, said }) {
    const named = (key, texts) => texts.map((text) => translate(`problem.${key}`, { text }));
    const inWords = textsIn(language(), said);
    return [
      ...findings.map(
        ({ severity, text, remedy }) => `${translate(`severity.${severity}`)}: ${inWords(text)} ${inWords(remedy)}`,
      ),
      ...(active !== enabledAtBoot ? [translate('problem.boot')] : []),
      ...(inSync ? [] : [translate('problem.sync')]),
      ...named('owners', otherOwners),
      ...named('unreadable', unreadable),
      ...leftovers.map(inWords),
      ...(webPorts?.problems ?? []).map(inWords),
    ];
  }

  function foldable(key, heading, inside) {
    const details = $('<details>').append(element('summary', heading).attr('data-key', key), inside);
    details.prop('open', unfolded.has(key));
    details.on('toggle', () => (details.prop('open') ? unfolded.add(key) : unfolded.delete(key)));
    return details;
  }

  const hour = (at) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const number = (value) => value.toLocaleString();
  const time = (text) => new Date(text).toLocaleString();
  /** A day is one of the device's, whatever the reader's zone. */
  const day = (text) => new Date(`${text}T00:00Z`).toLocaleDateString(undefined, { timeZone: 'UTC' });

  /** What matters first: whether it is on, and whether somebody has to do something. */
  function header({ active, pending, profile }, wrong) {
    const kinds = [
      [!active, 'off'],
      [pending, 'waiting'],
      [wrong.length > 0, 'attention'],
      [profile.name === 'lockdown', 'lockdown'],
    ];
    const [, kind] = kinds.find(([holds]) => holds) ?? [true, 'on'];
    const words = $('<div>').append(element('strong', translate(active ? 'firewall.on' : 'firewall.off')));
    if (kind === 'off') words.append(element('p', translate('firewall.turnOn')));
    else if (kind !== 'on') words.append(' ', element('span', translate(`firewall.${kind}`)));
    return $('<div>')
      .addClass(`smartserver-state smartserver-${kind}`)
      .append(element('span', STATES[kind]).attr('aria-hidden', 'true'), words);
  }

  function firewall({ id, state, readAt, backups, timeline }) {
    const { profile } = state;
    const wrong = problems(state);
    const named = (id) => state.services.find((service) => service.id === id);
    const policies = Object.entries(state.policies).map(([way, policy]) => [way, translate(`policy.${policy}`)]);
    const parts = [header(state, wrong), filter()];
    if (state.active && !onlyProblems) {
      parts.push(
        element(
          'p',
          [
            profile.name
              ? translate('firewall.profile', { name: profileOf(profile.name) })
              : translate('firewall.noProfile', { name: profileOf(profile.closest) }),
            translate('firewall.policies', Object.fromEntries(policies)),
            translate('firewall.rules', { count: state.rules }),
          ].join(' '),
        ),
      );
    }
    if (state.pending) {
      const { action, confirmBy } = state.pending;
      const waits = sentence(
        'pending.waits',
        { action: wordsFor(action, state.services) },
        'left',
        countdown(confirmBy),
      );
      parts.push(note(waits, wayToConfirm(state)));
    }
    if (wrong.length > 0) {
      const list = $('<ul>').append(wrong.map((text) => element('li', text)));
      parts.push(note(element('strong', translate('heading.problems')), list));
    }
    if (state.leases.length > 0) {
      const rows = state.leases.map(({ service, until }) => [
        element('td', leaseOf(service, named)),
        $('<td>').append(countdown(until)),
      ]);
      parts.push(element('h3', translate('heading.leases')));
      parts.push(table([translate('column.service'), translate('column.until')], rows));
    }
    if (state.schedules.length > 0 && !onlyProblems) {
      const rows = state.schedules.map(({ name, services, profile, open, by, until }) => [
        $('<td>').append(
          element('span', name || (profile ? profileOf(profile) : namesOf(services, state.services))),
          element('small', translate(`by.${by}`)),
        ),
        profile ? element('td', profileOf(profile)) : verdict(open ? 'open' : 'closed'),
        element('td', until ? time(until) : ''),
      ]);
      parts.push(element('h3', translate('heading.schedules')));
      parts.push(
        table(
          ['schedule', 'now', 'changes'].map((column) => translate(`column.${column}`)),
          rows,
        ),
      );
    }
    if (!onlyProblems) parts.push(...changes(timeline, backups, state.services), blockedPart(id));
    const differences = profile.differences.length > 0 ? differenceTable(profile.differences, named) : null;
    const title = element('h3', translate('heading.differences', { name: profileOf(profile.closest) }));
    if (onlyProblems) {
      if (differences) parts.push(title, differences);
      if (wrong.length === 0 && !differences) parts.push(element('p', translate('empty.problems')));
      return parts;
    }
    parts.push(
      ...serviceTables(
        state.services.filter(({ internal }) => !internal),
        'services',
      ),
    );
    const internal = state.services.filter((service) => service.internal);
    parts.push(foldable('internal', translate('heading.internal'), serviceTables(internal, 'internal')));
    if (state.learning) parts.push(foldable('peers', translate('heading.peers'), whoTalks(state, named)));
    parts.push(title, differences || element('p', translate('empty.differences')));
    const saved = backups.length > 0 ? backupTable(backups, state.services) : element('p', translate('empty.backups'));
    parts.push(foldable('backups', translate('heading.backups'), saved));
    parts.push(element('p', translate('firewall.since', { at: time(readAt) })));
    return parts;
  }

  /** Whether everything is shown, or what needs attention alone. */
  function filter() {
    const box = $('<input type="checkbox">').prop('checked', onlyProblems).attr('data-key', 'only');
    box.on('change', () => {
      onlyProblems = box.prop('checked');
      render();
    });
    return $('<label>')
      .addClass('smartserver-filter')
      .append(box, ' ', document.createTextNode(translate('label.only')));
  }

  /** What is temporary: a service, a port or a profile. */
  function leaseOf(about, named) {
    const [, profile] = /^profile (.*)$/.exec(about) ?? [];
    return profile ? profileOf(profile) : named(about) ? nameOf(named(about)) : about;
  }

  /** The page that confirms a change, if a flow in the editor serves one like the example's; else what to do without. */
  function wayToConfirm({ pending, webPorts }) {
    const serves = ({ method, url }) => method === 'get' && /\/firewall\/confirm$/.test(url);
    const page = RED.nodes.filterNodes({ type: 'http in' }).find(serves);
    if (!page) return element('p', translate('pending.how'));
    const link = new URL(`.${`/${RED.settings.httpNodeRoot || ''}/${page.url}`.replace(/\/+/g, '/')}`, location.href);
    // What is confirmed is that the pages can be reached where they are now.
    if (link.protocol === 'https:' && /^change-web-ports/.test(pending.action) && webPorts)
      link.port = webPorts.redirectsTo || webPorts.https;
    link.search = `?id=${encodeURIComponent(pending.id)}`;
    const target = { href: link.href, target: '_blank', rel: 'noopener', 'data-key': 'confirm' };
    return $('<p>').append(element('a', translate('pending.link')).attr(target));
  }

  /** What was done last, by whom and why: the newest at once, the others folded. */
  function changes(timeline, backups, services) {
    const parts = [element('h3', translate('heading.changes'))];
    if (timeline === null) return [...parts, element('p', translate('empty.reading'))];
    if (timeline === 'outdated') return [...parts, element('p', translate('timeline.outdated'))];
    if (timeline === 'unread') return [...parts, element('p', translate('timeline.unread'))];
    if (timeline.length === 0) return [...parts, element('p', translate('timeline.none'))];
    const kept = new Set(backups.filter(({ damaged }) => !damaged).map(({ id }) => id));
    const list = (entries) =>
      $('<ul>')
        .addClass('smartserver-timeline')
        .append(entries.map((entry) => entryOf(entry, kept, services)));
    const earlier = timeline.slice(LAST);
    parts.push(list(timeline.slice(0, LAST)));
    if (earlier.length > 0)
      parts.push(foldable('earlier', translate('timeline.earlier', { count: earlier.length }), list(earlier)));
    return parts;
  }

  function entryOf({ seq, at, type, id, action, reason, result, source, repeated }, kept, services) {
    // What others have done was not asked for: it was only seen.
    const ended = type === 'drift' ? 'seen' : result;
    const end = translate(ENDS[ended] ? `result.${ended}` : 'result.refused', { code: result });
    const line = $('<small>').append(
      document.createTextNode(`${time(at)} – `),
      element('span', ENDS[ended] ?? '✕').attr('aria-hidden', 'true'),
      document.createTextNode(` ${end}`),
    );
    const parts = [element('span', wordsFor(action, services)), line, element('small', whoIs(source))];
    if (reason) parts.push(element('small', translate('timeline.reason', { reason })));
    if (repeated > 0) parts.push(element('small', translate('timeline.repeated', { count: repeated })));
    // A confirmation is about the change that it confirms, which has its own.
    if (kept.has(id) && result === 'done' && type !== 'confirmation') parts.push(wayBack(id, `entry ${seq}`));
    return $('<li>').attr('data-place', `entry ${seq}`).append(parts);
  }

  function whoIs({ kind, flow, flowName, node, name, id, user }) {
    const own = {
      flow: { flow: flowName || flow, node: name || node },
      operator: { name: name || translate('who.nobody'), id },
      console: { user: user || translate('who.nobody') },
    };
    return translate(`who.${kind}`, own[kind]);
  }

  const totalOf = (counts) => counts.reduce((sum, count) => sum + count, 0);

  /** What was blocked by hour and source, in a part of its own: it may change every few seconds. */
  function blockedPart(id) {
    const part = $('<div>').addClass('smartserver-blocked');
    part.append(element('h3', translate('heading.blocked')));
    drawnIn = Math.floor((Date.now() + ahead) / HOUR_MS);
    const known = blocked.get(id);
    if (!known) return part.append(element('p', translate('empty.reading')));
    // Hours go by also where nothing comes.
    const by = Math.max(0, Math.floor((Date.now() + ahead - Date.parse(known.hour)) / HOUR_MS));
    const sources = known.sources
      .map((one) => ({ ...one, counts: one.counts.map((_, at) => one.counts[at + by] ?? 0) }))
      .filter(({ counts }) => totalOf(counts) > 0);
    if (known.trouble) part.append(note(element('p', errorIn(language(), known.trouble))));
    if (sources.length === 0) {
      if (!known.trouble) part.append(element('p', translate('blocked.none')));
    } else part.append(...blockedTables(sources, Date.parse(known.hour) + by * HOUR_MS));
    const words = [translate('blocked.limited'), translate('blocked.since', { at: time(known.since) })];
    return part.append($('<p>').append(element('small', words.join(' '))));
  }

  /** @param last when the last hour begins, in ms since 1970 */
  function blockedTables(sources, last) {
    const hours = sources[0].counts.map((_, at) => totalOf(sources.map(({ counts }) => counts[at])));
    const highest = Math.max(...hours);
    const begins = (at) => hour(last - (hours.length - 1 - at) * HOUR_MS);
    const row = (name, counts) => [
      $('<th scope="row">').append(element('span', name), bars(counts, highest, begins)),
      element('td', number(totalOf(counts))),
    ];
    const columns = [
      translate('blocked.source', { from: begins(0), to: hour(Date.now() + ahead) }),
      translate('blocked.packets'),
    ];
    const chart = table(columns, [
      ...(sources.length > 1 ? [row(translate('blocked.all'), hours)] : []),
      ...sources.map((one) => row(sourceName(one), one.counts)),
    ]);
    const listed = hours.flatMap((count, at) => {
      if (count === 0) return [];
      const from = sources
        .filter(({ counts }) => counts[at] > 0)
        .map((one) => `${sourceName(one)} (${number(one.counts[at])})`);
      return [[element('td', begins(at)), element('td', from.join(', ')), element('td', number(count))]];
    });
    const headings = ['hour', 'from', 'packets'].map((key) => translate(`blocked.${key}`));
    const inTable = table(headings, listed.reverse());
    for (const one of [chart, inTable]) one.addClass('smartserver-counts');
    return [chart, foldable('hours', translate('blocked.hours'), inTable)];
  }

  const sourceName = ({ source, direction }) => {
    if (source === null) return translate('blocked.others');
    return direction === 'in' ? source : translate(`blocked.${direction}`, { source });
  };

  /** A bar for each hour, the newest on the right; in words, which is the highest. */
  function bars(counts, highest, begins) {
    const SVG = 'http://www.w3.org/2000/svg';
    const most = Math.max(...counts);
    const height = 24;
    const drawn = (name, values) => {
      const one = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(values)) one.setAttribute(key, value);
      return one;
    };
    const words = translate('blocked.most', { count: most, at: begins(counts.indexOf(most)) });
    const chart = drawn('svg', {
      ...{ viewBox: `0 0 ${counts.length * 4} ${height}`, preserveAspectRatio: 'none' },
      ...{ role: 'img', 'aria-label': words },
    });
    for (const [at, count] of counts.entries()) {
      if (count === 0) continue;
      const tall = Math.max(2, (count / highest) * height);
      chart.append(drawn('rect', { x: at * 4, y: height - tall, width: 3, height: tall }));
    }
    return chart;
  }

  /** A flow that takes the device back to before a change, to be imported: the sidebar itself changes nothing. */
  function flowBack(id) {
    const stored = (type, own, x) => {
      const defaults = Object.entries(RED.nodes.getType(type).defaults).map(([key, { value }]) => [key, value]);
      return { ...Object.fromEntries(defaults), ...own, type, z: '', x, y: 100 };
    };
    const config = RED.nodes.node(shownId) ? shownId : '';
    const [press, back, said] = ['a', 'b', 'c'].map(
      (letter) => `5eed${id.replace(/\W/g, '').slice(-11).toLowerCase()}${letter}`,
    );
    return JSON.stringify([
      stored(
        'inject',
        { id: press, name: translate('back.button'), props: [], once: false, repeat: '', crontab: '', wires: [[back]] },
        120,
      ),
      stored(
        'restore-firewall',
        { id: back, device: config, action: 'restore', backup: id, backupType: 'str', wires: [[said]] },
        340,
      ),
      stored('debug', { id: said, wires: [] }, 560),
    ]);
  }

  function wayBack(id, where = 'backup') {
    const text = $('<textarea readonly rows="3">')
      .val(flowBack(id))
      .attr({ 'aria-label': translate('back.flow'), 'data-key': `flow ${where} ${id}` });
    text.on('focus', () => text.trigger('select'));
    return foldable(
      `back ${where} ${id}`,
      translate('back.title'),
      $('<div>').append(element('p', translate('back.how')), text),
    );
  }

  function whoTalks({ learning, peers }, named) {
    const { on, looking, until, days, flooded } = learning;
    const state = on ? (until ? translate('learning.until', { at: time(until) }) : translate('learning.on')) : null;
    const words = [
      state ?? translate('learning.off'),
      ...(on && !looking ? [translate('learning.blind')] : []),
      translate('learning.days', { days }),
    ];
    const rows = peers.map((one) => {
      const service = named(one.service);
      const cell = $('<td>');
      for (const way of ['in', 'out']) {
        const { addresses, more } = one[way];
        if (addresses.length === 0) continue;
        const known = { addresses: addresses.join(', '), count: more };
        const text =
          way === 'in'
            ? translate(more > 0 ? 'peers.moreIn' : 'peers.in', known)
            : translate(more > 0 ? 'peers.moreOut' : 'peers.out', known);
        cell.append($('<div>').text(text));
      }
      if (flooded.includes(one.service)) cell.append(element('small', translate('peers.flooded')));
      return [element('td', service ? nameOf(service) : one.service), cell, element('td', day(one.last))];
    });
    const columns = ['service', 'peers', 'last'].map((column) => translate(`column.${column}`));
    return $('<div>').append(element('p', words.join(' ')), rows.length > 0 ? table(columns, rows) : '');
  }

  const differenceTable = (differences, named) =>
    table(
      ['service', 'expected', 'actual'].map((column) => translate(`column.${column}`)),
      differences.map(({ service, direction, expected, actual }) => [
        $('<td>').append(
          element('span', named(service) ? nameOf(named(service)) : translate('service.others')),
          element('small', translate(`direction.${direction}`)),
        ),
        verdict(expected),
        verdict(actual),
      ]),
    );

  const backupTable = (backups, services) =>
    table(
      [translate('column.at')],
      backups.map(({ id, at, action, reason, rules, place, damaged, said }) => {
        const about = damaged
          ? translate('backup.damaged', { text: textsIn(language(), said)(damaged) })
          : translate('backup.rules', { count: rules, reason: translate(`backup.${REASONS[reason]}`) });
        const kept = place === 'factory' || place === 'day' ? element('small', translate(`backup.${place}`)) : '';
        const before = $('<td>').append(
          element('span', wordsFor(action, services)),
          element('small', time(at)),
          element('small', about),
          kept,
          damaged ? '' : wayBack(id),
        );
        return [before];
      }),
    );

  /** The device of the nodes without a configuration comes first, as it has no name. */
  const inOrder = () => [...devices.values()].sort((a, b) => a.name.localeCompare(b.name));
  const titleOf = ({ name }) => name || translate('label.factory');

  function chooser(shown) {
    const list = $('<select>').attr({ 'aria-label': translate('label.device'), 'data-key': 'device' });
    for (const device of inOrder()) $('<option>').val(device.id).text(titleOf(device)).appendTo(list);
    return list.val(shown.id).on('change', () => {
      chosen = list.val();
      render();
    });
  }

  /** Whoever reads or is on the way through it by keyboard stays where they are, whatever grows above. */
  function keeping(update) {
    const focused = $(document.activeElement).closest(content).length > 0 && document.activeElement.dataset.key;
    const scrolled = content.scrollTop();
    const top = content[0].getBoundingClientRect().top;
    const placeOf = ({ dataset }) => dataset.place ?? dataset.key;
    // What is folded has no place of its own.
    const isShown = (one) => one.getClientRects().length > 0 && (one.checkVisibility?.() ?? true);
    const placed = () => content.find('[data-place], [data-key]').toArray().filter(isShown);
    const aboveOf = (one) => one.getBoundingClientRect().top - top;
    const read = scrolled > 0 && placed().find((one) => aboveOf(one) >= 0);
    const before = read && { place: placeOf(read), above: aboveOf(read) };
    update();
    if (focused) {
      const again = content.find('[data-key]').filter((_, one) => one.dataset.key === focused)[0];
      again?.focus({ preventScroll: true });
    }
    content.scrollTop(scrolled);
    const now = before && placed().find((one) => placeOf(one) === before.place);
    if (now) content.scrollTop(scrolled + aboveOf(now) - before.above);
  }

  /** Shows what is known now. */
  const render = () => keeping(show);

  function show() {
    const shown = devices.get(chosen) ?? inOrder()[0];
    content.empty();
    if (!shown) {
      content.append(element('p', translate('empty.none')));
      return;
    }
    shownId = shown.id;
    if (isLost)
      content.append(note(element('strong', translate('empty.lost')), element('p', translate('empty.lostMore'))));
    if (devices.size > 1) content.append(chooser(shown));
    // What was read before an error may be outdated: it is not shown next to the error.
    if (shown.error) {
      content.append(note(element('strong', translate('empty.error')), element('p', errorIn(language(), shown.error))));
    } else if (shown.state) content.append(firewall(shown));
    else content.append(element('p', translate('empty.reading')));
  }

  RED.sidebar.addTab({
    id: ID,
    label: translate('label.tab'),
    name: translate('label.tab'),
    iconClass: 'fa fa-shield',
    content,
    enableOnEdit: true,
    action: `${ID}:show-sidebar`,
  });
  RED.actions.add(`${ID}:show-sidebar`, () => RED.sidebar.show(ID));
  RED.comms.subscribe(`${ID}/#`, (_topic, update) => {
    if (update.gone) devices.delete(update.id);
    else devices.set(update.id, update);
    render();
  });
  RED.comms.subscribe(`${ID}-blocked/#`, (_topic, update) => {
    if (update.gone) blocked.delete(update.id);
    else blocked.set(update.id, update);
    if (update.id === shownId) renderBlocked();
  });
  // Countdowns follow the device's clock, a technician's laptop may show a different time; and whether it answers at all.
  const ask = () =>
    $.ajax({ method: 'HEAD', url: 'resources/@smartserver/node-red-firewall/sidebar.css', timeout: ASK_MS });
  function answered(isAnswer) {
    if (isLost === !isAnswer) return;
    isLost = !isAnswer;
    render();
  }
  function check() {
    ask().then(
      (_data, _status, answer) => {
        const now = Date.parse(answer.getResponseHeader('Date'));
        if (!Number.isNaN(now)) ahead = now - Date.now();
        answered(true);
      },
      // Whatever Node-RED answers, it is there.
      ({ status }) => answered(status > 0),
    );
  }
  check();
  setInterval(() => content.is(':visible') && check(), ASK_MS);
  for (const event of ['online', 'offline']) window.addEventListener(event, check);
  setInterval(tick, 1000);
  render();
};
