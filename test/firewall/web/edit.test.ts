import assert from 'node:assert/strict';
import { FirewallError } from '../../../firewall/errors';
import { changePorts, dropOldPorts, listenOnBoth, type WebPortChange } from '../../../firewall/web/edit';
import { parseSite } from '../../../firewall/web/site';
import { VENDOR_SITE, VENDOR_SITE_MOVED } from './vendor';

type Edit = typeof changePorts;

const MOVE = { http: { from: 80, to: 1780 }, https: { from: 443, to: 1443 }, fixRedirect: true };
const BACK = { http: { from: 1780, to: 80 }, https: { from: 1443, to: 443 }, fixRedirect: true };

function edited(edit: Edit, text: string, change: WebPortChange = MOVE): string {
  return edit(parseSite(Buffer.from(text)), change).toString();
}

function refuses(code: string, message: RegExp, edit: Edit, text: string, change: WebPortChange = MOVE): void {
  assert.throws(
    () => edited(edit, text, change),
    (error: unknown) => error instanceof FirewallError && error.code === code && message.test(error.message),
  );
}

const HTTPS = 'server { listen 443 ssl; }';

describe('changing the ports of a site', () => {
  it("changes what the vendor's instructions change, and the redirect they forget", () => {
    const changed = edited(changePorts, VENDOR_SITE);
    assert.equal(changed, VENDOR_SITE_MOVED.replace('$host$', '$host:1443$'));
    assert.equal(edited(changePorts, changed, BACK), VENDOR_SITE);
  });

  it("mends the redirect the vendor's instructions left behind", () => {
    const change = { https: { from: 1443, to: 2443 }, fixRedirect: true };
    assert.match(edited(changePorts, VENDOR_SITE_MOVED, change), /https:\/\/\$host:2443\$request_uri/);
    assert.match(edited(changePorts, VENDOR_SITE_MOVED, { fixRedirect: true }), /https:\/\/\$host:1443\$request_uri/);
  });

  it('leaves redirects alone when it is told to', () => {
    assert.equal(edited(changePorts, VENDOR_SITE, { ...MOVE, fixRedirect: false }), VENDOR_SITE_MOVED);
  });

  it('leaves redirects alone that were not understood, and those to a further HTTPS port', () => {
    const text =
      'server { listen 80; return 301 https://$http_host/; } ' +
      'server { listen 443 ssl; listen 8443 ssl; location /x { return 301 https://$host:8443/; } }';
    assert.equal(
      edited(changePorts, text),
      text.replace('listen 80;', 'listen 1780;').replace('listen 443', 'listen 1443'),
    );
  });

  it('changes a port, never an address or a parameter', () => {
    const text =
      'server { listen 1.2.3.4:80 backlog=80; listen "[::80]:80" so_keepalive=80:80:80; listen localhost:80; ' +
      "listen '*:80'; listen 8080; listen 80-81; listen unix:/80; } server { listen 443; listen 1.1.1.1:443 ssl; }";
    const expected =
      'server { listen 1.2.3.4:1780 backlog=80; listen "[::80]:1780" so_keepalive=80:80:80; listen localhost:1780; ' +
      "listen '*:1780'; listen 8080; listen 80-81; listen unix:/80; } server { listen 443; listen 1.1.1.1:1443 ssl; }";
    assert.equal(edited(changePorts, text), expected);
  });

  it('writes out a port that was left to the default', () => {
    assert.equal(
      edited(changePorts, `server { listen 1.2.3.4; listen [::1] default_server; listen "*"; } ${HTTPS}`),
      'server { listen 1.2.3.4:1780; listen [::1]:1780 default_server; listen "*:1780"; } server { listen 1443 ssl; }',
    );
  });

  it('writes out the listen of a server that has none', () => {
    assert.equal(
      edited(changePorts, `server { # main\r\n\troot /x;\r\n}\r\n${HTTPS}`),
      'server {\r\n\tlisten 1780; # main\r\n\troot /x;\r\n}\r\nserver { listen 1443 ssl; }',
    );
    assert.equal(edited(changePorts, `server {} ${HTTPS}`), 'server { listen 1780;} server { listen 1443 ssl; }');
  });

  it('can swap the two', () => {
    const swap = { http: { from: 80, to: 443 }, https: { from: 443, to: 80 }, fixRedirect: true };
    assert.equal(
      edited(changePorts, `server { listen 80; return 301 https://$host/; } ${HTTPS}`, swap),
      'server { listen 443; return 301 https://$host:80/; } server { listen 80 ssl; }',
    );
  });

  it('to what they are gives the file as it is', () => {
    const stay = { http: { from: 80, to: 80 }, https: { from: 443, to: 443 }, fixRedirect: true };
    for (const edit of [changePorts, listenOnBoth, dropOldPorts])
      assert.equal(edited(edit, VENDOR_SITE, stay), VENDOR_SITE);
  });

  it('is refused without a server, or without one of HTTPS', () => {
    for (const edit of [changePorts, listenOnBoth, dropOldPorts]) {
      refuses('NGINX_CONFIG', /has no server/, edit, '# nothing');
      refuses('NGINX_CONFIG', /has no HTTPS server/, edit, 'server { listen 80; listen 443; }');
    }
  });

  it('is refused where nothing listens on the old port', () => {
    refuses('NGINX_CONFIG', /no HTTP server listens on port 80\./, changePorts, `server { listen 81; } ${HTTPS}`);
    refuses(
      'NGINX_CONFIG',
      /no HTTPS server listens on port 443\./,
      changePorts,
      'server { listen 80; listen 1 ssl; }',
    );
  });

  it('is refused where HTTP and HTTPS would share a port', () => {
    const http = { http: { from: 80, to: 443 }, fixRedirect: true };
    const https = { https: { from: 443, to: 80 }, fixRedirect: true };
    const text = `server { listen 80; } ${HTTPS}`;
    refuses('INVALID_INPUT', /cannot share port 443/, changePorts, text, http);
    refuses('INVALID_INPUT', /cannot share port 80/, changePorts, text, https);
    refuses('INVALID_INPUT', /cannot share port 443/, listenOnBoth, text, { ...http, ...https });
  });
});

