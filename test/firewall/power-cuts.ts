/** The changes in whose midst power-cut.test.ts takes the power away. The test runner gives each a process of its own. */
interface Request {
  method: string;
  request: unknown;
  /** The operator's request it belongs to. */
  order?: { id: string; issued: string; expires: string };
}

export interface PowerCut {
  name: string;
  /** Made before, in peace. */
  first?: Request;
  change: Request;
}

const toggle = (request: unknown): Request => ({ method: 'toggleService', request });

const HOUR = 3_600_000;
const now = Date.now();
const ORDER = {
  id: 'request-1',
  issued: new Date(now).toISOString(),
  expires: new Date(now + 24 * HOUR).toISOString(),
};

export const POWER_CUTS: readonly PowerCut[] = [
  { name: 'toggle-service, as an operator asks for it', change: { ...toggle({ action: 'close' }), order: ORDER } },
  { name: 'toggle-service for a while', change: toggle({ service: '9100/tcp', action: 'open', duration: 3600 }) },
  { name: 'set-profile', change: { method: 'setProfile', request: { profile: 'standard', optionalServices: 'open' } } },
  {
    name: 'change-web-ports, keeping the old ones',
    change: { method: 'changeWebPorts', request: { http: 1780, https: 1443, keepOldOpen: 3600 } },
  },
  { name: 'undo', first: toggle({ action: 'close' }), change: { method: 'restore', request: { action: 'undo' } } },
  {
    name: 'a change to be confirmed',
    change: { method: 'changeWebPorts', request: { http: 1780, https: 1443, confirmWithin: 3600 } },
  },
];
