/** The table in the `set-profile` dialog that shows what the chosen profile does. It keeps no state. */
window.smartserverPreview = {
  /** Shows both directions of each service, each with a word and an icon. */
  show(node, table, { policies, rows }) {
    const { cell, line } = window.smartserverPreview;
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
        body.append(line(name, row.ports.join(', '), [cell(node, row.in), cell(node, row.out)]));
      }
    }
    const byPolicy = (policy) => cell(node, { want: policy === 'allow' ? 'open' : 'closed', only: [] });
    const others = line(node._('preview.others'), '', [byPolicy(policies.incoming), byPolicy(policies.outgoing)]);
    $('<tbody>').append(others).appendTo(table);
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
