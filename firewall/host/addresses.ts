/** The addresses that this device itself has. */
import { networkInterfaces } from 'node:os';
import type { InterfaceAddress } from '../peers/samples';
import { normalAddress } from '../rules/address';

export const ownAddresses = (): InterfaceAddress[] =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ address, cidr }) =>
      cidr === null ? [] : [{ name, address: normalAddress(address.split('%')[0] ?? ''), cidr }],
    ),
  );
