/** What keeps the web pages from being reached although the site file and the rules are each in order. */
import { type Sentence, say } from '../errors';
import type { Snapshot } from './snapshot';

/** The vendor's own ports, which its rules come back to on a factory restore. */
export const FACTORY = { http: 80, https: 443 } as const;

/** What keeps the pages from being reached although file and rules are each in order. */
export function webProblems(
  snapshot: Snapshot,
  letsIn: (port: number) => boolean,
  nginxPorts: ReadonlySet<number> | null,
): Sentence[] {
  const ports = snapshot.web?.ports;
  if (!ports) return [];
  const problems = [...ports.problems];
  const { https } = ports;
  if (https !== null && !letsIn(https)) {
    problems.push(
      https === FACTORY.https || https === FACTORY.http
        ? say`The web pages cannot be reached: nginx serves them on port ${https}, but the firewall does not allow that port.`
        : say`The web pages cannot be reached: nginx serves them on port ${https}, but the firewall does not allow that port. Repair fixes it.`,
    );
  }
  for (const kind of ['http', 'https'] as const) {
    const port: number = FACTORY[kind];
    const own = ports[kind];
    if (own !== null && own !== port && letsIn(port)) {
      problems.push(
        say`The firewall allows port ${port}, which serves no page: nginx serves ${kind.toUpperCase()} on port ${own}. Repair closes it.`,
      );
    }
  }
  if (nginxPorts && nginxPorts.size > 0) {
    for (const port of [ports.http, ports.https]) {
      if (port !== null && !nginxPorts.has(port)) {
        problems.push(
          say`nginx does not listen on port ${port}, contrary to its site file: reload it (sudo nginx -s reload).`,
        );
      }
    }
  }
  return problems;
}
