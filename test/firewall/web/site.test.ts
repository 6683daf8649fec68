import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { FirewallError } from '../../../firewall/errors';
import { parseSite } from '../../../firewall/web/site';
import { inWords } from '../in-words';
import { VENDOR_SITE } from './vendor';

function parse(text: string) {
  return parseSite(Buffer.from(text, 'utf8'));
}

function listensOf(server: string) {
  return parse(`server { ${server} }`).servers[0]?.listens ?? [];
}

function othersOf(server: string) {
  return parse(`server { ${server} }`).servers[0]?.otherListens.map(({ kind }) => kind) ?? [];
}

function refuses(bytes: Buffer, message: RegExp): void {
  assert.throws(
    () => parseSite(bytes),
    (error: unknown) => error instanceof FirewallError && error.code === 'NGINX_CONFIG' && message.test(error.message),
  );
}

describe('the listens of a site', () => {
  const FORMS = [
    ['80', null, 'ipv4', 80],
    ['0080', null, 'ipv4', 80],
    ['"80"', null, 'ipv4', 80],
    ["'[::]:80'", '[::]', 'ipv6', 80],
    ['*:8080', '*', 'ipv4', 8080],
    ['*', '*', 'ipv4', 80],
    ['1.2.3.4:80', '1.2.3.4', 'ipv4', 80],
    ['1.2.3.4', '1.2.3.4', 'ipv4', 80],
    ['[::]:80 ipv6only=on', '[::]', 'ipv6', 80],
    ['[::1]', '[::1]', 'ipv6', 80],
    ['[::ffff:1.2.3.4]:81', '[::ffff:1.2.3.4]', 'ipv6', 81],
    ['localhost:80', 'localhost', 'name', 80],
    ['my-host.lan', 'my-host.lan', 'name', 80],
    ['65535', null, 'ipv4', 65535],
  ] as const;

  for (const [form, address, family, port] of FORMS) {
    it(`are read in the form ${form}`, () => {
      const [listen, ...rest] = listensOf(`listen ${form};`);
      assert.ok(listen);
      assert.deepEqual(rest, []);
      assert.deepEqual([listen.kind, listen.address, listen.family, listen.port], ['port', address, family, port]);
      assert.equal(listen.raw, `listen ${form};`);
    });
  }

  it('know where their port is, or would be', () => {
    const text = 'server { listen "[::]:8080" ssl; listen 1.2.3.4; }';
    const [written, omitted] = parse(text).servers[0]?.listens ?? [];
    assert.equal(text.slice(written?.portSpan.start, written?.portSpan.end), '8080');
    assert.equal(omitted?.portSpan.start, omitted?.portSpan.end);
    assert.equal(text.slice(0, omitted?.portSpan.end), 'server { listen "[::]:8080" ssl; listen 1.2.3.4');
  });

  it('may be Unix sockets and ranges of ports, which have no port to change', () => {
    assert.deepEqual(othersOf('listen unix:/run/web; listen UNIX:/x; listen 80-90; listen [::]:80-90; listen *:1-2;'), [
      'unix',
      'unix',
      'range',
      'range',
      'range',
    ]);
  });

  it('that nginx would refuse are kept apart and never guessed at', () => {
    const garbage = ['', '""', '0', '65536', '99999999999999999999', ':80', '1.2.3.4:', '1.2.3.4:x', '$port', 'a/b:80'];
    const hostile = [
      '[::',
      '[::]80',
      '[zz]:80',
      '[::]:-',
      '"8\\0"',
      '"\\"80"',
      '80:80:80',
      'http://x:80',
      '80|81',
      'ü',
    ];
    for (const form of [...garbage, ...hostile]) assert.deepEqual(othersOf(`listen ${form};`), ['unread'], form);
  });

  it('are those of the server itself, in a site file or in the http block of a whole configuration', () => {
    const text = `events {} http { server { location / { listen 1; } listen 2; }
      upstream u { server 127.0.0.1:3; } } stream { server { listen 4; } } mail { server { listen 5; } }`;
    assert.deepEqual(
      parse(text).servers.map(({ listens }) => listens.map(({ port }) => port)),
      [[2]],
    );
  });

  it('are implied as port 80 where a server has none, unless another file may hold one', () => {
    assert.deepEqual(
      listensOf('root /x;').map(({ kind, port }) => [kind, port]),
      [['implied', 80]],
    );
    assert.deepEqual(listensOf('include more.conf;'), []);
    assert.deepEqual(listensOf('listen unix:/x;'), []);
  });
});

