/** `npm run schema`: writes docs/fleet.schema.json, the JSON Schema of what operators and devices say to each other. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { fleetResult, fleetState } from '../firewall/fleet/answer';
import { fleetRequest } from '../firewall/fleet/envelope';

/** Where it lies; checked in, and part of the package. */
export const PATH = resolve(__dirname, '..', '..', 'docs', 'fleet.schema.json');

/** The file's text. */
export function fleetSchema(): string {
  const parts = {
    request: definition(fleetRequest, 'input', 'Request', 'What an operator asks of devices: on …/firewall/request.'),
    result: definition(fleetResult, 'output', 'Result', 'What a device answers: on …/firewall/result.'),
    state: definition(
      fleetState,
      'output',
      'State',
      'How a device is: retained on …/firewall/state, and its last will.',
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

/** @param io which side of the schema: what may be left out is there when it has been read */
function definition(schema: z.core.$ZodType, io: 'input' | 'output', title: string, description: string): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io });
  return { title, description, ...rest };
}

if (require.main === module) writeFileSync(PATH, fleetSchema());
