/** A thousand alarms a second: one lockdown, and a Node-RED that continues its other work. STORM_SECONDS: how long. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import { quantile } from '../../bench/figures';
import { Engine } from '../device/engine';
import { type Storm, StormySite } from '../device/storm';
import { useDevice } from '../device/suite';

const SECONDS = Number(process.env.STORM_SECONDS ?? 6);
const PER_SECOND = 1000;
/** How much heap a storm may leave behind, in MB. */
const MOST_LEFT = 15;
/** How much larger the process may be late in a storm than early on: not all garbage is collected at once. */
const MOST_GROWTH = 3;

describe('A storm of alarms', function () {
  this.timeout(120_000 + SECONDS * 10_000);
  const device = useDevice();
  let storm: Storm;

  before(async () => {
    const site = await StormySite.start(device);
    storm = await site.storm({ seconds: SECONDS, perSecond: PER_SECOND });
    const [p50, p99] = [quantile(storm.ms, 0.5), quantile(storm.ms, 0.99)];
    const summary = `${storm.received} of ${storm.published} alarms received, page p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
    process.stdout.write(`    ${summary}, longest block ${storm.blockMs.toFixed(1)} ms\n`);
  });

  it('makes one change and one backup, and locks the device down', async () => {
    assert.equal(storm.published, SECONDS * PER_SECOND);
    assert.equal(storm.changes.length, 1);
    const engine = await Engine.start(device);
    const backups = await engine.backups();
    assert.deepEqual(
      backups.map(({ id }) => id),
      storm.changes,
    );
    assert.equal((await engine.read()).profile.name, 'lockdown');
    await engine.stop();
    const answers = await device.neighbour.probe([22, 443].map((port) => ({ proto: 'tcp', port, family: 'ipv4' })));
    assert.deepEqual(answers, ['filtered', 'in']);
  });

  it('gets a response to each alarm that reaches the flow, and none is refused', () => {
    assert.deepEqual([storm.answered, storm.refused], [storm.received, 0]);
    // The broker drops what its own queue has no room for.
    assert.ok(storm.received > storm.published / 2, `${storm.received} of ${storm.published}`);
  });

  it('leaves a short queue', () => {
    // One of each kind: the alarms' own, and what the watch, the editor and the start ask for meanwhile.
    assert.ok(storm.waiting <= 8, `${storm.waiting}`);
  });

  it('leaves no visitor of a page without a response', () => {
    assert.ok(storm.ms.length > SECONDS * 10, `${storm.ms.length} answers`);
    assert.equal(storm.failed, 0);
  });

  it('leaves no memory behind', () => {
    const { before: first, early, late, after: last } = storm.gauges;
    assert.ok(last.heap < first.heap + MOST_LEFT, `${first.heap} MB before, ${last.heap} MB after`);
    assert.ok(late.rss < early.rss * MOST_GROWTH, `${early.rss} MB early, ${late.rss} MB late`);
  });
});
