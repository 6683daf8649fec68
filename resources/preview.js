/** The table in the `set-profile` dialog that shows what the chosen profile does. It keeps no state. */
window.smartserverPreview = {
  /** Shows both directions of each service, each with a word and an icon, and who uses what is to be closed, if `state` tells. */
  show(node, table, { policies, rows }, state = null) {
    const { cell, line, used } = window.smartserverPreview;
    const groups = {
      incoming: node._('group.incoming'),
      outgoing: node._('group.outgoing'),
      own: node._('group.own'),
      internal: node._('group.internal'),
    };
    table.find('tbody').remove();
    for (const [group, heading] of Object.entries(groups)) {
      const members = rows.filter((row) => row.group === group);
      if (members.length === 0) continue;
      const title = $('<th colspan="3" scope="rowgroup">').text(heading);
      const body = $('<tbody>').append($('<tr>').append(title)).appendTo(table);
      for (const row of members) {
        const name = window.smartserverFirewall.serviceName(node, row);
        body.append(
          line(name, row.ports.join(', '), [
            cell(node, row.in).append(used(node, state, row, 'in')),
            cell(node, row.out).append(used(node, state, row, 'out')),
          ]),
        );
      }
    }
    const byPolicy = (policy) => cell(node, { want: policy === 'allow' ? 'open' : 'closed', only: [] });
    const others = line(node._('preview.others'), '', [byPolicy(policies.incoming), byPolicy(policies.outgoing)]);
    $('<tbody>').append(others).appendTo(table);
  },

  /** The known peers of what is open now and is to be closed. */
  used(node, state, row, direction) {
    const service = state?.services.find(({ id }) => id === row.id);
    const closes = row[direction]?.want === 'closed' && service && service[direction] !== 'closed';
    const peers = closes && state.peers?.find((one) => one.service === row.id)?.[direction];
    if (!peers || peers.addresses.length === 0) return [];
    const number = peers.addresses.length + peers.more;
    const first = peers.addresses.slice(0, 3).join(', ');
    const named = number > 3 ? `${first}, …` : first;
    return $('<small>').text(` ${node._('preview.used', { number, peers: named })}`);
  },

  /** Calls `show` with the state of the chosen device, now and whenever it changes; returns a function that ends it. */
  follow(show) {
    let topic = '';
    const update = (_topic, { state }) => show(state);
    const subscribe = () => {
      const id = $('#node-input-device').val();
      topic = `smartserver-firewall/${id && id !== '_ADD_' ? id : 'factory'}`;
      RED.comms.subscribe(topic, update);
    };
    const leave = () => RED.comms.unsubscribe(topic, update);
    subscribe();
    $('#node-input-device').on('change', () => {
      leave();
      show(null);
      subscribe();
    });
    return leave;
  },

  line: (title, detail, cells) =>
    $('<tr>').append(
      $('<th scope="row">').append(document.createTextNode(`${title} `), $('<span>').text(detail)),
      cells,
    ),

  /** `direction` is null if the service does not use it. */
  cell(node, direction) {
    if (!direction) return $('<td>').text(node._('preview.none'));
    const words = {
      open: node._('preview.open'),
      closed: node._('preview.closed'),
      keep: node._('preview.keep'),
    };
    const signs = { open: 'fa-unlock-alt', closed: 'fa-lock', keep: 'fa-ellipsis-h' };
    const { want, only } = direction;
    const text =
      only.length > 0 ? only.map((scope) => window.smartserverPreview.limit(node, scope)).join('; ') : words[want];
    return $('<td>')
      .addClass(`smartserver-${want}`)
      .append($('<i aria-hidden="true">').addClass(`fa ${signs[want]}`), document.createTextNode(` ${text}`));
  },

  limit(node, { from, interface: on }) {
    if (from && on) return node._('preview.fromOn', { from, on });
    return from ? node._('preview.from', { from }) : node._('preview.on', { on });
  },
};
