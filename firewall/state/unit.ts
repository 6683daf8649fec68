import * as z from 'zod/mini';
import { CATALOGUE } from '../services/catalogue';

/** A systemd unit as it is or is to be: started at boot, and running now. */
const unitState = z.object({ enabled: z.boolean(), active: z.boolean() });
export type UnitState = z.infer<typeof unitState>;

/** What a change does to a unit. Only a service's own is ever started or stopped. */
export const unitChange = z.object({
  name: z
    .string()
    .check(z.refine((name) => CATALOGUE.some(({ unit }) => unit === name), 'must be a unit of a service')),
  from: unitState,
  to: unitState,
});
export type UnitChange = z.infer<typeof unitChange>;

/** The change that takes this one back. */
export const reversed = ({ name, from, to }: UnitChange): UnitChange => ({ name, from: to, to: from });
