/** The lists in the dialog of the configuration node `smartserver`. It keeps no state. */
window.smartserverConfiguration = {
  /** Creates the lists; returns a function that returns their contents. */
  prepare(node) {
    const { fillIn, keyList, peerList, portList, propose, serviceList, profileList } = window.smartserverConfiguration;
    fillIn(node);
    const ports = portList(node);
    const services = serviceList(node);
    const profiles = profileList(node, services);
    const keys = keyList(node);
    const peers = peerList(node, services);
    const collect = () => ({
      ...{ servicePorts: ports(), customServices: services(), customProfiles: profiles(), operatorKeys: keys() },
      peers: peers(),
    });
    propose(node, collect);
    return collect;
  },

  /** Adds the profile that follows from what the device has learned, for a person to look through and to save. */
  propose(node, collect) {
    const { engine, follow, named } = window.smartserverOutlook;
    const about = $('#smartserver-propose-about');
    // One that is not deployed yet is probably for the device that flows without a configuration have worked with.
    const published = { own: null, factory: null };
    for (const [which, id] of Object.entries({ own: node.id, factory: '' }))
      follow(
        about,
        () => id,
        (outlook) => {
          published[which] = outlook;
        },
      );
    const proposal = async (outlook) => {
      const { customProfiles, operatorKeys, ...settings } = collect();
      try {
        return { found: await (await engine()).propose(outlook.text, settings), problem: '' };
      } catch (error) {
        return { found: null, problem: window.smartserverFirewall.problemIn(node, error) };
      }
    };
    $('#smartserver-propose').on('click', async () => {
      const outlook = [published.own, published.factory].find((one) => one?.text);
      if (!outlook) return about.text(node._('propose.unread'));
      const { found, problem } = await proposal(outlook);
      if (problem) return about.text(node._('propose.problem', { problem }));
      if (!found) return about.text(node._('propose.nothing'));
      const taken = collect().customProfiles.map(({ name }) => name);
      let name = found.profile.name;
      for (let number = 2; taken.includes(name); number += 1) name = `${found.profile.name}-${number}`;
      $('#smartserver-custom-profiles').editableList('addItem', { ...found.profile, name });
      const { sentence } = window.smartserverFirewall;
      const left = found.left
        .map((one) => `${[named(node, one), ...one.addresses].join(', ')} (${sentence(node, one.reason)})`)
        .join('; ');
      about.text(
        [
          node._('propose.added', { name, number: found.profile.open.length }),
          ...(left ? [node._('propose.left', { services: left })] : []),
        ].join(' '),
      );
    });
  },

  /** A setting missing from a hand-written flow has its default: an empty field would be stored as an empty string. */
  fillIn(node) {
    for (const [property, { value }] of Object.entries(node._def.defaults)) {
      if (node[property] === undefined) $(`#node-config-input-${property}`).val(value);
    }
  },

  portList(node) {
    const { isRecord, listServices, serviceName, textOf } = window.smartserverFirewall;
    const { asList, select, textField } = window.smartserverConfiguration;
    const list = $('#smartserver-service-ports');
    const isFree = (id, except) =>
      !$.makeArray(list.find('[data-field="service"]')).some((other) => other !== except && other.value === id);
    const collect = asList(node, list, node._('button.addPort'), (line, { service, port = '' }) => {
      const choice = select(line, 'service', node._('label.service'), {});
      const groups = { incoming: node._('group.incoming'), outgoing: node._('group.outgoing') };
      listServices(choice, groups, smartserverFirewallCatalogue, (one) => serviceName(node, one));
      const ids = ['opcua', 'bacnet', 'lon', ...smartserverFirewallCatalogue.map(({ id }) => id)];
      choice.val(service ?? ids.find((id) => isFree(id, choice[0])));
      // Each service has one setting: a service chosen in another row cannot be chosen again.
      choice.on('focus', () => {
        for (const option of choice.find('option').toArray()) option.disabled = !isFree(option.value, choice[0]);
      });
      textField(line, 'port', node._('label.port'), node._('placeholder.port')).val(textOf(port));
    });
    list.editableList(
      'addItems',
      Object.entries(isRecord(node.servicePorts) ? node.servicePorts : {}).map(([service, port]) => ({
        service,
        port,
      })),
    );
    return () => Object.fromEntries(collect().map(({ service, port }) => [service, port]));
  },

  serviceList(node) {
    const { records, textOf } = window.smartserverFirewall;
    const { asList, select, textField } = window.smartserverConfiguration;
    const list = $('#smartserver-custom-services');
    const directions = { in: node._('direction.in'), out: node._('direction.out'), both: node._('direction.both') };
    const collect = asList(
      node,
      list,
      node._('button.addService'),
      (line, { id = '', label = '', ports = [], direction = 'in' }) => {
        textField(line, 'label', node._('label.serviceName'), node._('placeholder.serviceName')).val(textOf(label));
        textField(line, 'id', node._('label.id'), node._('placeholder.id')).val(textOf(id));
        const listed = Array.isArray(ports) ? ports.map(textOf).join(', ') : '';
        textField(line, 'ports', node._('label.ports'), node._('placeholder.ports')).val(listed);
        select(line, 'direction', node._('label.direction'), directions).val(textOf(direction));
      },
    );
    list.editableList('addItems', records(node.customServices));
    return () =>
      collect().map(({ id, label, ports, direction }) => ({
        ...{ id, label, direction },
        ports: ports.split(/[\s,]+/).filter(Boolean),
      }));
  },

  /** Who a service talks with; several rows of one service are one list. */
  peerList(node, services) {
    const { isRecord, textOf } = window.smartserverFirewall;
    const { asList, serviceChoice, textField } = window.smartserverConfiguration;
    const list = $('#smartserver-peers');
    const collect = asList(node, list, node._('button.addPeers'), (line, { service = 'lon', addresses = [] }) => {
      serviceChoice(node, line, node._('label.service'), textOf(service), services);
      const listed = Array.isArray(addresses) ? addresses.map(textOf).join(', ') : '';
      textField(line, 'addresses', node._('label.addresses'), node._('placeholder.addresses')).val(listed);
    });
    const stored = Object.entries(isRecord(node.peers) ? node.peers : {});
    list.editableList(
      'addItems',
      stored.map(([service, addresses]) => ({ service, addresses })),
    );
    return () => {
      const peers = {};
      for (const { service, addresses } of collect())
        peers[service] = [...(peers[service] ?? []), ...addresses.split(/[\s,]+/).filter(Boolean)];
      return peers;
    };
  },

  /** A choice among all services, of which some may have been added in this dialog. */
  serviceChoice(node, line, title, chosen, services) {
    const { listServices, serviceName } = window.smartserverFirewall;
    const groups = {
      incoming: node._('group.incoming'),
      outgoing: node._('group.outgoing'),
      own: node._('group.own'),
    };
    const choice = window.smartserverConfiguration.select(line, 'service', title, {});
    const refill = (value) => {
      const own = services().map((service) => ({ ...service, group: 'own' }));
      listServices(choice.empty(), groups, [...smartserverFirewallCatalogue, ...own], (one) => serviceName(node, one));
      const isListed = choice.find('option').is((_, option) => option.value === value);
      // Ports by number, which an imported flow may contain.
      if (!isListed) $('<option>').val(value).text(value).appendTo(choice);
      choice.val(value);
    };
    refill(chosen);
    choice.on('focus', () => refill(choice.val()));
    return choice;
  },

  /** `services` returns the custom services as they currently are in the dialog. */
  profileList(node, services) {
    const { records, textOf } = window.smartserverFirewall;
    const { asList, openList, select, textField } = window.smartserverConfiguration;
    const list = $('#smartserver-custom-profiles');
    const incoming = {
      deny: node._('incoming.deny'),
      reject: node._('incoming.reject'),
      allow: node._('incoming.allow'),
    };
    const outgoing = {
      deny: node._('outgoing.deny'),
      reject: node._('outgoing.reject'),
      allow: node._('outgoing.allow'),
    };
    // None while the entries of a profile that is added are put in.
    const collectors = new Map();
    const collect = asList(node, list, node._('button.addProfile'), (line, profile) => {
      textField(line, 'name', node._('label.profileName'), node._('placeholder.profileName')).val(textOf(profile.name));
      select(line, 'incoming', node._('label.incoming'), incoming).val(textOf(profile.incoming ?? 'deny'));
      select(line, 'outgoing', node._('label.outgoing'), outgoing).val(textOf(profile.outgoing ?? 'deny'));
      collectors.set(line[0], openList(node, line, records(profile.open), services));
    });
    // Anything else, as a hand-written flow may have, is invalid, and is lost once the dialog is saved.
    list.editableList('addItems', records(node.customProfiles));
    return () =>
      collect((line) => ({ open: collectors.get(line)?.() ?? [] })).map(({ name, incoming, outgoing, open }) => ({
        ...{ name, incoming, outgoing, open },
      }));
  },

  /** The operators' keys, and what each allows as one choice. */
  keyList(node) {
    const { records, textOf } = window.smartserverFirewall;
    const { asList, select, textField } = window.smartserverConfiguration;
    const list = $('#smartserver-operator-keys');
    const rights = {
      most: node._('rights.most'),
      tighten: node._('rights.tighten'),
      force: node._('rights.force'),
      tightenForce: node._('rights.tightenForce'),
    };
    const collect = asList(node, list, node._('button.addKey'), (line, key) => {
      textField(line, 'name', node._('label.keyName'), node._('placeholder.keyName')).val(textOf(key.name));
      const given = key.onlyTighten === true ? ['tighten', 'tightenForce'] : ['most', 'force'];
      select(line, 'rights', node._('label.rights'), rights).val(given[key.force === true ? 1 : 0]);
      const field = textField(line, 'publicKey', node._('label.publicKey'), node._('placeholder.publicKey'));
      field.val(textOf(key.publicKey)).attr('autocomplete', 'off');
    });
    list.editableList('addItems', records(node.operatorKeys));
    return () =>
      collect().map(({ name, publicKey, rights: given }) => ({
        ...{ name, publicKey },
        ...{ onlyTighten: given.startsWith('tighten'), force: given === 'force' || given === 'tightenForce' },
      }));
  },

  /** Within a profile: what it opens. */
  openList(node, profile, open, services) {
    const { textOf } = window.smartserverFirewall;
    const { asList, select, serviceChoice, textField } = window.smartserverConfiguration;
    const directions = { in: node._('direction.in'), out: node._('direction.out'), both: node._('direction.both') };
    const list = $('<ol>').appendTo($('<div class="smartserver-nested">').appendTo(profile));
    const collect = asList(node, list, node._('button.addOpen'), (line, entry) => {
      serviceChoice(node, line, node._('label.opens'), textOf(entry.service ?? 'https'), services);
      select(line, 'direction', node._('label.direction'), directions).val(textOf(entry.direction ?? 'in'));
      textField(line, 'from', node._('label.from'), node._('placeholder.from')).val(textOf(entry.from));
      textField(line, 'interface', node._('label.interface'), node._('placeholder.interface')).val(
        textOf(entry.interface),
      );
    });
    list.editableList('addItems', open);
    return collect;
  },

  /**
   * Creates an editable list whose rows `fill` fills in; returns a function that returns the contents of the rows: per row
   * an object with its fields, trimmed, and with what `more` finds in the row.
   */
  asList(node, list, addLabel, fill) {
    const changed = () => list.trigger('change');
    list.editableList({
      height: 'auto',
      removable: true,
      addButton: addLabel,
      addItem: (container, _index, data) => {
        const line = $('<div class="smartserver-line">').appendTo(container);
        fill(line, data);
        const isNew = Object.keys(data).length === 0;
        const remove = container.closest('li').children('.red-ui-editableList-item-remove');
        remove.attr({ role: 'button', 'aria-label': node._('button.delete') });
        changed();
        // Where the keyboard continues; the row is only in the page after this handler.
        if (isNew) setTimeout(() => line.find('input, select').first().trigger('focus'));
      },
      removeItem: () => {
        changed();
        list.closest('.red-ui-editableList').children('.red-ui-editableList-addButton').trigger('focus');
      },
    });
    const lines = () => list.children().find('> .red-ui-editableList-item-content > .smartserver-line').toArray();
    const read = (line) =>
      Object.fromEntries(
        $(line)
          .find('> .smartserver-cell > [data-field]')
          .toArray()
          .map((control) => [control.dataset.field, control.value.trim()]),
      );
    return (more = () => ({})) => lines().map((line) => ({ ...read(line), ...more(line) }));
  },

  /** A field of a row, with its title above. */
  labelled(line, name, title, control) {
    $('<label class="smartserver-cell">')
      .append($('<span>').text(title), control.attr('data-field', name))
      .appendTo(line);
    return control;
  },
  textField: (line, name, title, placeholder) =>
    window.smartserverConfiguration.labelled(line, name, title, $('<input type="text">').attr({ placeholder })),
  select(line, name, title, options) {
    const choice = window.smartserverConfiguration.labelled(line, name, title, $('<select>'));
    for (const [value, text] of Object.entries(options)) $('<option>').val(value).text(text).appendTo(choice);
    return choice;
  },
};
