/** The changes that death.test.ts ends at every step. The test runner gives each a process of its own. */
import { type Engine, EngineError } from '../device/engine';

export type Change = (engine: Engine) => Promise<unknown>;

const HOUR = 3_600_000;
const now = Date.now();
/** An operator's request; it is written down in the same transaction that carries it out. */
const ORDER = {
  ...{ id: 'request-1', issued: new Date(now).toISOString(), expires: new Date(now + 24 * HOUR).toISOString() },
  ...{ action: 'toggle-service', request: { service: 'ssh', action: 'close' } },
};

export const DYING: readonly (readonly [name: string, change: Change])[] = [
  [
    'a change for a while, to be confirmed',
    (engine) => engine.toggleService({ service: '9100/tcp', action: 'open', duration: 3600, confirmWithin: 3600 }),
  ],
  [
    'toggle-service, as an operator asks for it',
    async (engine) => {
      const { error } = await engine.fleet(ORDER);
      if (error) throw new EngineError(error.code, error.message);
    },
  ],
  ['set-profile', (engine) => engine.setProfile({ profile: 'standard', optionalServices: 'open' })],
  ['change-web-ports', (engine) => engine.changeWebPorts({ http: 1780, https: 1443 })],
  [
    'change-web-ports, keeping the old ones',
    (engine) => engine.changeWebPorts({ http: 1780, https: 1443, keepOldOpen: 3600 }),
  ],
];