describe('whether a listen speaks TLS', () => {
  const tls = (text: string) => parse(text).servers.map(({ listens }) => listens.map(({ ssl }) => ssl));

  it('follows from its parameters, never from its port', () => {
    assert.deepEqual(tls('server { listen 80 ssl; listen 443; listen 1 http2 ssl; listen 2 quic; }'), [
      [true, false, true, true],
    ]);
  });

  it('follows from "ssl on" of its server, or of what encloses the server', () => {
    assert.deepEqual(tls('server { listen 1; ssl on; } server { listen 2; ssl off; }'), [[true], [false]]);
    assert.deepEqual(tls('ssl on; server { listen 1; } server { listen 2; ssl off; }'), [[true], [false]]);
    assert.deepEqual(tls('http { server { listen 1; } ssl on; }'), [[true]]);
  });

  it('is the same for all servers on one socket', () => {
    assert.deepEqual(
      tls('server { listen *:1 ssl; } server { listen 1; listen [::]:1; } server { listen 0.0.0.0:1; }'),
      [[true], [true, false], [true]],
    );
  });
});

describe('the redirects of a site', () => {
  const redirects = (server: string) =>
    parse(`server { server_name web.example.com; ${server} }`).servers[0]?.redirects ?? [];
  const ports = (server: string) => redirects(server).map((redirect) => redirect.understood && redirect.port);

  it('are understood where they lead to HTTPS on this device', () => {
    assert.deepEqual(ports('return 301 https://$host$request_uri;'), [443]);
    assert.deepEqual(ports('return 302 "https://$server_name:1443/x$uri";'), [1443]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: nginx's own variable syntax
    assert.deepEqual(ports('return 307 https://${host}:8443${request_uri};'), [8443]);
    assert.deepEqual(ports('return https://Web.Example.com?a=b;'), [443]);
    assert.deepEqual(ports('location / { if ($x) { return 308 https://$hostname; } }'), [443]);
  });

  it('are not guessed at in any other form', () => {
    const forms = [
      'return 301 https://$http_host$request_uri;',
      'return 301 https://$host:$server_port$request_uri;',
      'return 301 https://$host$port$request_uri;',
      'return 301 https://www.$host$request_uri;',
      'return 301 https://$hosting/;',
      'return 301 $scheme://$host/x/;',
      'return 301 http://$host/;',
      'return 301 "https://$host\\t/";',
      'rewrite ^ https://$host$request_uri permanent;',
      'error_page 497 =301 https://$host$request_uri;',
    ];
    for (const form of forms) assert.deepEqual(ports(form), [false], form);
  });

  it('to a fixed host may concern another machine', () => {
    const [redirect] = redirects('return 301 https://docs.example.com/help;');
    assert.ok(redirect && !redirect.understood);
    assert.match(inWords(redirect.reason), /"docs\.example\.com" may be another machine/);
  });

  it('to a path on this device are none', () => {
    const texts = ['return 301 /ui/;', 'return 200 https://$host/;', 'return 404;', 'rewrite ^/a /b last;'];
    for (const text of texts) assert.deepEqual(redirects(text), [], text);
  });
});

describe('a site file', () => {
  it('of the vendor is read', () => {
    const { servers } = parse(VENDOR_SITE);
    assert.deepEqual(
      servers.map(({ line, listens }) => [
        line,
        listens.map(({ address, port, ssl, defaultServer }) => [address, port, ssl, defaultServer]),
      ]),
      [
        [
          1,
          [
            [null, 80, false, true],
            ['[::]', 80, false, true],
          ],
        ],
        [10, [[null, 443, true, false]]],
      ],
    );
  });

  it('names the files it includes, which are left alone', () => {
    const text = 'include a.conf;\nserver { listen 80;\n include "snippets/*.conf"; }';
    const { includes } = parse(text);
    assert.deepEqual(
      includes.map(({ path, line, start, end }) => [path, line, text.slice(start, end)]),
      [
        ['a.conf', 1, 'include a.conf;'],
        ['snippets/*.conf', 3, 'include "snippets/*.conf";'],
      ],
    );
  });

  it('with a byte order mark is read as nginx reads it: its first word is no directive nginx knows', () => {
    assert.deepEqual(parse('\ufeffserver { listen 80; } server { listen 443 ssl; }').servers.length, 1);
  });

  it('may be in Latin-1, or in several encodings at once', () => {
    const mixed = Buffer.concat([
      Buffer.from('# Gerät\u00a0in Gebäude 7, geprüft\u00a0\n', 'latin1'),
      Buffer.from('server { listen 80; add_header X "früh ½"; } # é ä 日本\n', 'utf8'),
      Buffer.from('server { listen 443 ssl; server_name gerät.example; }', 'latin1'),
      Buffer.from(Array.from({ length: 255 }, (_, at) => 1 + at)).subarray(0x7f),
    ]);
    const { servers, text } = parseSite(Buffer.concat([mixed, Buffer.from(';')]));
    assert.deepEqual(
      servers.flatMap(({ listens }) => listens.map(({ port }) => port)),
      [80, 443],
    );
    assert.deepEqual(Buffer.from(text, 'latin1').subarray(0, mixed.length), mixed);
  });

  it('is refused when it is no text', () => {
    refuses(Buffer.from('\ufeffserver { listen 80; }', 'utf16le'), /NUL bytes/);
    refuses(Buffer.from('server { listen 80; }\0\0\0'), /NUL bytes/);
  });

  it('is refused at 5 MB, at once', () => {
    refuses(Buffer.alloc(5 * 1024 * 1024, 'a;'), /larger than 1 MB/);
  });

  it('is refused with unbalanced braces, naming the line', () => {
    refuses(Buffer.from('server {\n listen 80;\n'), /does not close the "\{" in line 1\./);
    refuses(Buffer.from('server {\n listen 80;\n}\n}'), /unexpected "\}" in line 4\./);
    refuses(Buffer.from('server { listen "80; }'), /ends inside the string/);
  });

  it('that is empty has no server', () => {
    assert.deepEqual(parse('').servers, []);
    assert.deepEqual(parse('# nothing\n').servers, []);
  });

  it('may nest ten thousand blocks', () => {
    const nested = `${'a {'.repeat(10_000)}${'}'.repeat(10_000)}`;
    assert.equal(parse(`server { listen 80; ${nested} } server { listen 81; }`).servers.length, 2);
    refuses(Buffer.from('a {'.repeat(10_000)), /does not close/);
    refuses(Buffer.from('}'.repeat(10_000)), /unexpected "\}" in line 1\./);
  });

  it('of a megabyte is read in a moment, whatever it is made of', function () {
    this.timeout(20_000);
    const pieces = [
      'a;',
      'a',
      '\n',
      '#',
      '$',
      '\\\\',
      'x{}',
      'server{listen 1;}',
      'include x;',
      'server{return 301 https://$host;}',
    ];
    const openings = ['x_by_lua_block {--', 'x_by_lua_block {[[', 'x_by_lua_block {"', 'server { '];
    for (const piece of [...pieces, ...openings]) {
      const started = process.cpuUsage();
      try {
        parseSite(Buffer.from(piece.repeat(Math.floor((1024 * 1024) / piece.length))));
      } catch (error) {
        assert.ok(error instanceof FirewallError, String(error));
      }
      const { user } = process.cpuUsage(started);
      assert.ok(user < 3_000_000, `${piece}: ${user} µs`);
    }
  });

  it('of any bytes is read or refused with NGINX_CONFIG', () => {
    const soup = fc
      .array(
        fc.constantFrom('server', 'listen', ' ', '80', '[::]', ':', 'ssl', ';', '{', '}', '"', '\\', '$', '\n', 'ü'),
      )
      .map((pieces) => Buffer.from(pieces.join('')));
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(fc.oneof(soup, bytes), (file) => {
        try {
          parseSite(file);
        } catch (error) {
          assert.ok(error instanceof FirewallError && error.code === 'NGINX_CONFIG', String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
