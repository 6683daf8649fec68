/** What keeps the web pages from being reached although the site file and the rules are each in order. */
import { ANY_SCOPE } from '../services/profiles';
import { chainFor, opennessOf, regionOf } from '../verdicts/openness';
import type { Snapshot } from './snapshot';

/** The vendor's own ports, which its rules come back to on a factory restore. */
export const FACTORY = { http: 80, https: 443 } as const;

/** Whether the rules let anybody in to a TCP port, by either family. */
export function letsIn(snapshot: Snapshot, port: number): boolean {
  return snapshot.families.some(({ family, rules }) => {
    const chain = chainFor(rules, snapshot.settings.policies, 'in');
    return opennessOf([regionOf(family, 'in', `${port}/tcp`, ANY_SCOPE)], chain) !== 'closed';
  });
}

/** What keeps the pages from being reached although file and rules are each in order, in sentences. */
export function webProblems(snapshot: Snapshot, nginxPorts: ReadonlySet<number> | null): string[] {
  const ports = snapshot.web?.ports;
  if (!ports) return [];
  const problems = [...ports.problems];
  const said = (port: number): string => (port === FACTORY.https || port === FACTORY.http ? '' : ' Repair mends it.');
  if (ports.https !== null && !letsIn(snapshot, ports.https)) {
    problems.push(
      `The web pages cannot be reached: nginx serves them on port ${ports.https}, and the firewall lets nothing in there.${said(ports.https)}`,
    );
  }
  for (const kind of ['http', 'https'] as const) {
    const port: number = FACTORY[kind];
    const own = ports[kind];
    if (own !== null && own !== port && letsIn(snapshot, port)) {
      problems.push(
        `The firewall lets port ${port} in, where no page is: nginx serves ${kind.toUpperCase()} on port ${own}. Repair closes it.`,
      );
    }
  }
  if (nginxPorts && nginxPorts.size > 0) {
    for (const port of [ports.http, ports.https]) {
      if (port !== null && !nginxPorts.has(port)) {
        problems.push(
          `nginx does not listen on port ${port}, although its site file says so: reload it (sudo nginx -s reload).`,
        );
      }
    }
  }
  return problems;
}