describe('listening on old and new ports for a while', () => {
  it('puts a copy with the new port behind each listen, indented as it is', () => {
    const both = edited(listenOnBoth, VENDOR_SITE);
    assert.ok(
      both.includes(
        '    listen                  80 default_server;\n    listen                  1780 default_server;\n',
      ),
    );
    assert.ok(
      both.includes(
        '[::]:80 default_server ipv6only=on;\n    listen             [::]:1780 default_server ipv6only=on;\n',
      ),
    );
    assert.ok(both.includes('    listen                  443 ssl;\n    listen                  1443 ssl;\n'));
    assert.ok(both.includes('https://$host:1443$request_uri'));
  });

  it('keeps comments where they are, and copies on one line', () => {
    assert.equal(
      edited(listenOnBoth, `server { listen 80; # main\r\n  listen [::]:80; }\r\n${HTTPS}`),
      'server { listen 80; listen 1780; # main\r\n  listen [::]:80;\r\n  listen [::]:1780; }\r\nserver { listen 443 ssl; listen 1443 ssl; }',
    );
  });

  it('ends in the file the change alone would have made', () => {
    const sites = [
      VENDOR_SITE,
      `server {\n  root /x;\n}\n${HTTPS}`,
      `server {} ${HTTPS}`,
      `server { listen 1.2.3.4; listen *; } ${HTTPS}`,
      'server { listen 80; listen # why\n "443" ssl; }',
      'server { listen 443; } server { listen 80; } server { listen 443 ssl; }',
    ];
    for (const site of sites) {
      const expected = edited(changePorts, site);
      assert.equal(edited(dropOldPorts, edited(listenOnBoth, site)), expected);
    }
  });

  it('keeps what somebody else changed meanwhile', () => {
    const both = edited(listenOnBoth, `server {\n  listen 80;\n}\n${HTTPS}`);
    const theirs = both
      .replace('listen 80;\n', 'listen 80;\n  # theirs\n')
      .replace('ssl; }', 'ssl; root /theirs; }')
      .concat('\nserver { listen 80; server_name theirs; }');
    const left = edited(dropOldPorts, theirs);
    assert.ok(left.includes('# theirs\n  listen 1780;') && left.includes('root /theirs;'));
    assert.equal(left.split('listen 1780;').length, 3);
    assert.ok(left.endsWith('\nserver { listen 1780; server_name theirs; }'));
    assert.ok(!/listen 80|listen 443/.test(left));
  });
});
