/** The operators' key pairs, and what is signed with them, for people and scripts; on any machine, as any user. */
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { codeOf, FirewallError, messageOf, say } from '../firewall/errors';
import { fleetRequest, type SignedRequest, signedRequest } from '../firewall/fleet/envelope';
import { madePair, publicKeyOf, requestIn, signedWith } from '../firewall/fleet/signature';
import { check } from '../firewall/messages';

/** How long a request is valid that says nothing else, in ms: longer than any clock is wrong. */
const LASTS_MS = 48 * 3600 * 1000;

export interface PublicKey {
  /** As it is entered in the configuration of devices. */
  publicKey: string;
}

/**
 * Writes a new private key into a new file that only its owner can read.
 * @throws FirewallError INVALID_INPUT where the file cannot be made; one that is there is never replaced
 */
export async function makeKey(path: string): Promise<PublicKey> {
  const { privateKey, publicKey } = madePair();
  const file = await open(path, 'wx', 0o600).catch((error) => {
    const what = codeOf(error) === 'EEXIST' ? say`${path} exists already.` : say`${path}: ${messageOf(error)}.`;
    throw new FirewallError('INVALID_INPUT', { what, state: null }, error);
  });
  try {
    await file.writeFile(privateKey);
    await file.sync();
  } finally {
    await file.close();
  }
  return { publicKey };
}

/** The public key that belongs to the private key in a file. @throws FirewallError INVALID_INPUT */
export const showKey = async (path: string): Promise<PublicKey> => ({
  publicKey: publicKeyOf(await privateKeyIn(path)),
});

/**
 * Signs a request, with `to`. What it leaves out of `id`, `issued` and `expires` is added: a new one, now, and 48 hours later.
 * @param name of the key, as in the configuration of the devices
 * @throws FirewallError INVALID_INPUT
 */
export async function signText(path: string, name: string, text: string): Promise<SignedRequest> {
  const pem = await privateKeyIn(path);
  const given = requestIn(text);
  const issued = new Date();
  const added = {
    ...{ id: randomBytes(12).toString('hex'), issued: issued.toISOString() },
    expires: new Date(issued.getTime() + LASTS_MS).toISOString(),
  };
  const request = typeof given === 'object' && given !== null && !Array.isArray(given) ? { ...added, ...given } : given;
  if (check(fleetRequest, request).to === undefined) {
    throw new FirewallError('INVALID_INPUT', {
      what: say`to: a request that is signed must say whom it is for: all, group/NAME or device/NAME.`,
      state: null,
    });
  }
  const { key } = check(z.pick(signedRequest, { key: true }), { key: name });
  return signedWith(pem, key, JSON.stringify(request));
}

async function privateKeyIn(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new FirewallError('INVALID_INPUT', { what: say`${path}: ${messageOf(error)}.`, state: null }, error);
  });
  try {
    publicKeyOf(text);
  } catch (error) {
    const what = say`${path} contains no private Ed25519 key, as "smartserver-firewall key make" writes it.`;
    throw new FirewallError('INVALID_INPUT', { what, state: null }, error);
  }
  return text;
}
