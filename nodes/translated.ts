/** Error messages in the language of Node-RED's runtime. */
import type { NodeAPI } from 'node-red';
import type { FirewallError } from '../firewall/errors';
import { errorIn } from '../firewall/language';

/** Sets the error's message in that language; what has no translation stays English. */
export function translated(RED: NodeAPI, error: FirewallError): FirewallError {
  // A label that contains its own language, which is the one that labels are looked up in.
  error.message = errorIn(RED._('meta.language'), error);
  return error;
}
