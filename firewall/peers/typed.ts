/** Who a service talks with, as somebody has written it in the configuration. */
import * as z from 'zod/mini';
import { FirewallError, phrase, say } from '../errors';
import { check, type Settings } from '../messages';
import { isAddress, normalAddress } from '../rules/address';
import { type Registry, serviceNamed } from '../services/registry';
import { isEverybody } from '../verdicts/everybody';

/** Addresses and subnets by the id of a service. */
export type Typed = ReadonlyMap<string, readonly string[]>;

/** Each becomes a rule. */
const MOST_OF_SERVICE = 250;
const MOST_SERVICES = 50;

const address = z.string().check(
  z.refine((value) => isAddress(value), phrase`must be an IP address or a subnet like 192.168.1.0/24`),
  z.refine(
    (value) => !isAddress(value) || !isAll(value),
    phrase`must not be everybody: 10.0.0.0/8 and fc00::/7 are the largest subnets`,
  ),
  z.refine((value) => !isAddress(value) || !isOfNobody(value), phrase`must be the address of another host`),
);

const isAll = (value: string): boolean => isEverybody(normalAddress(value), value.includes(':') ? 'ipv6' : 'ipv4');
const isOfNobody = (value: string): boolean => /^(127\.|0\.|::1?$|::1?\/|::ffff:)/.test(normalAddress(value));

const schema = z.strictObject({
  peers: z
    .record(z.string().check(z.minLength(1), z.maxLength(60)), z.array(address).check(z.maxLength(MOST_OF_SERVICE)))
    .check(
      z.refine((given) => Object.keys(given).length <= MOST_SERVICES, phrase`must not be about more than 50 services`),
    ),
});

/**
 * @param own the device's own addresses
 * @throws FirewallError INVALID_INPUT, naming what is wrong
 */
export function typedPeers({ peers }: Pick<Settings, 'peers'>, registry: Registry, own: ReadonlySet<string>): Typed {
  const given = check(schema, { peers }).peers;
  return new Map(
    Object.entries(given).map(([name, addresses]): [string, readonly string[]] => {
      const normal = addresses.map(normalAddress);
      const at = normal.findIndex((one) => own.has(one));
      if (at >= 0) {
        throw new FirewallError('INVALID_INPUT', {
          what: say`peers.${name}.${at}: ${normal[at]} is an address of the device itself.`,
        });
      }
      return [idOf(registry, name), normal];
    }),
  );
}

function idOf(registry: Registry, name: string): string {
  try {
    return serviceNamed(registry, name).id;
  } catch (error) {
    if (!(error instanceof FirewallError)) throw error;
    throw new FirewallError('INVALID_INPUT', { what: say`peers.${name}: there is no service with this name.` }, error);
  }
}
