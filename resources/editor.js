/** Code shared by this package's edit dialogs. Loaded by each node's HTML, possibly several times, so it keeps no state. */
window.smartserverFirewall = {
  /** The types of a TypedInput whose value is only known when a message arrives. */
  dynamicTypes: ['msg', 'flow', 'global', 'env', 'jsonata'],

  /** Turns `#node-input-PROPERTY` into a TypedInput with its companion field. */
  typedInput(property, types) {
    const input = $(`#node-input-${property}`);
    return input.typedInput({ default: 'str', types, typeField: $(`#node-input-${property}Type`) });
  },

  /**
   * Shows the seconds in the hidden field `#node-input-PROPERTY` as a number with a unit, in `#smartserver-PROPERTY-amount` and
   * `-unit`. With a companion field for the type, the number is a TypedInput. What is typed in words is understood as well.
   */
  durationField(node, hidden) {
    const { dynamicTypes } = window.smartserverFirewall;
    const { inLargestUnit, secondsIn } = smartserverFirewallServices;
    const property = hidden.id.replace('node-input-', '');
    const stored = $(hidden);
    const typeField = $(`#${hidden.id}Type`);
    const isTyped = typeField.length > 0;
    const group = $('<div class="smartserver-amount">').insertAfter(stored);
    const amount = $('<input type="text" inputmode="numeric">')
      .attr('id', `smartserver-${property}-amount`)
      .appendTo(group);
    const unit = $('<select>').attr('id', `smartserver-${property}-unit`).appendTo(group);
    const names = {
      s: node._('unit.seconds'),
      min: node._('unit.minutes'),
      h: node._('unit.hours'),
      d: node._('unit.days'),
    };
    for (const [value, name] of Object.entries(names)) $('<option>').val(value).text(name).appendTo(unit);
    if (isTyped) amount.typedInput({ default: 'num', types: ['num', ...dynamicTypes], typeField });
    const isFixed = () => !isTyped || !dynamicTypes.includes(amount.typedInput('type'));
    const text = () => String(isTyped ? amount.typedInput('value') : amount.val()).trim();
    const setText = (value) => (isTyped ? amount.typedInput('value', value) : amount.val(value));
    const show = (seconds) => {
      const found = inLargestUnit(seconds);
      unit.val(found.unit);
      setText(String(found.amount));
    };
    /** Digits are in the chosen unit; words have their own. */
    const seconds = () => secondsIn(`${text()} ${unit.val()}`) ?? secondsIn(text());
    const store = () => {
      unit.toggle(isFixed());
      const value = String((isFixed() ? seconds() : null) ?? text());
      if (value !== stored.val()) stored.val(value).trigger('change');
    };
    const given = secondsIn(String(stored.val()));
    if (isFixed() && given !== null) show(given);
    else setText(stored.val());
    group.on('input change', store);
    group.on('change', () => {
      if (isFixed() && !/^\d*$/.test(text()) && seconds() !== null) show(seconds());
    });
    store();
  },

  /**
   * Lets the list `#smartserver-PROPERTY-choice` set the TypedInput of the property; its entry with the empty value shows
   * the TypedInput itself, in the row `#smartserver-PROPERTY-other`. `fill` adds the entries, which may depend on the chosen
   * configuration; `describe` is called with each choice, or null if it is made at run time. `more` are types of the TypedInput.
   */
  choice(property, fill, describe, more = []) {
    const list = $(`#smartserver-${property}-choice`);
    const row = $(`#smartserver-${property}-other`);
    const { dynamicTypes, typedInput } = window.smartserverFirewall;
    const input = typedInput(property, ['str', 'num', ...more, ...dynamicTypes]);
    const fixed = () => (dynamicTypes.includes(input.typedInput('type')) ? null : input.typedInput('value'));
    const show = () => {
      row.toggle(list.val() === '');
      describe(fixed());
    };
    const refill = () => {
      fill(list);
      const value = fixed();
      const isListed = Boolean(value) && list.find('option').is((_, option) => option.value === value);
      list.val(isListed ? value : '');
      show();
    };
    list.on('change', () => {
      if (list.val() !== '') {
        input.typedInput('type', 'str');
        input.typedInput('value', list.val());
      }
      show();
    });
    row.on('input change', show);
    $('#node-input-device').on('change', refill);
    refill();
  },

  /** The settings of the chosen configuration that define its services and profiles; without one, a factory device's. */
  configured() {
    const { servicePorts, customServices, customProfiles, managementFrom, managementTo } =
      RED.nodes.node($('#node-input-device').val()) ?? {};
    // A hand-written flow may contain anything.
    const asList = (value) => (Array.isArray(value) ? value : []);
    return {
      ...{ servicePorts, managementFrom, managementTo },
      customServices: asList(customServices),
      customProfiles: asList(customProfiles),
    };
  },

  /** What `look` finds in the chosen configuration, or in a factory device if that configuration is invalid, which is the problem. */
  fromConfiguration(look) {
    try {
      return { found: look(window.smartserverFirewall.configured()), problem: null };
    } catch (error) {
      return { found: look({}), problem: error };
    }
  },

  /** What the engine says, in the editor's language: a sentence, and of a service its name, what closing it does and what is risked. */
  sentence: (node, sentence) => smartserverFirewallServices.sentenceIn(node._('meta.language'), sentence),
  serviceName: (node, service) => smartserverFirewallServices.labelIn(node._('meta.language'), service),
  consequence: (node, { consequence }) => window.smartserverFirewall.sentence(node, consequence),
  risk: (node, { risk }) => window.smartserverFirewall.sentence(node, risk),
  /** Why the engine refuses something; what else is wrong nobody has put into other words. */
  problemIn: (node, error) =>
    error.said ? smartserverFirewallServices.errorIn(node._('meta.language'), error) : error.message,

  /** Fills a select with the services of these groups; `groups` maps each group to its heading. */
  listServices(select, groups, services = window.smartserverFirewallCatalogue, nameOf = ({ label }) => label) {
    for (const [group, heading] of Object.entries(groups)) {
      const listed = services.filter((one) => one.group === group);
      if (listed.length === 0) continue;
      const options = $('<optgroup>').attr('label', heading).appendTo(select);
      for (const service of listed) {
        $('<option>')
          .val(service.id)
          .text(`${nameOf(service)} (${service.ports.join(', ')})`)
          .appendTo(options);
      }
    }
  },

  /**
   * To be called when the dialog has all its fields: gives each control its name for screen readers, its hint and keyboard
   * access, and shows below each invalid field why it is invalid. `collect` returns the properties without a field of their
   * own.
   */
  ready(node, collect = () => ({})) {
    const prefix = node._def.category === 'config' ? 'node-config-input' : 'node-input';
    const form = $(`#${prefix}-name`).closest('.smartserver-firewall');
    const dialog = { node, prefix, form };
    const { asButton, durationField, dynamicTypes, isUnusual, nameTypedInputs, nameUnits, showReasons, typedInput } =
      window.smartserverFirewall;
    for (const hidden of form.find('.smartserver-duration').toArray()) durationField(node, hidden);
    for (const folded of form.find('details').toArray()) folded.open = isUnusual(dialog, folded);
    if (form.find('#node-input-reasonType').length > 0) typedInput('reason', ['str', ...dynamicTypes]);
    for (const hint of form.find('.smartserver-hint').toArray()) {
      hint.id = `smartserver-hint-${hint.dataset.for}`;
      $(`#${prefix}-${hint.dataset.for}, #smartserver-${hint.dataset.for}-amount`).attr('aria-describedby', hint.id);
    }
    asButton(form.find(`#${prefix}-btn-device-edit, #${prefix}-lookup-device`), node._('button.editDevice'));
    asButton(form.find(`#${prefix}-btn-device-add`), node._('button.addDevice'));
    // Node-RED translates the labels of a dialog after preparing it, and calls all its change handlers before that.
    setTimeout(() => {
      nameUnits(dialog);
      nameTypedInputs(dialog);
    });
    form.on('input change', () => showReasons(dialog, collect()));
  },

  /** Whether anything in this part of the dialog is not as a new node has it. */
  isUnusual({ node, prefix }, part) {
    const differs = ([property, { value }]) =>
      $(part).find(`#${prefix}-${property}`).length > 0 && String(node[property] ?? value) !== String(value);
    return Object.entries(node._def.defaults).some(differs);
  },

  /** Names the unit of each duration for screen readers, after the label of the duration. */
  nameUnits({ node, form }) {
    for (const unit of form.find('.smartserver-amount > select').toArray()) {
      const label = form.find(`label[for="${unit.id.replace(/unit$/, 'amount')}"]`);
      $(unit).attr('aria-label', node._('unit.of', { name: label.text().trim() }));
    }
  },

  /** Points the label of each TypedInput to the visible field, and names its buttons for screen readers. */
  nameTypedInputs({ node, form }) {
    for (const container of form.find('.red-ui-typedInput-container').toArray()) {
      const input = $(container).prev();
      const id = input.attr('id');
      const label = form.find(`label[for="${id}"]`).attr({ for: `${id}-value`, id: `${id}-label` });
      const name = label.text().trim();
      $(container).find('.red-ui-typedInput-input').attr('id', `${id}-value`);
      $('<span hidden>').attr('id', `${id}-kind`).text(node._('button.kind')).appendTo(container);
      $(container).find('.red-ui-typedInput-type-label').attr('id', `${id}-type-label`);
      const named = `${id}-label ${id}-kind ${id}-type-label`;
      $(container).find('.red-ui-typedInput-type-select').attr('aria-labelledby', named);
      $(container).find('.red-ui-typedInput-option-expand').attr('aria-label', node._('button.expand', { name }));
      $(container).find('.red-ui-typedInput-option-label').attr('id', `${id}-chosen`);
      $(container).find('.red-ui-typedInput-option-trigger').attr('aria-labelledby', `${id}-label ${id}-chosen`);
    }
  },

  /** Makes a link that only a mouse can use a button, for the keyboard too. */
  asButton(link, name) {
    link.attr({ role: 'button', tabindex: 0, 'aria-label': name }).on('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      event.currentTarget.click();
    });
  },

  /** The node as the form has it now: its validators look at other properties too. */
  asEdited({ node, prefix }, collected) {
    const edited = { ...collected };
    for (const property of Object.keys(node._def.defaults)) {
      const field = $(`#${prefix}-${property}`);
      if (field.is('[type="checkbox"]')) edited[property] = field.prop('checked');
      else if (field.is('.red-ui-typedInput')) edited[property] = field.typedInput('value');
      else if (field.length > 0) edited[property] = field.val();
    }
    // Defined, not assigned: what is assigned to a property that a node has, Node-RED's proxy of it takes for the node's own.
    return Object.create(node, Object.getOwnPropertyDescriptors(edited));
  },

  /** Shows the reason below each invalid field; Node-RED itself only shows it on hover, and 2.x not at all. */
  showReasons(dialog, collected) {
    const { node, prefix, form } = dialog;
    const edited = window.smartserverFirewall.asEdited(dialog, collected);
    for (const [property, { validate }] of Object.entries(node._def.defaults)) {
      if (!validate) continue;
      const verdict = validate.call(edited, edited[property], {});
      const field = $(`#${prefix}-${property}`);
      const row = field.closest('.form-row').add(form.find(`[data-property="${property}"]`));
      const id = `smartserver-reason-${property}`;
      if (row.find(`#${id}`).length === 0)
        $('<div class="smartserver-reason" role="status">').attr('id', id).appendTo(row);
      row.find(`#${id}`).text(verdict === true ? '' : verdict);
      const shown = field.add(`#smartserver-${property}-amount`);
      const control = shown.next('.red-ui-typedInput-container').find('.red-ui-typedInput-input').add(shown);
      const hint = form.find(`#smartserver-hint-${property}`).attr('id');
      control.attr({
        'aria-invalid': verdict === true ? null : 'true',
        'aria-describedby': [hint, verdict === true ? '' : id].filter(Boolean).join(' ') || null,
      });
    }
  },

  /**
   * The return value of a validator. Node-RED 3 and later passes a second argument and accepts a reason; for 2.x, where
   * any string would mean valid, it must be false.
   */
  verdict: (isValid, reason, opt) => isValid || (opt ? reason : false),

  /** Whether a TypedInput's value is only known, and validated, when a message arrives. */
  isDynamic: (type) => window.smartserverFirewall.dynamicTypes.includes(type),

  /** A field's value as text. A hand-written flow may contain anything; what is not text becomes an invalid string. */
  textOf(value) {
    if (value === undefined || value === null) return '';
    return ['string', 'number'].includes(typeof value) ? String(value) : '\0';
  },
  isRecord: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  /** The items of a stored list that can be rows; none if it is not a list. */
  records: (value) => (Array.isArray(value) ? value.filter(window.smartserverFirewall.isRecord) : []),

  /** An IPv4 or IPv6 address or a subnet, or nothing. */
  isAddress(value) {
    const [address, prefix, ...rest] = window.smartserverFirewall.textOf(value).split('/');
    if (address === '') return prefix === undefined;
    const isV4 = /^(\d{1,3}\.){3}\d{1,3}$/.test(address) && address.split('.').every((part) => Number(part) <= 255);
    const isNumber = /^(0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= (isV4 ? 32 : 128);
    // One that stands for an IPv4 address is one only with all the bits that say so.
    const isMapped = /^[0:]*:ffff:([\d.]+|[\da-f]+:[\da-f]+)$/i.test(address) && Number(prefix) < 96;
    const isPrefix = prefix === undefined || (isNumber && !isMapped);
    return (isV4 || window.smartserverFirewall.isIPv6(address)) && isPrefix && rest.length === 0;
  },
  /** Browsers know IPv6 addresses; an older one only rejects by throwing. */
  isIPv6(address) {
    if (!/^[\da-f:.]*:[\da-f:.]*$/i.test(address)) return false;
    try {
      return new URL(`http://[${address}]`).hostname !== '';
    } catch {
      return false;
    }
  },
  isInterface(value) {
    const text = window.smartserverFirewall.textOf(value);
    return /^[\w\-.+,=%@]{0,15}$/.test(text) && !['.', '..', '+'].includes(text);
  },
  /** A path; if it is missing, the factory's is meant. */
  isPath(value) {
    const text = window.smartserverFirewall.textOf(value);
    return value === undefined || (/^\/[^\0]*$/.test(text) && !text.split('/').includes('..'));
  },
  isName: (value) => /^[a-z][a-z0-9-]{0,40}$/.test(window.smartserverFirewall.textOf(value)),
  /** What may be the name or the label of a profile. */
  isProfile(value) {
    const { isName, textOf } = window.smartserverFirewall;
    return isName(smartserverFirewallServices.givenProfile(textOf(value)));
  },
  /** What may be the id or the name of a service, or ports; whether there is such a service is known at run time. */
  isService(value) {
    const { isPort, textOf } = window.smartserverFirewall;
    return /^\p{L}.{0,199}$/u.test(textOf(value)) || isPort(value);
  },
  /** The JSON of several services. */
  isServiceList(value) {
    const { isService, textOf } = window.smartserverFirewall;
    try {
      const list = [JSON.parse(textOf(value))].flat();
      return list.length > 0 && list.every((one) => isService(typeof one === 'number' ? String(one) : one));
    } catch {
      return false;
    }
  },
  /** A duration of up to a week, or nothing. */
  isSeconds: (value) => window.smartserverFirewall.isDuration(value, 0, 604800) || (value ?? '') === '',
  isDuration(value, least, most) {
    const seconds = smartserverFirewallServices.secondsIn(window.smartserverFirewall.textOf(value));
    return seconds !== null && seconds >= least && seconds <= most;
  },
  /** A port number, or nothing. */
  isWebPort: (value) => window.smartserverFirewall.isWhole(value, 1, 65535) || (value ?? '') === '',
  /** The name of a device or a group in a fleet, or nothing. */
  isFleetName: (value) => value === undefined || (typeof value === 'string' && /^[A-Za-z0-9._-]{0,64}$/.test(value)),
  isPrivateKey: (value) => smartserverFirewallServices.isPrivateKey(window.smartserverFirewall.textOf(value)),
  /** An operator's public key in its one form; null where the text is none. */
  publicKeyIn(value) {
    const { publicKeyFault, publicKeyText } = smartserverFirewallServices;
    const text = window.smartserverFirewall.textOf(value);
    return publicKeyFault(text) ? null : publicKeyText(text);
  },
  isPort: (value) => typeof value === 'string' && smartserverFirewallServices.isPortSpec(value),
  /** A whole number from `least` to `most`. */
  isWhole(value, least, most) {
    const text = window.smartserverFirewall.textOf(value);
    return /^\d{1,6}$/.test(text) && Number(text) >= least && Number(text) <= most;
  },
};
