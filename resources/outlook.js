/**
 * What a change would do to the chosen device at present, in the dialogs. It is worked out here, by the engine's own code in
 * foresee.js, from what the runtime has published of the device; nothing is asked of the runtime.
 * All names come from the device, where anybody may have written them, and are only ever inserted as text.
 */
window.smartserverOutlook = {
  /** What is named of one kind, and of the peers of one service. */
  MOST: 30,
  MOST_PEERS: 5,

  /**
   * Shows it in `#smartserver-outlook`, now and whenever the form or the device changes. `ask` takes the node as edited and
   * returns the questions: `[{ title, method, request }]`; none where only a message decides.
   */
  show(node, ask) {
    const { follow, forms, settings, view } = window.smartserverOutlook;
    const { asEdited } = window.smartserverFirewall;
    const box = $('#smartserver-outlook');
    const form = box.closest('.smartserver-firewall');
    let published = null;
    let turn = 0;
    const update = async () => {
      turn += 1;
      const mine = turn;
      // Keys that are pressed one after the other are one change.
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (mine !== turn || !box[0].isConnected) return;
      const questions = ask(asEdited({ node, prefix: 'node-input' }, {}));
      const problem = questions.length === 0 ? 'later' : published ? published.problem : 'unread';
      const answers = problem ? [] : await forms(published.text, settings(), questions);
      if (mine !== turn || !box[0].isConnected) return;
      view(node, box, problem, questions, answers);
    };
    const choice = $('#node-input-device');
    const receive = (outlook) => {
      published = outlook;
      update();
    };
    follow(box, () => choice.val(), receive, choice);
    form.on('input change', update);
  },

  /** What would happen, one after the other: it is the same code that works it out. */
  async forms(text, settings, questions) {
    const { preview } = await window.smartserverOutlook.engine();
    const answers = [];
    for (const { method, request } of questions) answers.push(await preview(text, settings, method, request));
    return answers;
  },

  /** The engine's code, loaded where it is needed. */
  engine: () =>
    new Promise((resolve, reject) => {
      if (window.smartserverFirewallForesight) {
        resolve(window.smartserverFirewallForesight);
        return;
      }
      const script = document.createElement('script');
      script.src = 'resources/@smartserver/node-red-firewall/foresee.js';
      script.onload = () => resolve(window.smartserverFirewallForesight);
      script.onerror = () => reject(new Error(`${script.src} cannot be loaded`));
      document.head.append(script);
    }),

  /** The settings of the chosen configuration that decide what a change does. */
  settings() {
    const { servicePorts, customServices, customProfiles, managementFrom, managementTo, peers } =
      RED.nodes.node($('#node-input-device').val()) ?? {};
    return { servicePorts, customServices, customProfiles, managementFrom, managementTo, peers };
  },

  /**
   * Calls `show` with what is published of the device of this id, as long as `part` is in the page; null until it has come.
   * `choice` is the field in which another device may be chosen.
   */
  follow(part, idOf, show, choice = $()) {
    let topic = '';
    const update = (_topic, outlook) => {
      if (part[0].isConnected) show(outlook);
      // Not while those who are to be told are gone through.
      else setTimeout(leave);
    };
    const leave = () => RED.comms.unsubscribe(topic, update);
    const subscribe = () => {
      const id = idOf();
      topic = `smartserver-firewall-outlook/${id && id !== '_ADD_' ? id : 'factory'}`;
      show(null);
      RED.comms.subscribe(topic, update);
    };
    subscribe();
    choice.on('change', () => {
      leave();
      subscribe();
    });
  },

  /** A request's options that all changes have; what a message decides is left out. */
  options({ onlyTighten, keepPeers, cutConnections, force, confirmWithin }) {
    return { onlyTighten, keepPeers, cutConnections, force, ...(confirmWithin ? { confirmWithin } : {}) };
  },

  /** A property that need not be given, as a part of a request: nothing where a message decides. */
  given(edited, property) {
    const isKnown = !window.smartserverFirewall.isDynamic(edited[`${property}Type`]) && (edited[property] ?? '') !== '';
    return isKnown ? { [property]: edited[property] } : {};
  },

  view(node, box, problem, questions, answers) {
    const { engineWords, groups } = window.smartserverOutlook;
    const words = {
      later: node._('outlook.later'),
      unread: node._('outlook.unread'),
      long: node._('outlook.long'),
      private: node._('outlook.private'),
      outdated: node._('outlook.outdated'),
    };
    const heading = (text) => $('<p class="smartserver-about">').append($('<b>').text(text));
    const content = problem ? [$('<p class="smartserver-about">').text(words[problem] ?? words.unread)] : [];
    answers.forEach((answer, at) => {
      const { title } = questions[at];
      const summary = engineWords(node, answer);
      content.push(title ? heading(`${title} ${summary}`) : heading(summary));
      if (answer.foreseen) content.push(...groups(node, answer.foreseen));
    });
    box.children('.smartserver-outlook').empty().append(content);
  },

  /** In a sentence. */
  engineWords(node, { foreseen, refused }) {
    if (refused !== undefined)
      return node._('outlook.refused', { problem: window.smartserverFirewall.problemIn(node, refused) });
    const { changed, services, added, removed, unchanged } = foreseen;
    if (!changed) return node._('outlook.nothing');
    const moving = services.filter(({ before, after }) => before !== after).length;
    return node._('outlook.summary', { number: moving, same: unchanged, added: added.length, removed: removed.length });
  },

  /** What changes, and who is cut off, as lists under headings. */
  groups(node, foreseen) {
    const { list, named, MOST_PEERS } = window.smartserverOutlook;
    const { sentence } = window.smartserverFirewall;
    const RANK = { closed: 0, partial: 1, open: 2 };
    const words = {
      open: node._('outlook.isOpen'),
      closed: node._('outlook.isClosed'),
      partial: node._('outlook.isPartial'),
    };
    const step = (one) => {
      const place = named(node, one);
      if (one.before === one.after) return node._('outlook.stays', { place, state: words[one.after] });
      return node._('outlook.step', { place, from: words[one.before], to: words[one.after] });
    };
    const moves = (sign) =>
      foreseen.services.filter(({ before, after }) => Math.sign(RANK[after] - RANK[before]) === sign).map(step);
    const policies = { incoming: node._('outlook.incoming'), outgoing: node._('outlook.outgoing') };
    const verbs = {
      allow: node._('outlook.allow'),
      deny: node._('outlook.deny'),
      reject: node._('outlook.reject'),
    };
    const policy = Object.entries(foreseen.policies).map(([way, { from, to }]) =>
      node._('outlook.step', { place: policies[way] ?? way, from: verbs[from], to: verbs[to] }),
    );
    const cutOff = foreseen.impact.map((one) => {
      const first = one.peers.slice(0, MOST_PEERS).map(({ address }) => address);
      const rest = one.peers.length > MOST_PEERS ? ', …' : '';
      const peers = `${first.join(', ')}${rest}`;
      return node._('outlook.cutOff', { place: named(node, one), number: one.peers.length, peers });
    });
    const ports = foreseen.moved.map(({ service, before, after }) =>
      node._('outlook.step', { place: named(node, { service }), from: before.join(', '), to: after.join(', ') }),
    );
    return [
      list(node, node._('outlook.cutsOff'), cutOff),
      list(node, node._('outlook.opens'), moves(1)),
      list(node, node._('outlook.closes'), moves(-1)),
      list(node, node._('outlook.keeps'), moves(0)),
      list(node, node._('outlook.ports'), ports),
      list(node, node._('outlook.policies'), policy),
      list(node, node._('outlook.ownRules'), foreseen.ownRules.map(smartserverFirewallForesight.ruleText)),
      list(
        node,
        node._('outlook.openToAll'),
        foreseen.openToAll.map((one) => `${named(node, one)}: ${sentence(node, one.reason)}`),
      ),
      list(
        node,
        node._('outlook.stillOpen'),
        foreseen.stillOpen.map((one) => named(node, one)),
      ),
    ].flat();
  },

  list(node, title, entries) {
    if (entries.length === 0) return [];
    const { MOST } = window.smartserverOutlook;
    const shown = entries.slice(0, MOST).map((text) => $('<li>').text(text));
    if (entries.length > MOST) shown.push($('<li>').text(node._('outlook.more', { number: entries.length - MOST })));
    return [$('<p class="smartserver-about">').text(title), $('<ul>').append(shown)];
  },

  /** A service and its direction by name. */
  named(node, { service, direction }) {
    const { fromConfiguration, serviceName } = window.smartserverFirewall;
    const known = fromConfiguration(smartserverFirewallServices.servicesOf).found.find(({ id }) => id === service);
    const name = known ? serviceName(node, known) : service;
    if (direction === undefined) return name;
    return direction === 'in' ? node._('outlook.into', { name }) : node._('outlook.outOf', { name });
  },
};
