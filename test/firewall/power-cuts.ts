/** The changes in whose midst power-cut.test.ts takes the power away. The test runner gives each a process of its own. */
interface Request {
  method: string;
  request: unknown;
}

export interface PowerCut {
  name: string;
  /** Made before, in peace. */
  first?: Request;
  change: Request;
}

const toggle = (request: unknown): Request => ({ method: 'toggleService', request });

export const POWER_CUTS: readonly PowerCut[] = [
  { name: 'toggle-service', change: toggle({ action: 'close' }) },
  { name: 'toggle-service for a while', change: toggle({ service: '9100/tcp', action: 'open', duration: 3600 }) },
  { name: 'set-profile', change: { method: 'setProfile', request: { profile: 'standard', optionalServices: 'open' } } },
  { name: 'change-web-ports', change: { method: 'changeWebPorts', request: { http: 1780, https: 1443 } } },
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
