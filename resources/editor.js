/** What the edit dialogs of this package share. Loaded by each node's HTML, so possibly several times; it keeps no state. */
window.smartserverFirewall = {
  /** The types of a TypedInput whose value is not known before a message arrives. */
  dynamicTypes: ['msg', 'flow', 'global', 'env', 'jsonata'],

  /** Makes `#node-input-PROPERTY` a TypedInput with its companion field, named by its label for screen readers. */
  typedInput(property, types) {
    const input = $(`#node-input-${property}`);
    input.typedInput({ default: 'str', types, typeField: $(`#node-input-${property}Type`) });
    const label = $(`label[for="node-input-${property}"]`).attr('id', `smartserver-label-${property}`);
    input
      .next('.red-ui-typedInput-container')
      .find('.red-ui-typedInput-input, .red-ui-typedInput-type-select, .red-ui-typedInput-option-trigger')
      .attr('aria-labelledby', label.attr('id'));
    return input;
  },

  /**
   * Lets one of the entries of `#smartserver-PROPERTY-choice` stand for the TypedInput of the property; its entry with the
   * empty value shows the TypedInput itself, in the row `#smartserver-PROPERTY-other`. `describe` is told each choice.
   */
  choice(property, describe) {
    const list = $(`#smartserver-${property}-choice`);
    const row = $(`#smartserver-${property}-other`);
    const { dynamicTypes, typedInput } = window.smartserverFirewall;
    const input = typedInput(property, ['str', 'num', ...dynamicTypes]);
    const isListed = (value) => value !== '' && list.find('option').is((_, option) => option.value === value);
    const listed = input.typedInput('type') === 'str' && isListed(input.typedInput('value'));
    const show = () => {
      row.toggle(list.val() === '');
      describe(list.val());
    };
    list.val(listed ? input.typedInput('value') : '');
    list.on('change', () => {
      if (list.val() !== '') {
        input.typedInput('type', 'str');
        input.typedInput('value', list.val());
      }
      show();
    });
    show();
  },

  /** Fills a select with the services of these groups of the vendor's page; `groups` gives each group its heading. */
  listServices(select, groups) {
    for (const [group, heading] of Object.entries(groups)) {
      const options = $('<optgroup>').attr('label', heading);
      for (const service of window.smartserverFirewallCatalogue.filter((one) => one.group === group)) {
        $('<option>')
          .val(service.id)
          .text(`${service.label} (${service.ports.join(', ')})`)
          .appendTo(options);
      }
      select.append(options);
    }
  },

  /**
   * What a validator gives back. Node-RED 3 and later calls it with a second argument and takes a reason; for 2.x, where
   * any text would mean valid, it must be false.
   */
  verdict: (isValid, reason, opt) => isValid || (opt ? reason : false),

  /** Whether a TypedInput's value is known, and judged, only when a message arrives. */
  isDynamic: (type) => window.smartserverFirewall.dynamicTypes.includes(type),

  /** A field of a row in an editable list, found again by its name, with its title for screen readers. */
  field: (html, name, title) => $(html).attr({ 'data-field': name, 'aria-label': title, title }),

  /** What the rows of an editable list hold: per row an object with these fields, trimmed. */
  rows(list, names) {
    const items = $(list).editableList('items').toArray();
    const read = (item, name) => $(item).find(`[data-field="${name}"]`).val().trim();
    return items.map((item) => Object.fromEntries(names.map((name) => [name, read($(item), name)])));
  },

  /** A JSON list, or the text itself where it is none, so that it can be mended later. */
  parsed(text) {
    try {
      const value = JSON.parse(text === '' ? '[]' : text);
      return Array.isArray(value) ? value : text;
    } catch {
      return text;
    }
  },

  isAddress: (value) => /^$|^[\da-fA-F:.]*[:.][\da-fA-F:.]*(\/\d{1,3})?$/.test(value ?? ''),
  isInterface: (value) => /^[\w\-.+,=%@]{0,15}$/.test(value ?? ''),
  isPath: (value) => /^\//.test(value ?? ''),
  isName: (value) => /^[a-z][a-z0-9-]{0,40}$/.test(value ?? ''),
  isService: (value) => /^([a-z][a-z0-9-]*|\d{1,5}(:\d{1,5})?(\/(tcp|udp))?)$/.test(value ?? ''),
  /** A port number, or nothing. */
  isWebPort: (value) =>
    (value ?? '') === '' || (/^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535),
  isPort: (value) => /^\d{1,5}(:\d{1,5})?(\/(tcp|udp))?$/.test(value ?? ''),
};
