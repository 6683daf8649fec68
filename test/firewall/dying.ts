/** The changes that death.test.ts ends at every step. The test runner gives each a process of its own. */
import type { Engine } from '../device/engine';

export type Change = (engine: Engine) => Promise<unknown>;

export const DYING: readonly (readonly [name: string, change: Change])[] = [
  ['toggle-service', (engine) => engine.toggleService({ action: 'close' })],
  ['set-profile', (engine) => engine.setProfile({ profile: 'standard', optionalServices: 'open' })],
  ['change-web-ports', (engine) => engine.changeWebPorts({ http: 1780, https: 1443 })],
  [
    'change-web-ports, keeping the old ones',
    (engine) => engine.changeWebPorts({ http: 1780, https: 1443, keepOldOpen: 3600 }),
  ],
];
