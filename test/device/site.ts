/** The device's web server: the vendor's site, in an nginx configuration of the device's own. */
import type { Files } from './pristine';

/** Where the site's certificate is made when nginx is started. */
export const certificate = { cert: '/etc/nginx/ssl/apollo.crt', key: '/etc/nginx/ssl/apollo.key' };

/** The vendor's page, so that a test can tell it was this server that answered. */
export const page = '<!doctype html><title>SmartServer IoT</title>';

/** The whole of `/etc/nginx` but the certificate and the link in `sites-enabled`. */
export const nginxFiles: Files = {
  '/etc/nginx/nginx.conf': {
    mode: 0o644,
    // `user root`: in an ordinary user's device there is no other. The paths are private mounts.
    text: `user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;

events {
    worker_connections 256;
}

http {
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
`,
  },
  // The first server and the comments are the vendor's (test/fixtures/apollo.conf.excerpt.txt), its ports as delivered.
  '/etc/nginx/sites-available/apollo.conf': {
    mode: 0o644,
    text: `server {
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

    ssl_certificate         ${certificate.cert};
    ssl_certificate_key     ${certificate.key};

    location / {
        default_type text/html;
        return 200 "${page}";
    }
}
`,
  },
};
