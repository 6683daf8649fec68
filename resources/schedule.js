/** The week, the exceptions and the words in the dialog of `schedule-service`. It keeps no state. */
window.smartserverSchedule = {
  days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
  most: { hours: 100, exceptions: 1000, services: 20 },
  dayMinutes: 24 * 60,
  presets: {
    work: () => [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '07:00', to: '19:00' }],
    nights: (days) => [{ days, from: '19:00', to: '07:00' }],
    always: (days) => [{ days, from: '00:00', to: '24:00' }],
    clear: () => [],
  },

  isFrom: (time) => typeof time === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(time),
  isTo: (time) => time === '24:00' || window.smartserverSchedule.isFrom(time),
  isSpan: (span) =>
    window.smartserverFirewall.isRecord(span) &&
    window.smartserverSchedule.isFrom(span.from) &&
    window.smartserverSchedule.isTo(span.to),
  minuteOf: (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3)),
  timeOf: (minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`,
  /** `7` and `7:5` as people type them; anything else as it is. */
  asTime(text) {
    const [, hour, minute = '0'] = /^\s*(\d{1,2})(?:[:.](\d{1,2}))?\s*$/.exec(text) ?? [];
    return hour === undefined ? text.trim() : `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
  },

  /** Whether these are the hours of a week, as the engine understands them. None at all: always closed. */
  isHours(hours) {
    const { days, isSpan, most } = window.smartserverSchedule;
    const isRow = (row) =>
      isSpan(row) &&
      Array.isArray(row.days) &&
      row.days.length > 0 &&
      new Set(row.days).size === row.days.length &&
      row.days.every((day) => days.includes(day));
    return Array.isArray(hours) && hours.length <= most.hours && hours.every(isRow);
  },

  /** What is wrong with a list of exceptions: a key of `error`; empty if nothing is. */
  faultIn(exceptions) {
    const { isSpan, most } = window.smartserverSchedule;
    if (exceptions === undefined) return '';
    if (!Array.isArray(exceptions)) return 'exceptions';
    if (exceptions.length > most.exceptions) return 'exceptionsMany';
    const { isRecord } = window.smartserverFirewall;
    const isDate = (date) => typeof date === 'string' && smartserverFirewallCalendar.isDate(date);
    const isDay = (one) =>
      isRecord(one) &&
      isDate(one.date) &&
      Array.isArray(one.hours) &&
      one.hours.length <= most.hours &&
      one.hours.every(isSpan);
    if (!exceptions.every(isDay)) return 'exceptions';
    return new Set(exceptions.map(({ date }) => date)).size === exceptions.length ? '' : 'exceptionsTwice';
  },

  isZone: (zone) => zone === '' || (typeof zone === 'string' && smartserverFirewallCalendar.isTimeZone(zone)),

  /** The names in a text: services, separated by commas. */
  namesIn: (text) =>
    window.smartserverFirewall
      .textOf(text)
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  areServices(text) {
    const { most, namesIn } = window.smartserverSchedule;
    const names = namesIn(text);
    return names.length > 0 && names.length <= most.services && names.every(window.smartserverFirewall.isService);
  },

  /** The minutes of a week that are open: a list for each day. Hours over midnight end on the next day. */
  weekOf(hours) {
    const { dayMinutes, days, isSpan, minuteOf } = window.smartserverSchedule;
    const week = days.map(() => new Array(dayMinutes).fill(false));
    for (const row of window.smartserverFirewall.records(hours).filter(isSpan)) {
      const [from, to] = [minuteOf(row.from), minuteOf(row.to)];
      for (const day of (Array.isArray(row.days) ? row.days : []).map((name) => days.indexOf(name))) {
        if (day < 0) continue;
        week[day].fill(true, from, to > from ? to : dayMinutes);
        if (to <= from) week[(day + 1) % 7].fill(true, 0, to);
      }
    }
    return week;
  },

  /** The open spans of a day, as minutes. */
  spansIn(day) {
    const edges = [...day, false].flatMap((isOpen, at) => (isOpen === (day[at - 1] ?? false) ? [] : [at]));
    return edges.filter((_, at) => at % 2 === 0).map((from, at) => ({ from, to: edges[2 * at + 1] }));
  },

  /** As few rows as possible for a week: days with the same hours share one, and a night is one span. */
  hoursOf(week) {
    const { dayMinutes, days, spansIn, timeOf } = window.smartserverSchedule;
    const spans = week.map(spansIn);
    const nightAfter = (day) => {
      const evening = spans[day][spans[day].length - 1];
      const morning = spans[(day + 1) % 7][0];
      const isNight = evening?.to === dayMinutes && morning?.from === 0 && morning.to <= evening.from;
      return isNight ? morning : undefined;
    };
    const rows = new Map();
    for (const [day, own] of spans.entries()) {
      const night = nightAfter(day);
      const isTaken = (span) => span === nightAfter((day + 6) % 7);
      for (const span of own.filter((one) => !isTaken(one))) {
        const to = span.to === dayMinutes && night ? night.to : span.to;
        const key = `${timeOf(span.from)} ${timeOf(to)}`;
        rows.set(key, [...(rows.get(key) ?? []), days[day]]);
      }
    }
    return [...rows].map(([key, open]) => ({ days: open, from: key.slice(0, 5), to: key.slice(6) }));
  },

  /** How an hour of the week is shown. */
  stateOf(week, day, hour) {
    const minutes = week[day].slice(hour * 60, hour * 60 + 60);
    return minutes.every(Boolean) ? 'open' : minutes.some(Boolean) ? 'partly' : 'closed';
  },

  dayNames: (node) => [
    ...[node._('day.mon'), node._('day.tue'), node._('day.wed'), node._('day.thu')],
    ...[node._('day.fri'), node._('day.sat'), node._('day.sun')],
  ],

  /** `Mon–Fri 07:00–19:00`, for the label of a node; empty if there is more to say. */
  summary(node, hours) {
    const { dayNames, days, isHours } = window.smartserverSchedule;
    if (!isHours(hours) || hours.length !== 1) return '';
    const [row] = hours;
    const at = row.days.map((day) => days.indexOf(day)).sort((a, b) => a - b);
    const names = dayNames(node);
    const [first, last] = [at[0], at[at.length - 1]];
    const isRun = at.length > 2 && last - first === at.length - 1;
    const on = isRun ? `${names[first]}–${names[last]}` : at.map((day) => names[day]).join(' ');
    return `${on} ${row.from}–${row.to}`;
  },

  /** What a calendar says from now on, in a sentence; `now` in ms. */
  words(node, calendar, now) {
    const { when } = window.smartserverSchedule;
    const { isOpenAt, nextEdge } = smartserverFirewallCalendar;
    const browser = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
    const zone = calendar.timeZone || browser;
    const isOpen = isOpenAt(calendar, now, zone);
    const edge = nextEdge(calendar, now, zone);
    const say = () => {
      if (edge === null && calendar.hours.length === 0 && !isOpen) return node._('words.empty');
      if (edge === null) return isOpen ? node._('words.always') : node._('words.never');
      const first = when(node, edge, now, zone);
      const after = nextEdge(calendar, edge, zone);
      if (after === null) return isOpen ? node._('words.openLast', { first }) : node._('words.closedLast', { first });
      const second = when(node, after, now, zone);
      return isOpen ? node._('words.open', { first, second }) : node._('words.closed', { first, second });
    };
    const by = calendar.timeZone ? '' : node._('words.zone', { zone: browser });
    return { now: say(), by };
  },

  /** `today 19:00`, `Monday 07:00`, `24 December 07:00`. */
  when(node, at, now, zone) {
    const { wallClock } = smartserverFirewallCalendar;
    const wall = new Date(wallClock(at, zone));
    const days = Math.floor(wall / 864e5) - Math.floor(wallClock(now, zone) / 864e5);
    const time = wall.toISOString().slice(11, 16);
    if (days === 0) return node._('when.today', { time });
    if (days === 1) return node._('when.tomorrow', { time });
    const parts = days > 0 && days < 7 ? { weekday: 'long' } : { day: 'numeric', month: 'long' };
    const day = new Intl.DateTimeFormat(node._('meta.language'), { ...parts, timeZone: 'UTC' }).format(wall);
    return node._('when.day', { day, time });
  },

  /** Makes the dialog's week and exceptions work; returns a function that returns what they are. */
  prepare(node) {
    const { exceptionList, hoursList, picture, presets, days, weekOf, hoursOf } = window.smartserverSchedule;
    const form = $('#smartserver-week').closest('.smartserver-firewall');
    const changed = () => {
      tell();
      form.trigger('change');
    };
    let week = weekOf(node.hours);
    const grid = picture(node, $('#smartserver-week'), (painted) => {
      week = painted;
      list.set(hoursOf(week));
      changed();
    });
    const list = hoursList(node, $('#smartserver-hours'), () => {
      week = weekOf(list.get());
      grid.set(week);
      changed();
    });
    const exceptions = exceptionList(node, $('#smartserver-exceptions'), changed);
    const zone = () => ($('#smartserver-zone-choice').val() === '' ? '' : $('#node-input-timeZone').val());
    const tell = () => {
      const { faultIn, isHours, isZone, words } = window.smartserverSchedule;
      const calendar = { hours: list.get(), exceptions: exceptions.get(), timeZone: zone() };
      const isValid = isHours(calendar.hours) && faultIn(calendar.exceptions) === '' && isZone(calendar.timeZone);
      const said = isValid ? words(node, calendar, Date.now()) : { now: node._('words.invalid'), by: '' };
      $('#smartserver-words').text(said.now);
      $('#smartserver-words-by').text(said.by);
    };
    form.find('[data-preset]').on('click', ({ currentTarget }) => {
      const { preset } = currentTarget.dataset;
      const isWeekend = (_, day) => day > 4;
      week =
        preset === 'weekdays'
          ? week.map((day, at) => (isWeekend(day, at) ? day.map(() => false) : day))
          : weekOf(presets[preset](days));
      list.set(hoursOf(week));
      grid.set(week);
      changed();
    });
    $('#smartserver-zone-choice, #node-input-timeZone').on('input change', tell);
    const hours = window.smartserverFirewall.records(node.hours);
    list.set(hours);
    grid.set(week);
    exceptions.set(window.smartserverFirewall.records(node.exceptions));
    tell();
    return () => ({ hours: list.get(), exceptions: exceptions.get() });
  },

  /**
   * The week as a table to paint: with the mouse from corner to corner, with the keyboard by the space bar and Shift with
   * arrow keys. What is painted first says whether it opens or closes.
   */
  picture(node, table, painted) {
    const { dayNames, days, stateOf } = window.smartserverSchedule;
    const names = dayNames(node);
    const said = { open: node._('picture.open'), partly: node._('picture.partly'), closed: node._('picture.closed') };
    const heads = [0, 3, 6, 9, 12, 15, 18, 21].map((hour) => $('<th colspan="3" scope="col">').text(hour));
    $('<thead>')
      .append($('<tr>').append($('<td>'), heads))
      .appendTo(table);
    const body = $('<tbody>').appendTo(table);
    const cells = days.map((_, day) => {
      const row = $('<tr>').append($('<th scope="row">').text(names[day])).appendTo(body);
      return Array.from({ length: 24 }, (_each, hour) =>
        $('<td role="gridcell" tabindex="-1">').attr({ 'data-day': day, 'data-hour': hour }).appendTo(row),
      );
    });
    let week = days.map(() => []);
    /** Where painting began: the week as it was, and what is painted. */
    let stroke = null;
    let at = { day: 0, hour: 7 };
    cells[at.day][at.hour].attr('tabindex', 0);

    const show = () => {
      for (const [day, row] of cells.entries())
        for (const [hour, cell] of row.entries()) {
          const state = stateOf(week, day, hour);
          if (cell.attr('class') === `smartserver-${state}`) continue;
          const time = `${names[day]} ${hour}:00–${hour + 1}:00`;
          cell.attr({
            class: `smartserver-${state}`,
            'aria-selected': String(state === 'open'),
            'aria-label': `${time}, ${said[state]}`,
          });
        }
    };
    const mark = (to) => {
      cells[at.day][at.hour].attr('tabindex', -1);
      at = to;
      return cells[at.day][at.hour].attr('tabindex', 0);
    };
    const go = (to) => mark(to).trigger('focus');
    const begin = (isOpen) => {
      stroke = { from: at, isOpen, week };
    };
    /** Paints everything between where the stroke began and where it is now. */
    const paint = () => {
      const { from, isOpen, week: before } = stroke;
      const [top, bottom] = [from.day, at.day].sort((a, b) => a - b);
      const [left, right] = [from.hour, at.hour].sort((a, b) => a - b);
      week = before.map((day, index) =>
        index < top || index > bottom
          ? day
          : day.map((was, minute) => (minute >= left * 60 && minute < right * 60 + 60 ? isOpen : was)),
      );
      show();
      painted(week);
    };
    const isOpenNow = () => stateOf(week, at.day, at.hour) === 'open';
    const cellAt = (element) => {
      const cell = $(element).closest('#smartserver-week td[data-day]');
      return cell.length === 0 ? null : { day: Number(cell.attr('data-day')), hour: Number(cell.attr('data-hour')) };
    };

    // A screen reader may go to any hour by itself.
    body.on('focusin', ({ target }) => {
      const cell = cellAt(target);
      if (cell) mark(cell);
    });
    let isDown = false;
    body.on('pointerdown', (event) => {
      const cell = cellAt(event.target);
      if (!cell || event.button !== 0) return;
      event.preventDefault();
      go(cell);
      begin(!isOpenNow());
      isDown = true;
      table[0].setPointerCapture(event.originalEvent.pointerId);
      paint();
    });
    table.on('pointermove', ({ clientX, clientY }) => {
      const cell = isDown ? cellAt(document.elementFromPoint(clientX, clientY)) : null;
      if (!cell || (cell.day === at.day && cell.hour === at.hour)) return;
      go(cell);
      paint();
    });
    table.on('pointerup pointercancel', () => {
      isDown = false;
      stroke = null;
    });

    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    body.on('keydown', (event) => {
      const { key, shiftKey, ctrlKey } = event;
      const [down, right] = steps[key] ?? [0, 0];
      const ends = { Home: { ...at, hour: 0 }, End: { ...at, hour: 23 } };
      const to = steps[key] ? { day: inside(at.day + down, 6), hour: inside(at.hour + right, 23) } : ends[key];
      if (!to && key !== ' ') return;
      if (ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      if (key === ' ') {
        begin(!isOpenNow());
        paint();
        stroke = null;
        return;
      }
      if (!shiftKey) stroke = null;
      else if (!stroke) begin(isOpenNow());
      go(to);
      if (shiftKey) paint();
    });
    return {
      set(next) {
        week = next;
        stroke = null;
        show();
      },
    };
  },

  /** A text field with a name for screen readers. */
  field: (name, width, value) =>
    $('<input type="text">').attr('aria-label', name).css('width', width).val(window.smartserverFirewall.textOf(value)),

  /** A button that removes its row, after which the list's own button has the focus. */
  removeButton: (name, remove) =>
    $('<button type="button" class="red-ui-button red-ui-button-small">')
      .attr({ 'aria-label': name, title: name })
      .append('<i class="fa fa-remove" aria-hidden="true">')
      .on('click', remove),

  /** A list of rows in `container`, with a button that adds one; `fill` returns a function that reads its row. */
  rowsIn(container, addName, fresh, fill, changed) {
    let rows = [];
    const list = $('<div>').appendTo(container);
    const add = (value) => {
      const line = $('<div class="smartserver-row" role="group">').appendTo(list);
      const row = { line, read: fill(line, value, () => remove(row)) };
      rows.push(row);
      return row;
    };
    const remove = (row) => {
      row.line.remove();
      rows = rows.filter((one) => one !== row);
      button.trigger('focus');
      changed();
    };
    const button = $('<button type="button" class="red-ui-button red-ui-button-small">')
      .append('<i class="fa fa-plus" aria-hidden="true">', document.createTextNode(` ${addName}`))
      .on('click', () => {
        add(fresh()).line.find('button, input').first().trigger('focus');
        changed();
      })
      .appendTo(container);
    list.on('input change', changed);
    return {
      get: () => rows.map(({ read }) => read()),
      set(values) {
        list.empty();
        rows = [];
        for (const value of values) add(value);
      },
    };
  },

  /** The hours as rows: days, from and to. */
  hoursList(node, container, changed) {
    const { asTime, dayNames, days, field, isFrom, isTo, removeButton, rowsIn } = window.smartserverSchedule;
    const names = dayNames(node);
    const fresh = () => ({ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '07:00', to: '19:00' });
    const fill = (line, row, remove) => {
      const chosen = new Set(Array.isArray(row.days) ? row.days : []);
      line.attr('aria-label', node._('label.hoursRow'));
      const group = $('<span class="smartserver-days">').appendTo(line);
      for (const [at, day] of days.entries()) {
        const button = $('<button type="button" class="smartserver-day">').text(names[at]).appendTo(group);
        const show = () => button.attr('aria-pressed', String(chosen.has(day)));
        button.on('click', () => {
          if (!chosen.delete(day)) chosen.add(day);
          show();
          changed();
        });
        show();
      }
      const from = field(node._('label.hoursFrom'), '60px', row.from).appendTo(line);
      line.append(document.createTextNode('–'));
      const to = field(node._('label.hoursTo'), '60px', row.to).appendTo(line);
      const judge = () => {
        for (const [input, isTime] of [
          [from, isFrom],
          [to, isTo],
        ]) {
          const isValid = isTime(asTime(input.val()));
          input.toggleClass('input-error', !isValid).attr('aria-invalid', isValid ? null : 'true');
        }
      };
      for (const input of [from, to]) {
        input.on('input', judge);
        input.on('blur', () => input.val(asTime(input.val())));
      }
      judge();
      removeButton(node._('button.removeHours'), remove).appendTo(line);
      return () => ({
        days: days.filter((day) => chosen.has(day)),
        from: asTime(from.val()),
        to: asTime(to.val()),
      });
    };
    return rowsIn(container, node._('button.addHours'), fresh, fill, changed);
  },

  /** The exceptions as rows: a date, and what holds on it. */
  exceptionList(node, container, changed) {
    const { asTime, field, removeButton, rowsIn } = window.smartserverSchedule;
    const { records, textOf } = window.smartserverFirewall;
    const kinds = {
      closed: node._('exception.closed'),
      open: node._('exception.open'),
      times: node._('exception.times'),
    };
    const allDay = { from: '00:00', to: '24:00' };
    const fill = (line, one, remove) => {
      const spans = records(one.hours);
      const isAllDay = spans.length === 1 && spans[0].from === allDay.from && spans[0].to === allDay.to;
      line.attr('aria-label', node._('label.exceptionRow'));
      const date = $('<input type="date">')
        .attr('aria-label', node._('label.date'))
        .val(textOf(one.date))
        .appendTo(line);
      const kind = $('<select>').attr('aria-label', node._('label.exceptionKind')).appendTo(line);
      for (const [value, label] of Object.entries(kinds)) $('<option>').val(value).text(label).appendTo(kind);
      kind.val(spans.length === 0 ? 'closed' : isAllDay ? 'open' : 'times');
      const stored = spans.map(({ from, to }) => `${textOf(from)}–${textOf(to)}`).join(', ');
      const times = field(node._('label.exceptionTimes'), '110px', isAllDay ? '' : stored)
        .attr('placeholder', '08:00–12:00')
        .appendTo(line);
      const show = () => times.toggle(kind.val() === 'times');
      kind.on('change', show);
      show();
      removeButton(node._('button.removeException'), remove).appendTo(line);
      const typed = () =>
        times
          .val()
          .split(',')
          .map((span) => span.split(/[-–]/))
          .map(([from, to = '']) => ({ from: asTime(from), to: asTime(to) }));
      const hours = { closed: () => [], open: () => [{ ...allDay }], times: typed };
      return () => ({ date: date.val(), hours: hours[kind.val()]() });
    };
    return rowsIn(container, node._('button.addException'), () => ({ date: '', hours: [] }), fill, changed);
  },
};
