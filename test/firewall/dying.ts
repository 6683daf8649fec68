/** The changes that death.test.ts ends at every step. The test runner gives each a process of its own. */
import type { Engine } from '../device/engine';

export type Change = (engine: Engine) => Promise<unknown>;

export const DYING: readonly (readonly [name: string, change: Change])[] = [
  [
    'a change for a while, to be confirmed',
    (engine) => engine.toggleService({ service: '9100/tcp', action: 'open', duration: 3600, confirmWithin: 3600 }),
  ],
  ['toggle-service', (engine) => engine.toggleService({ action: 'close' })],
  ['set-profile', (engine) => engine.setProfile({ profile: 'standard', optionalServices: 'open' })],
  ['change-web-ports', (engine) => engine.changeWebPorts({ http: 1780, https: 1443 })],
  [
    'change-web-ports, keeping the old ones',
    (engine) => engine.changeWebPorts({ http: 1780, https: 1443, keepOldOpen: 3600 }),
  ],
];
