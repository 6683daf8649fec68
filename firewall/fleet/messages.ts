/**
 * What operators and devices say to each other over a broker. `docs/fleet.schema.json` is made of these schemas. The agent
 * loads none of this: it is told the change and the order it belongs to.
 */
import * as z from 'zod';
import { phrase } from '../errors';
import {
  changeWebPortsRequest,
  confirmRequest,
  moment,
  readRequest,
  requestId,
  restoreRequest,
  setProfileRequest,
  state,
  toggleServiceRequest,
} from '../messages';

/** A request is valid for so long at most, in ms. */
const LONGEST_MS = 7 * 24 * 3600 * 1000;

const common = {
  id: requestId.meta({
    description:
      'Names the request, and no other one: the same id again is answered and not carried out a second time.',
  }),
  issued: moment.meta({
    description:
      'When the operator issued it, UTC. A device refuses a request that was issued no later than the last one it has carried out (SUPERSEDED), or more than two days ahead of its own clock.',
  }),
  expires: moment.meta({
    description:
      'Until when it may be carried out, UTC, by the device’s clock (EXPIRED): later than “issued”, by seven days at most.',
  }),
};

/**
 * The fields of the nodes of these names, with their defaults. What decides which way a change goes has none here: a request
 * that says nothing must not toggle SSH on a thousand devices.
 */
const action = z.discriminatedUnion('action', [
  z.strictObject({
    ...common,
    action: z.literal('set-profile'),
    request: setProfileRequest.extend({ profile: setProfileRequest.shape.profile.removeDefault() }),
  }),
  z.strictObject({
    ...common,
    action: z.literal('toggle-service'),
    request: toggleServiceRequest.extend({
      service: toggleServiceRequest.shape.service.removeDefault(),
      action: toggleServiceRequest.shape.action.removeDefault(),
    }),
  }),
  z.strictObject({ ...common, action: z.literal('change-web-ports'), request: changeWebPortsRequest }),
  z.strictObject({ ...common, action: z.literal('confirm-change'), request: confirmRequest.required() }),
  z.strictObject({
    ...common,
    action: z.literal('restore-firewall'),
    request: restoreRequest.extend({ action: restoreRequest.shape.action.removeDefault() }),
  }),
  z.strictObject({ ...common, action: z.literal('read-firewall'), request: readRequest.optional() }),
]);

/** What an operator asks of devices: the payload on `…/firewall/request`. */
export const fleetRequest = action.refine(
  ({ issued, expires }) => {
    const lasts = Date.parse(expires) - Date.parse(issued);
    return lasts > 0 && lasts <= LONGEST_MS;
  },
  { path: ['expires'], message: phrase`must be later than "issued", by seven days at most` },
);
export type FleetRequest = z.infer<typeof fleetRequest>;

export const FLEET_ACTIONS = action.options.map((option) => option.shape.action.value);

const pending = z
  .strictObject({
    id: z.string().meta({ description: 'The change that waits, for “confirm-change”.' }),
    action: z.string(),
    confirmBy: z.string().meta({ description: 'When it goes back, by the device’s clock.' }),
  })
  .nullable();

/** How a device is, in short: the rules of one may be thousands. */
const online = z.strictObject({
  online: z.literal(true),
  at: z.string().meta({ description: 'When the firewall was read, by the device’s clock.' }),
  version: z.string().meta({ description: 'The version of this package on the device.' }),
  active: state.shape.active.meta({ description: 'Whether the kernel filters.' }),
  profile: z.string().nullable().meta({ description: 'The profile that holds, or null where none does in full.' }),
  closest: z.string().meta({ description: 'The profile it is nearest to.' }),
  differences: z.int().meta({ description: 'How much differs from that.' }),
  inSync: state.shape.inSync.meta({ description: 'Whether the kernel holds what ufw’s files say.' }),
  pending,
  webPorts: state.shape.webPorts.unwrap().pick({ http: true, https: true, consistent: true }).nullable(),
  exposedInternal: state.shape.exposedInternal.meta({ description: 'Internal services that something lets in.' }),
  lastRequest: state.shape.lastRequest.meta({
    description:
      'The last request that was carried out; “undone” where the change it made was taken back since, by hand or because it was not confirmed.',
  }),
});

/** How a device is: the retained payload on `…/firewall/state`, and the device's last will. */
export const fleetState = z.discriminatedUnion('online', [online, z.strictObject({ online: z.literal(false) })]);
export type FleetState = z.infer<typeof online>;

/** How a request ended. */
export const fleetOutcome = z.enum(['changed', 'unchanged', 'dry-run', 'confirmed', 'repeated', 'read', 'failed']);
export type FleetOutcome = z.infer<typeof fleetOutcome>;

/** What a device answers: the payload on `…/firewall/result`. */
export const fleetResult = z.strictObject({
  id: z.string().nullable().meta({ description: 'The request’s; null where it has no valid one.' }),
  action: z.enum(FLEET_ACTIONS).nullable(),
  at: z.string().meta({ description: 'When it was answered, by the device’s clock.' }),
  outcome: fleetOutcome.meta({
    description:
      '“unchanged”: all was so already. “repeated”: it was the last request that was carried out, and was not again.',
  }),
  error: z
    .strictObject({ code: z.string(), message: z.string() })
    .nullable()
    .meta({ description: 'Why it failed; the codes are those of the nodes.' }),
  backup: z.string().nullable().meta({ description: 'The backup that “restore-firewall” takes the change back with.' }),
  pending: pending.meta({ description: 'The change waits to be confirmed; without that it goes back.' }),
  profile: z.string().nullable().meta({ description: 'The profile that holds now, or null.' }),
  warnings: z.array(z.string()),
  state: online.omit({ version: true }).nullable().meta({ description: 'With “read-firewall”.' }),
  durationMs: z.number(),
});
export type FleetResult = z.infer<typeof fleetResult>;
