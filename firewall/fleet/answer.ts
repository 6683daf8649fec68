/** What devices answer, and publish of themselves. As in ../results.ts, nothing that runs on the device loads this. */
import * as z from 'zod';
import { state } from '../results';
import { FLEET_ACTIONS } from './envelope';

const pending = z
  .strictObject({
    id: z.string().meta({ description: 'The pending change, for “confirm-change”.' }),
    action: z.string(),
    confirmBy: z.string().meta({ description: 'When it is reverted, by the device’s clock.' }),
  })
  .nullable();

/** How a device is, in short: the rules of one may be thousands. */
const online = z.strictObject({
  online: z.literal(true),
  at: z.string().meta({ description: 'When the firewall was read, by the device’s clock.' }),
  version: z.string().meta({ description: 'The version of this package on the device.' }),
  active: state.shape.active.meta({ description: 'Whether the kernel filters.' }),
  profile: z
    .string()
    .nullable()
    .meta({ description: 'The profile that the firewall matches, or null if it matches none completely.' }),
  closest: z.string().meta({ description: 'The most similar profile.' }),
  differences: z.int().meta({ description: 'The number of differences from it.' }),
  inSync: state.shape.inSync.meta({ description: 'Whether the rules in the kernel match ufw’s files.' }),
  pending,
  webPorts: state.shape.webPorts.unwrap().pick({ http: true, https: true, consistent: true }).nullable(),
  exposedInternal: state.shape.exposedInternal.meta({ description: 'Internal services reachable from outside.' }),
  group: z.string().max(64).optional().meta({
    description: 'The group whose requests it takes, if its flow sets one; “read-firewall” does not know it.',
  }),
  lastRequest: state.shape.lastRequest.meta({
    description:
      'The last request carried out; “undone” if its change has since been undone, by hand or because it was not confirmed; “key”: the name of the key that had signed it, or null.',
  }),
  operatorKeys: state.shape.operatorKeys.meta({
    description:
      'The names of the keys of which one has to have signed a request; none: whoever may publish requests controls the firewall.',
  }),
  ledger: state.shape.ledger.meta({
    description:
      'The number and the hash of the last entry in the device’s ledger, or null if there is none. The number never falls, and one number never has two hashes, unless the ledger was cut or rewritten.',
  }),
});

/** How a device is: the retained payload on `…/firewall/state`, and the device's last will. */
export const fleetState = z.discriminatedUnion('online', [online, z.strictObject({ online: z.literal(false) })]);
export type FleetState = z.infer<typeof online>;

/** How a request ended. */
const fleetOutcome = z.enum(['changed', 'unchanged', 'dry-run', 'confirmed', 'repeated', 'read', 'failed']);

/** What a device answers: the payload on `…/firewall/result`. */
export const fleetResult = z.strictObject({
  id: z.string().nullable().meta({ description: 'That of the request; null if it has no valid one.' }),
  action: z.enum(FLEET_ACTIONS).nullable(),
  at: z.string().meta({ description: 'When it was answered, by the device’s clock.' }),
  outcome: fleetOutcome.meta({
    description:
      '“unchanged”: everything was already as requested. “repeated”: it was the last request carried out, and was not carried out again.',
  }),
  error: z
    .strictObject({ code: z.string(), message: z.string() })
    .nullable()
    .meta({ description: 'Why it failed; the codes are those of the nodes.' }),
  backup: z.string().nullable().meta({ description: 'The backup with which “restore-firewall” undoes the change.' }),
  pending: pending.meta({ description: 'The change has to be confirmed; otherwise it is reverted.' }),
  profile: z.string().nullable().meta({ description: 'The profile now in effect, or null.' }),
  warnings: z.array(z.string()),
  state: online.omit({ version: true }).nullable().meta({ description: 'With “read-firewall”.' }),
  durationMs: z.number(),
});
export type FleetResult = z.infer<typeof fleetResult>;
