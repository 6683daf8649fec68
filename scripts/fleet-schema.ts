/** `npm run schema`: writes docs/fleet.schema.json, the JSON Schema of the messages between operators and devices. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { fleetResult, fleetState } from '../firewall/fleet/answer';
import { fleetRequest } from '../firewall/fleet/envelope';

/** Its path; checked in, and part of the package. */
export const PATH = resolve(__dirname, '..', '..', 'docs', 'fleet.schema.json');

/** The file's text. */
export function fleetSchema(): string {
  const parts = {
    request: definition(
      fleetRequest,
      'input',
      'Request',
      'A request from an operator to devices: on …/firewall/request.',
    ),
    result: definition(fleetResult, 'output', 'Result', 'The response of a device: on …/firewall/result.'),
    state: definition(
      fleetState,
      'output',
      'State',
      'The state of a device: retained on …/firewall/state, and its last will.',
    ),
  };
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:smartserver:node-red-firewall:fleet',
    title: 'Firewall of a fleet of SmartServers',
    description: 'The messages between an operator and the node fleet-request on the devices. Each is one of these.',
    oneOf: Object.keys(parts).map((name) => ({ $ref: `#/$defs/${name}` })),
    $defs: parts,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** @param io which side of the schema: optional properties are always present once parsed */
function definition(schema: z.core.$ZodType, io: 'input' | 'output', title: string, description: string): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, override: withDefault });
  return { title, description, ...rest };
}

/** A default is one of the input too, where other forms of it are understood. */
function withDefault({
  zodSchema,
  jsonSchema,
}: Parameters<NonNullable<z.core.ToJSONSchemaParams['override']>>[0]): void {
  const { def } = zodSchema._zod;
  if (def.type === 'default') jsonSchema.default = def.defaultValue as typeof jsonSchema.default;
}

if (require.main === module) writeFileSync(PATH, fleetSchema());
