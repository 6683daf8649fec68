import { FirewallError, type Sentence, say } from '../errors';

/** The error of a site file that cannot be read or changed; `what` is a sentence about the file. */
export function siteRefusal(what: Sentence): FirewallError {
  return new FirewallError('NGINX_CONFIG', {
    what,
    state: say`Neither the file nor the firewall was changed.`,
    remedy: say`Correct the site file, check it with "sudo nginx -t", and try again.`,
  });
}
