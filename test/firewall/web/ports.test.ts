import assert from 'node:assert/strict';
import { sitePorts } from '../../../firewall/web/ports';
import { parseSite } from '../../../firewall/web/site';
import { inWords } from '../in-words';
import { VENDOR_SITE, VENDOR_SITE_MOVED } from './vendor';

function read(text: string) {
  return sitePorts(parseSite(Buffer.from(text)));
}

const HTTPS = 'server { listen 443 ssl; }';

describe('the web ports of a site', () => {
  it('are 80 and 443 on a factory device, without a problem', () => {
    assert.deepEqual(read(VENDOR_SITE), {
      http: 80,
      https: 443,
      otherHttp: [],
      otherHttps: [],
      redirectsTo: 443,
      problems: [],
    });
  });

  it("show what the vendor's instructions leave broken: the redirect to a port where nothing is", () => {
    const { http, https, redirectsTo, problems } = read(VENDOR_SITE_MOVED);
    assert.deepEqual([http, https, redirectsTo], [1780, 1443, 443]);
    assert.deepEqual(problems.map(inWords), [
      'The redirect in line 7 leads to port 443, but HTTPS listens on port 1443: browsers that follow it reach no page.',
    ]);
  });

  it('are those of the default server, then of the first in the file, then of the device itself', () => {
    const text = `server { listen 127.0.0.1:81; listen [::1]:82; listen 83; } server { listen 84 default_server; } ${HTTPS}`;
    const { http, otherHttp } = read(text);
    assert.equal(http, 84);
    assert.deepEqual(otherHttp, [83, 81, 82]);
  });

  it('may be those of one server that answers both', () => {
    const { http, https } = read('server { listen 8080; listen 8443 ssl; }');
    assert.deepEqual([http, https], [8080, 8443]);
  });

  it('are null where there is no such server', () => {
    assert.deepEqual([read(HTTPS).http, read(HTTPS).redirectsTo], [null, null]);
    assert.equal(read('server { listen 80; }').https, null);
  });

  it('come with the reason why a page cannot be reached', () => {
    assert.match(read('').problems.map(inWords).join(), /has no server/);
    assert.match(read('server { listen 80; }').problems.map(inWords).join(), /has no HTTPS server/);
    assert.match(
      read('server { listen 127.0.0.1:443 ssl; }').problems.map(inWords).join(),
      /port 443 for the device itself only/,
    );
    assert.match(read(`server { listen 80-90; } ${HTTPS}`).problems.map(inWords).join(), /range of ports/);
    assert.match(
      read(`server { listen $x; } ${HTTPS}`).problems.map(inWords).join(),
      /"listen" in line 1 was not understood/,
    );
  });

  it('come with a redirect that was not understood only where HTTPS has left 443', () => {
    const server = 'server { listen 80; return 301 https://$http_host/; }';
    assert.deepEqual(read(`${server} ${HTTPS}`).problems, []);
    assert.match(
      read(`${server} server { listen 1443 ssl; }`).problems.map(inWords).join(),
      /redirect in line 1 was not understood/,
    );
  });

  it('are no problem when the redirect leads to a further HTTPS port', () => {
    const text = 'server { listen 80; return 301 https://$host:1443/; } server { listen 443 ssl; listen 1443 ssl; }';
    assert.deepEqual(read(text).problems, []);
    assert.deepEqual(read(text).otherHttps, [1443]);
  });
});
