/**
 * Signed requests. The request's text is signed, and carried along as a text: what is parsed is exactly what was signed, and
 * nothing of it is before the signature holds.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { readable } from '../bounded';
import { FirewallError, type Sentence, say } from '../errors';
import type { OperatorKey, Settings } from '../messages';
import { type FleetRequest, MAX_ENVELOPE, type SignedRequest, signedRequest } from './envelope';

/** Whose requests a device carries out, and for whom they have to be. */
export type Trust = Pick<Settings, 'operatorKeys' | 'fleetDevice' | 'fleetGroup'>;

/** A request as it is to be parsed, and the key that has signed it; null where no key is asked for. */
export interface Opened {
  request: unknown;
  key: OperatorKey | null;
}

/**
 * The request in an envelope.
 * @throws FirewallError NOT_SIGNED where it has to be signed and is not; INVALID_INPUT where what was signed is no JSON
 */
export function opened(envelope: unknown, { operatorKeys }: Trust): Opened {
  const isNeeded = operatorKeys.length > 0;
  const form = signedRequest.safeParse(readable('the request', () => partsOf(envelope)));
  if (!form.success) {
    if (isNeeded) throw notSigned(say`this device carries out signed requests only, and this one is not signed.`);
    return { request: envelope, key: null };
  }
  const { signed, key: name, signature } = form.data;
  const bytes = Buffer.from(signed);
  const key = operatorKeys.find((one) => one.name === name) ?? null;
  if (isNeeded && !key) throw notSigned(say`this device has no key named ${name}.`);
  if (key && !verify(null, bytes, publicKey(key), Buffer.from(signature, 'base64'))) {
    throw notSigned(say`the signature is not one of the key ${name} for this text.`);
  }
  return { request: requestIn(bytes.toString()), key };
}

/** What of an envelope is looked at, each property read once; what else may be in it is never used. */
function partsOf(envelope: unknown): unknown {
  const { signed, key, signature } = (envelope ?? {}) as Record<string, unknown>;
  return { signed, key, signature };
}

const publicKey = ({ publicKey: text }: OperatorKey): KeyObject =>
  createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });

function notSigned(what: Sentence): FirewallError {
  const remedy = say`Sign it with a key whose public key is in the SmartServer configuration of this device.`;
  return new FirewallError('NOT_SIGNED', { what, remedy });
}

/**
 * The JSON of a text.
 * @throws FirewallError INVALID_INPUT
 */
export function requestIn(text: string): unknown {
  if (Buffer.byteLength(text) > MAX_ENVELOPE) {
    throw new FirewallError('INVALID_INPUT', { what: say`the request is larger than ${MAX_ENVELOPE / 1024} KB.` });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FirewallError('INVALID_INPUT', { what: say`the request is not valid JSON.` }, error);
  }
}

/**
 * Refuses what a key's owner has not asked of this device, or may not ask.
 * @throws FirewallError NOT_SIGNED where it is for others; NOT_PERMITTED
 */
export function refuseBeyond(key: OperatorKey, { to, request }: FleetRequest, trust: Trust): void {
  const own = ['all', ...named('device', trust.fleetDevice), ...named('group', trust.fleetGroup)];
  if (to === undefined || !own.includes(to)) {
    throw new FirewallError('NOT_SIGNED', {
      what: say`to: this request is signed for ${to ?? 'nobody'}, and this device carries out those for ${own.join(', ')}.`,
      remedy: say`Sign it for this device, or correct the name of the device or its group in its SmartServer configuration.`,
    });
  }
  if (request && 'force' in request && request.force && !key.force) {
    throw new FirewallError('NOT_PERMITTED', {
      what: say`force: the key ${key.name} does not allow it.`,
      remedy: say`Sign it with a key that does, or leave out "force".`,
    });
  }
}

const named = (kind: 'device' | 'group', name: string): string[] => (name === '' ? [] : [`${kind}/${name}`]);

/** A new pair: the private key as PEM, the public one as its line. */
export function madePair(): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey: lineOf(publicKey) };
}

/** The public key of a private one. @throws Error where it is none, or of another kind */
export function publicKeyOf(pem: string): string {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('no Ed25519 key');
  return lineOf(createPublicKey(key));
}

const lineOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'der' }).toString('base64');

/** A text as an envelope that this key has signed. @param pem the private key */
export function signedWith(pem: string, key: string, text: string): SignedRequest {
  const signature = sign(null, Buffer.from(text), createPrivateKey(pem)).toString('base64');
  return { signed: text, key, signature };
}
