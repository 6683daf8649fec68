/** The public keys of operators, as people write them. Only their text is judged here, in the editor's dialog too. */
import { phrase } from './errors';

/** The one line of an Ed25519 key in the form of RFC 8410, which OpenSSL writes as PEM: the kind, then 32 bytes. */
const LINE = /^MCowBQYDK2VwAyEA([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/;

/**
 * Points of so small an order that anybody can make signatures which hold for them, in each form that OpenSSL takes: 0 and 1,
 * two of order 8, and the field's prime and its neighbours. A key of zeros is one.
 */
const WEAK =
  /^(A[AQ]A{39}[AI]A|JuiVj8KyJ7BFw\/SJ8u\+Y8NXfrAXTxjM5sTgCiG1T\/[AI]U|xxdqcD1N2E\+6PAt2DRBnDyogU\/osOczGTsf9d5KsA[3/]o|7[Pfv]\/{39}[3/]8)=$/;

/** PEM and OpenSSH say so; the line of RFC 8410 begins like this. */
export const isPrivateKey = (text: string): boolean => /PRIVATE KEY|^M(C4CAQ|FECAQ)[AE]wBQYDK2Vw/.test(text.trim());

/** The one form of a public key: its line, without what PEM puts around it. */
export const publicKeyText = (text: string): string => text.replace(/-----[A-Z ]+-----|\s/g, '');

/** Why a text is no operator's public key; null where it is one. */
export function publicKeyFault(text: string): string | null {
  if (isPrivateKey(text)) {
    return phrase`must be the public key, and this is the private one, which is no longer secret now: make a new pair`;
  }
  const [, point] = LINE.exec(publicKeyText(text)) ?? [];
  if (!point) return phrase`must be an Ed25519 public key, as "smartserver-firewall key show" prints it`;
  return WEAK.test(point) ? phrase`must be a key that was made at random, and this one is weak` : null;
}
