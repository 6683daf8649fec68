/** Site files made from a seed, with what a change of ports has to make of them known beforehand. */

/** The ports a rendering of a site is to show. */
export interface Ports {
  http: number;
  https: number;
}

/** What is the same whatever the ports, or what shows one of them. */
type Segment = string | ((ports: Ports) => string);

export interface GeneratedSite {
  seed: number;
  /** A whole `nginx.conf` with its `http {}`, rather than a file that one includes. */
  whole: boolean;
  ports: Ports;
  bytes: Buffer;
  /** The file as it has to be when the ports are these. */
  withPorts(ports: Ports): Buffer;
  /** No listen leaves its port to nginx's default, so a change there and back restores every byte. */
  explicit: boolean;
}

/** Mulberry32: small, and the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const COMMENTS = [
  '# listen 80; server { listen 443 ssl; }',
  "# it's a quote, and a brace: {",
  '# DOC: <http://nginx.org/en/docs/http/configuring_https_servers.html>',
  '# größe, 漢字, \\ " }',
  '#',
];

const DECOYS = [
  'add_header X-Decoy "listen 80; } # {";',
  "add_header X-Decoy 'a \\' listen 443 ssl;';",
  'add_header X-Decoy "a \\"quoted\\" {word}";',
  'location /a { return 200 "listen 80;"; }',
  'location ~ "^/b{2}$" { if ($request_method = POST) { return 405; } }',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: nginx's own variable syntax
  'location /c { add_header X-To ${host}:80; return 204; }',
  'location /d { return 302 /e; }',
  'set $port 80;',
  'set $brace a}b#c;',
  'types { text/html html; application/listen listen; }',
];

/** Addresses a machine without a network has, and how nginx groups them into sockets. */
const ADDRESSES = [
  { text: '', socket: '*' },
  { text: '*:', socket: '*' },
  { text: '0.0.0.0:', socket: '*' },
  { text: '127.0.0.1:', socket: '127.0.0.1' },
  { text: '127.0.0.2:', socket: '127.0.0.2' },
  { text: '[::]:', socket: '[::]' },
  { text: '[::1]:', socket: '[::1]' },
];

/** The same seed gives the same site, for ever. */
export function generateSite(seed: number): GeneratedSite {
  const random = randomFrom(seed);
  const chance = (probability: number) => random() < probability;
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const eol = chance(0.25) ? '\r\n' : '\n';
  const indent = pick(['    ', '\t', '  ', '']);
  const whole = chance(0.2);
  const ports = { http: pick([80, 1680, 8080, 20080]), https: pick([443, 1443, 8443, 20443]) };
  /** nginx takes socket options once per socket in all servers together. */
  const configured = new Set<string>();
  const segments: Segment[] = [];
  let explicit = true;

  const line = (...parts: Segment[]) => segments.push(indent, ...parts, chance(0.15) ? ` ${pick(COMMENTS)}` : '', eol);
  const noise = () => {
    while (chance(0.4)) segments.push(chance(0.5) ? `${chance(0.5) ? indent : ''}${pick(COMMENTS)}` : '', eol);
  };
  const gap = () => pick([' ', ' ', '\t', '                  ', `${eol}${indent}  `, ` # listen 1;${eol}  `]);

  const listen = (kind: keyof Ports, address: (typeof ADDRESSES)[number], inline: boolean) => {
    const parameters: string[] = [];
    if (kind === 'https') parameters.push('ssl', ...(chance(0.3) ? ['http2'] : []));
    const socket = `${kind} ${address.socket}`;
    if (!configured.has(socket)) {
      configured.add(socket);
      if (chance(0.4)) parameters.push('default_server');
      if (address.socket === '[::]') parameters.push('ipv6only=on');
      if (chance(0.2)) parameters.push(pick(['backlog=64', 'reuseport', 'deferred', 'so_keepalive=on']));
    }
    const quote = chance(0.15) ? pick(['"', "'"]) : '';
    const bare = ports[kind] === 80 && address.text !== '' && chance(0.4);
    if (bare) explicit = false;
    const written: Segment = bare
      ? (now) => (now[kind] === 80 ? address.text.slice(0, -1) : `${address.text}${now[kind]}`)
      : (now) => `${address.text}${now[kind]}`;
    const tail = `${parameters.map((parameter) => gap() + parameter).join('')}${chance(0.1) ? ' ' : ''};`;
    const directive: Segment[] = [`listen${gap()}${quote}`, written, quote, tail];
    if (inline) segments.push(...directive, ' ');
    else line(...directive);
  };

  const redirect = () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: nginx's own variable syntax
    const host = pick(['$host', '$server_name', '${host}']);
    const rest = pick(['$request_uri', '/', '', '/ui?x=$arg_x', '$uri$is_args$args']);
    const quote = chance(0.2) ? '"' : '';
    const port: Segment = (now) => (now.https === 443 ? '' : `:${now.https}`);
    const nested = chance(0.3);
    const code = pick(['301 ', '302 ', '307 ', '308 ']);
    const directive: Segment[] = [`return ${code}${quote}https://${host}`, port, `${rest}${quote};`];
    line(...(nested ? ['location / { ', ...directive, ' }'] : directive));
  };

  const server = (kinds: readonly (keyof Ports)[], index: number) => {
    const inline = chance(0.15);
    segments.push(`server${pick([' ', '', eol])}{`, inline ? ' ' : eol);
    noise();
    for (const kind of kinds) {
      const sockets = new Set<string>();
      const count = 1 + Math.floor(random() * 3);
      for (let made = 0; made < count; made += 1) {
        const address = pick(ADDRESSES);
        if (!sockets.has(address.socket)) listen(kind, address, inline);
        sockets.add(address.socket);
        if (!inline) noise();
      }
    }
    line(index === 0 && chance(0.5) ? 'server_name "";' : `server_name s${index}.example.com;`);
    for (const decoy of DECOYS) if (chance(0.2)) line(decoy);
    if (kinds.includes('https')) {
      line('ssl_certificate cert.pem;');
      line('ssl_certificate_key key.pem;');
    } else if (chance(0.8)) redirect();
    noise();
    segments.push(chance(0.1) ? '' : indent, '}', eol);
  };

  noise();
  if (whole) segments.push(`events {}${eol}http {${eol}access_log off;${eol}`);
  if (chance(0.3))
    segments.push(`map $host $listen {${eol}  default 80;${eol}  "~^(listen|server)$" "}";${eol}}${eol}`);
  if (chance(0.3)) segments.push(`upstream u${seed} { server 127.0.0.1:80; server unix:/tmp/u; }${eol}`);
  const layouts: (keyof Ports)[][] = chance(0.2) ? [['http', 'https']] : [['http'], ['https']];
  while (chance(0.3)) layouts.splice(Math.floor(random() * layouts.length), 0, [pick(['http', 'https'] as const)]);
  layouts.forEach((kinds, index) => {
    server(kinds, index);
    noise();
  });
  if (whole) segments.push('}');
  else if (chance(0.2)) segments.push('# the end, without a line feed');

  // Whoever typed the comments did it on some machine.
  const encoding = seed % 3 === 0 ? 'latin1' : 'utf8';
  const withPorts = (now: Ports) =>
    Buffer.from(segments.map((segment) => (typeof segment === 'string' ? segment : segment(now))).join(''), encoding);
  return { seed, whole, ports, bytes: withPorts(ports), withPorts, explicit };
}
