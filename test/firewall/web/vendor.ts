/** The vendor's site file as far as its documentation shows it, on the factory's ports; the certificate lines and what follows are ours. */
export const VENDOR_SITE = `server {
    # listen on HTTP port(s) (this is the default server)
    # NOTE: Only use non-SSL ports for debugging!
    listen                  80 default_server;
    listen             [::]:80 default_server ipv6only=on;
    server_name "";
    return 301 https://$host$request_uri;
}

server {
    # listen on IPv4 HTTPS port (using a self-signed certificate)
    # DOC: <http://nginx.org/en/docs/http/configuring_https_servers.html>
    # DOC: <http://www.akadia.com/services/ssh_test_certificate.html>
    listen                  443 ssl;
    ssl_certificate     cert.pem;
    ssl_certificate_key key.pem;
}
`;

/** The same as the vendor's instructions leave it: other ports, and a redirect that still leads to 443. */
export const VENDOR_SITE_MOVED = VENDOR_SITE.replace(/:80 /, ':1780 ')
  .replace(/ 80 /, ' 1780 ')
  .replace(' 443 ', ' 1443 ');
