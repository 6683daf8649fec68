/**
 * Power lost in the midst of what changes no rule itself – a confirmation, a schedule that is registered, overridden or
 * removed: afterwards it holds and is in the ledger, or neither.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { before, it } from 'mocha';
import { requestOf, setUp } from '../agent/as-apollo';
import { useShared } from '../device/suite';
import { powerCutAtStep } from '../device/systemd/power';
import { describeAsRoot, useSystemdDevice } from '../device/systemd/suite';
import { ledgerOf } from './ledger-of';
import { everything, reset, STATE } from './stable';
import { STRIDE } from './stride';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const SSH = {
  ...{ id: 'night', name: 'SSH by day', subject: { kind: 'services', services: ['ssh'] } },
  calendar: { hours: [{ days: DAYS, from: '00:00', to: '23:59' }], timeZone: 'UTC' },
};
type Asked = readonly [method: string, request: unknown];
const REGISTERED: Asked = ['schedule', SSH];
interface Cut {
  name: string;
  /** Made before, in peace. */
  first: Asked | null;
  change: Asked;
  /** As the ledger has it. */
  action: string;
  holds(): Promise<boolean>;
}

/** They make their steps in the same code, so each tries others of them. */
const EACH = STRIDE + 1;

describeAsRoot('Power lost in the midst of', function () {
  this.timeout(1_200_000);
  const device = useSystemdDevice();
  before(() => setUp(device));
  const factory = useShared(() => everything(device));

  const program = (): string => join(device.packageFolder, 'dist/agent/agent.js');
  const make = async ([method, request]: Asked) => {
    const { code, stdout } = await device.run([device.node, program()], { input: requestOf(method, request) });
    assert.equal(code, 0, stdout);
  };
  /** The schedule, as it is kept: an empty file is as good as none. */
  const standing = async (): Promise<{ override: unknown } | undefined> => {
    const path = `${STATE}/schedule.json`;
    const text = (await device.exists(path)) ? await device.read(path) : '';
    return text === '' ? undefined : JSON.parse(text).schedules?.[0];
  };
  const probe = async () => (await device.neighbour.probe([{ proto: 'tcp', port: 9100, family: 'ipv4' }]))[0];

  const cuts: readonly Cut[] = [
    {
      name: 'a confirmation',
      first: ['toggleService', { service: '9100/tcp', action: 'open', confirmWithin: 3600 }],
      ...{ change: ['confirm', {}], action: 'confirm toggle-service open 9100/tcp' },
      holds: async () => (await probe()) === 'in',
    },
    {
      ...{ name: 'a schedule’s registration', first: null, change: REGISTERED },
      ...{ action: 'schedule SSH by day (night)', holds: async () => (await standing()) !== undefined },
    },
    {
      ...{ name: 'a schedule’s override', first: REGISTERED },
      ...{ change: ['override', { id: 'night', action: 'open' }], action: 'schedule SSH by day (night): open by hand' },
      holds: async () => (await standing())?.override !== null,
    },
    {
      ...{ name: 'a schedule’s removal', first: REGISTERED, change: ['unschedule', { id: 'night' }] },
      ...{ action: 'schedule SSH by day (night) removed', holds: async () => (await standing()) === undefined },
    },
  ];

  for (const [at, { name, first, change, action, holds }] of cuts.entries()) {
    it(`${name} leaves it with its entry, or neither`, async () => {
      const outcomes = { gone: 0, held: 0 };
      for (let step = 1 + (at % EACH); ; step += EACH) {
        await reset(device, factory);
        // There is a state folder, and a ledger, in each case.
        await make(first ?? ['toggleService', { service: '9200/tcp', action: 'open' }]);
        const input = requestOf(...change);
        if (!(await powerCutAtStep(device, [program()], step, { input }))) break;
        await device.boot();
        const isHeld = await holds();
        const entries = await ledgerOf(device);
        const taken = entries.filter(({ type }) => type === 'interrupted').map(({ id }) => id);
        const entered = entries.filter((one) => one.action === action && one.type !== 'interrupted');
        const standing = entered.filter(({ id }) => !taken.includes(id));
        assert.equal(standing.length, isHeld ? 1 : 0, `cut before step ${step}: ${JSON.stringify(entries.slice(-3))}`);
        assert.equal(await device.exists(`${STATE}/journal.json`), false, `cut before step ${step}`);
        assert.equal(await device.ok('find', '/var/lib', '-name', '*smartserver-new*'), '', `cut before step ${step}`);
        outcomes[isHeld ? 'held' : 'gone']++;
      }
      assert.ok(outcomes.gone > 0 && outcomes.held > 0, JSON.stringify(outcomes));
      console.log(`      ${outcomes.gone + outcomes.held} power cuts: ${JSON.stringify(outcomes)}`);
    });
  }
});
