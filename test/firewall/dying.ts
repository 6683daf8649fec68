/** The changes that death.test.ts ends at every step. The test runner gives each a process of its own. */
import { type Engine, EngineError } from '../device/engine';

type Change = (engine: Engine) => Promise<unknown>;

const HOUR = 3_600_000;
const now = Date.now();
/** An operator's request; it is written down in the same transaction that carries it out. */
const ORDER = {
  ...{ id: 'request-1', issued: new Date(now).toISOString(), expires: new Date(now + 24 * HOUR).toISOString() },
  ...{ action: 'toggle-service', request: { service: 'ssh', action: 'close' } },
};

interface Dying {
  name: string;
  change: Change;
  /**
   * When it dies: before each step, or right after it. The latter differs only where steps are made at the same time, and
   * each kind of change makes them in the same transaction.
   */
  moments: readonly ('kill' | 'kill-after')[];
}

export const DYING: readonly Dying[] = [
  {
    name: 'a change for a while, to be confirmed',
    change: (engine) =>
      engine.toggleService({ service: '9100/tcp', action: 'open', duration: 3600, confirmWithin: 3600 }),
    moments: ['kill', 'kill-after'],
  },
  {
    name: 'toggle-service, as an operator asks for it',
    change: async (engine) => {
      const { error } = await engine.fleet(ORDER);
      if (error) throw new EngineError(error.code, error.message);
    },
    moments: ['kill'],
  },
  {
    name: 'set-profile',
    change: (engine) => engine.setProfile({ profile: 'standard', optionalServices: 'open' }),
    moments: ['kill'],
  },
  {
    name: 'change-web-ports, keeping the old ones',
    change: (engine) => engine.changeWebPorts({ http: 1780, https: 1443, keepOldOpen: 3600 }),
    moments: ['kill', 'kill-after'],
  },
];
