/**
 * Who gets in to what, as the report says it, held against packets: random rulesets on a device, and a neighbour who tries
 * everything. Whoever gets in must be among those who are said to, and who is said to get in to all of a service does.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ownRules } from '../../../firewall/report-page/rule-ports';
import type { Evidence, RuleReport, ServiceReport, State, Who } from '../../../firewall/results';
import type { Family } from '../../../firewall/rules/rule';
import { covers } from '../../../firewall/services/registry';
import { addressSet, holds } from '../../../firewall/verdicts/boxes';
import { POLICY_OF } from '../../../firewall/verdicts/openness';
import { useDevice, useEngine } from '../../device/suite';
import { SEED } from '../../seed';
import { answersTo, PROBES, type Probe } from '../verdicts/held-against-probes';
import type { Way } from '../verdicts/random-rules';
import { useRandomRulesets } from '../verdicts/random-rulesets';

const RULESETS = Number(process.env.REPORT_RULESETS ?? 8);

/** Besides the vendor's: one of several ports, one of both protocols, and one that nobody else has. */
const customServices = [
  { id: 'two', label: 'Two', ports: ['22/udp', '80/udp'], direction: 'both' as const },
  { id: 'any', label: 'Any', ports: ['2200'], direction: 'both' as const },
];

/** What the report says of a packet: whether it gets through; null where it leaves that to the rules. */
type Saying = { is: boolean | null; kind: Who['kind']; why: string };

const isIn = (places: Who['only'], { family, interface: on }: Probe, far: string): boolean =>
  places.some(
    ({ address, through }) => (through === '' || through === on) && (address === '' || within(address, far, family)),
  );

const within = (subnet: string, address: string, family: Family): boolean =>
  subnet.includes(':') === (family === 'ipv6') && holds(addressSet(subnet, family), addressSet(address, family));

/** Where a packet comes from, or goes to. */
const farEnd = ({ host, localAddress }: Probe, way: Way): string => (way === 'in' ? localAddress : host);

function saidOf(service: ServiceReport, probe: Probe, way: Way, who: Evidence['who']): Saying {
  const told = who[service.id]?.[way];
  assert.ok(told);
  const { kind, only, except, isLimited } = told;
  const why = `${service.id}: ${JSON.stringify({ kind, only, except, isLimited })}`;
  const far = farEnd(probe, way);
  const isOutside = isIn(except, probe, far) || (kind === 'some' && !isIn(only, probe, far));
  if (kind === 'nobody' || (kind !== 'unclear' && isOutside)) return { is: false, kind, why };
  return { is: kind === 'unclear' || isLimited ? null : true, kind, why };
}

/** Whether the report shows that such a packet may get through although it is for no service. */
function isShown(probe: Probe, way: Way, state: State): boolean {
  const { active, inSync, otherOwners, policies, unreadable } = state;
  if (!active || policies[POLICY_OF[way]] === 'allow') return true;
  const elsewhere = !inSync || otherOwners.length > 0 || unreadable.length > 0;
  return elsewhere || ownRules(state, way).some((rule) => lets(rule, probe, way));
}

function lets(rule: RuleReport, probe: Probe, way: Way): boolean {
  const { address } = way === 'in' ? rule.from : rule.to;
  const ports = rule.to.port === 'any' ? ['0:65535'] : rule.to.port.split(',');
  const specs = ports.map((port) => (rule.protocol === 'any' ? port : `${port}/${rule.protocol}`));
  return (
    rule.family === probe.family &&
    specs.some((spec) => covers(spec, `${probe.port}/${probe.proto}`)) &&
    isIn([{ address, through: rule.interface ?? '' }], probe, farEnd(probe, way))
  );
}

/** What is reached by the device's own tunnel is nobody's service, see services/about.ts. */
const probesOf = (way: Way): Probe[] => PROBES(way).filter((one) => one.interface !== 'ip70');

describe('Who gets in to what, as the report says it,', function () {
  this.timeout(120_000);
  const device = useDevice();
  const engine = useEngine(device, { customServices });
  const rulesets = useRandomRulesets(device, 'nft');
  /** Packets of whom nobody, everybody, or not this one gets through; of whom it is left open; and for no service. */
  const count = { nobody: 0, everybody: 0, outside: 0, open: 0, others: 0 };

  for (const seed of Array.from({ length: RULESETS }, (_, at) => SEED + at)) {
    it(`is so for every packet of a neighbour, seed ${seed}`, async () => {
      const { way, said } = await rulesets.make(seed);
      const { state, who } = await engine.evidence();
      const probes = probesOf(way);
      const sayings = probes.map((probe): Saying[] => {
        const spec = `${probe.port}/${probe.proto}`;
        const about = state.services.filter(({ ports }) => ports.some((port) => covers(port, spec)));
        return about.map((service) => saidOf(service, probe, way, who));
      });
      const isWrong = (index: number, answer: boolean): boolean => {
        const about = sayings[index] as Saying[];
        if (about.length === 0) return answer && !isShown(probes[index] as Probe, way, state);
        return about.some(({ is }) => is !== null && is !== answer);
      };
      const answers = await answersTo(device, way, probes, isWrong);
      for (const [index, probe] of probes.entries()) {
        const about = sayings[index] as Saying[];
        const answer = answers[index] as boolean;
        const told = about.map(({ why }) => why).join('; ') || 'no service';
        const message = `${said}\n${way} ${JSON.stringify(probe)} ${answer ? 'gets through' : 'does not get through'}; ${told}`;
        assert.ok(!isWrong(index, answer), message);
        if (about.length === 0) count.others++;
        for (const { is, kind } of about) {
          if (is === null) count.open++;
          else if (is) count.everybody++;
          else count[kind === 'nobody' ? 'nobody' : 'outside']++;
        }
      }
    });
  }

  it('and much of it is told', () => {
    const { nobody, everybody, outside, open } = count;
    assert.ok(nobody > 0 && everybody > 0 && outside > 0, JSON.stringify(count));
    assert.ok(3 * (nobody + everybody + outside) > open, JSON.stringify(count));
  });
});
