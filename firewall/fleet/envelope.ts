/**
 * What an operator asks of devices over a broker. `docs/fleet.schema.json` is made of this and of results.ts. The agent loads
 * none of it: it receives the change, and its place in the order.
 */
import * as z from 'zod/mini';
import { phrase } from '../errors';
import {
  changeWebPortsRequest,
  confirmRequest,
  moment,
  name,
  requestId,
  restoreRequest,
  setProfileRequest,
  toggleServiceRequest,
} from '../messages';

/** No request comes near this size, in bytes. */
export const MAX_ENVELOPE = 64 * 1024;
/** A request is valid for so long at most, in ms. */
const LONGEST_MS = 7 * 24 * 3600 * 1000;

/** All devices, those of a group, or one. */
const recipient = z
  .string()
  .check(z.regex(/^(all|(group|device)\/[A-Za-z0-9._-]{1,64})$/, phrase`must be all, group/NAME or device/NAME`));

const common = {
  to: z.optional(
    recipient.check(
      z.describe(
        'Whom a signed request is for: all, group/NAME or device/NAME. Others refuse it (NOT_SIGNED). Not looked at in a request that need not be signed.',
      ),
    ),
  ),
  id: requestId.check(
    z.describe('Identifies the request uniquely: a repeated id is answered, but not carried out a second time.'),
  ),
  issued: moment.check(
    z.describe(
      'When the operator issued it, UTC. A device refuses a request issued no later than the last one it has carried out (SUPERSEDED), or more than two days ahead of its own clock.',
    ),
  ),
  expires: moment.check(
    z.describe('When it expires, UTC, by the device’s clock (EXPIRED): later than “issued”, by at most seven days.'),
  ),
};

const withoutDefault = <Inner extends z.core.SomeType>({ def }: z.ZodMiniDefault<Inner>): Inner => def.innerType;

/**
 * The fields of the nodes of these names, with their defaults. What decides which way a change goes has none here: a request
 * that says nothing must not toggle SSH on a thousand devices.
 */
const action = z.discriminatedUnion('action', [
  z.strictObject({
    ...common,
    action: z.literal('set-profile'),
    request: z.extend(setProfileRequest, { profile: withoutDefault(setProfileRequest.shape.profile) }),
  }),
  z.strictObject({
    ...common,
    action: z.literal('toggle-service'),
    request: z.extend(toggleServiceRequest, {
      service: withoutDefault(toggleServiceRequest.shape.service),
      action: withoutDefault(toggleServiceRequest.shape.action),
    }),
  }),
  z.strictObject({ ...common, action: z.literal('change-web-ports'), request: changeWebPortsRequest }),
  z.strictObject({ ...common, action: z.literal('confirm-change'), request: z.required(confirmRequest, { id: true }) }),
  z.strictObject({
    ...common,
    action: z.literal('restore-firewall'),
    request: z.extend(restoreRequest, { action: withoutDefault(restoreRequest.shape.action) }),
  }),
  z.strictObject({ ...common, action: z.literal('read-firewall'), request: z.optional(z.strictObject({})) }),
]);

/** What an operator asks of devices: the payload on `…/firewall/request`. */
export const fleetRequest = action.check(
  z.refine(
    ({ issued, expires }) => {
      const lasts = Date.parse(expires) - Date.parse(issued);
      return lasts > 0 && lasts <= LONGEST_MS;
    },
    { path: ['expires'], message: phrase`must be later than "issued", by at most seven days` },
  ),
);
export type FleetRequest = z.infer<typeof fleetRequest>;

/** Base64 has several texts for the same bytes; only one of them is taken. */
const isSignature = (text: string): boolean =>
  text.length === 88 && Buffer.from(text, 'base64').toString('base64') === text;

/** A request that an operator has signed: it says the same, and nobody else can have said it. */
export const signedRequest = z.strictObject({
  signed: z
    .string()
    .check(
      z.maxLength(MAX_ENVELOPE),
      z.describe('The text of a request, as JSON, with “to”: the bytes that are signed, in UTF-8.'),
    ),
  key: name.check(z.describe('The name of the key, as in the configuration of the devices.')),
  signature: z
    .string()
    .check(z.refine(isSignature), z.describe('The Ed25519 signature of these bytes (RFC 8032), in base64.')),
});
export type SignedRequest = z.infer<typeof signedRequest>;

export const FLEET_ACTIONS = action.def.options.flatMap(({ shape }) => shape.action.def.values);
