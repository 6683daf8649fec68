/** A device in short, for an operator of many. It needs no schema, so nodes that load it do not wait for one. */
import type { State } from '../results';
import type { FleetState } from './answer';

/** What of a state goes over the wire. */
export function summaryOf(state: State): Omit<FleetState, 'version'> {
  const { readAt, active, profile, inSync, pending, webPorts, exposedInternal, lastRequest, operatorKeys, ledger } =
    state;
  return {
    ...{ online: true, at: readAt, active, profile: profile.name, closest: profile.closest },
    differences: profile.differences.length,
    ...{ inSync, pending, exposedInternal, lastRequest, operatorKeys, ledger },
    webPorts: webPorts && { http: webPorts.http, https: webPorts.https, consistent: webPorts.consistent },
  };
}

/** What a device publishes of itself. @param version of this package */
export const fleetStateOf = (state: State, version: string): FleetState => ({ ...summaryOf(state), version });
