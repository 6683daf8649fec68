/** A change that dies or fails at any of its steps: what was there before is there again, or what was wanted is, entirely. */
import { strict as assert } from 'node:assert';
import { before, describe, it } from 'mocha';
import type { State } from '../../firewall/results';
import { Engine, type EngineError } from '../device/engine';
import { useDevice, useShared } from '../device/suite';
import { DYING } from './dying';
import { assertEntriesAgree } from './ledger-of';
import { assertReloadChangesNothing, everythingAndSite, reset, STATE } from './stable';
import { firstStep, STRIDE } from './stride';

/** How a disk fails, and what that is called. */
const DISK_CODES = [
  ['ENOSPC', 'INTERNAL'],
  ['EROFS', 'NOT_PERMITTED'],
  ['EIO', 'INTERNAL'],
] as const;
/** In how many of these ways the disk fails at each step; they take turns, differently for each change. */
const DISK_FAILURES = Number(process.env.DISK_FAILURES ?? 1);

describe('A change that dies at any step', function () {
  this.timeout(1_800_000);
  const device = useDevice();
  before(() => device.startNginx());
  const old = useShared(() => everythingAndSite(device));

  const state = (): Promise<Record<string, string>> => everythingAndSite(device);
  const dead = (engine: Engine) => engine.process.exited.then(({ signal }) => signal);

  for (const [at, { name, change, moments }] of DYING.entries()) {
    describe(name, () => {
      let steps = 0;
      let wanted: Record<string, string>;
      /** What is remembered of an operator's request, if it was one. */
      let carriedOut: State['lastRequest'];

      before(async () => {
        const engine = await Engine.start(device, {}, { env: { STEP: '0' } });
        await change(engine);
        steps = engine.steps;
        carriedOut = (await engine.read()).lastRequest;
        await engine.stop();
        wanted = await state();
        await reset(device, old);
        assert.ok(steps > 15, `${steps} steps`);
      });

      for (const [way, moment] of moments.entries()) {
        it(`leaves the old or the new state, and pages that answer (${moment})`, async () => {
          const outcomes = { old: 0, new: 0 };
          for (let step = firstStep(at + way); step <= steps; step += STRIDE) {
            const engine = await Engine.start(device, {}, { env: { STEP: String(step), STEP_ACTION: moment } });
            // The holder of the lock ends after the change has answered: then the change is complete.
            const answered = await change(engine).then(
              () => true,
              (error: Error) => {
                assert.match(error.message, /The engine ended/, `step ${step}`);
                return false;
              },
            );
            if (answered) await engine.stop();
            else assert.equal(await dead(engine), 'SIGKILL', `step ${step}`);
            const next = await Engine.start(device);
            await next.resume();
            const { inSync, webPorts, lastRequest } = await next.read();
            await next.stop();
            const now = await state();
            const isNew = now.site === wanted.site && now['/etc/ufw/user.rules'] === wanted['/etc/ufw/user.rules'];
            if (answered) assert.equal(isNew, true, `answered, and not there after ${moment} at step ${step}`);
            assert.deepEqual(now, isNew ? wanted : old, `after ${moment} at step ${step} of ${steps}`);
            assert.deepEqual(lastRequest, isNew ? carriedOut : null, `remembered after ${moment} at step ${step}`);
            assert.equal(inSync, true, `in sync after ${moment} at step ${step}`);
            assert.equal(await device.exists(`${STATE}/journal.json`), false);
            const entered = (await assertEntriesAgree(device)).filter(({ type }) => type === 'change');
            assert.equal(entered.length, isNew ? 1 : 0, `entries after ${moment} at step ${step}`);
            assert.equal(
              (await device.ok('find', '/etc/ufw', '/etc/default', '/etc/nginx', '-name', '*smartserver*')).trim(),
              '',
            );
            assert.equal(
              await device.ok('find', '/var/lib', '-name', '*smartserver-new*'),
              '',
              `after ${moment} at step ${step}`,
            );
            const { status } = await device.neighbour.fetch(`https://192.0.2.1:${webPorts?.https}/`);
            assert.equal(status, 200, `the pages after ${moment} at step ${step}`);
            outcomes[isNew ? 'new' : 'old']++;
            await reset(device, old);
          }
          assert.ok(outcomes.old > 5 / STRIDE, JSON.stringify(outcomes));
        });
      }

      it('fails with a code and leaves the old state when a disk is full, broken or read-only', async () => {
        for (let round = 0; round < DISK_FAILURES; round++) {
          let failed = 0;
          for (let step = firstStep(at + round); step <= steps; step += STRIDE) {
            const [code, expected] = DISK_CODES[(step + round + at) % DISK_CODES.length] as (typeof DISK_CODES)[number];
            const engine = await Engine.start(device, {}, { env: { STEP: String(step), STEP_ACTION: code } });
            const error = await change(engine).then(
              () => null,
              (refusal: EngineError) => refusal,
            );
            await engine.stop();
            if (error) {
              failed++;
              assert.equal(error.code, expected, `${code} at step ${step}: ${error.message}`);
              assert.deepEqual(await state(), old, `${code} at step ${step}`);
              assert.equal(await device.exists(`${STATE}/journal.json`), false, `${code} at step ${step}`);
              await assertEntriesAgree(device);
            } else {
              // A step that starts a program, or only tidies up, does not fail the change.
              await assertReloadChangesNothing(device);
              await reset(device, old);
            }
          }
          assert.ok(failed > 8 / STRIDE, `${failed} steps failed`);
        }
      });
    });
  }
});
