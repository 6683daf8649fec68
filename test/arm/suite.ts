/**
 * `npm run test:arm`: the package on a whole 32-bit ARM machine under emulation, judged by its neighbour's packets; with Node-RED as root
 * and as `apollo` after `setup`, and through power cuts that lose what was not flushed. No part of `npm test`: it takes about an hour.
 */
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'mocha';
import type { ChangeResult, LearnResult, ScheduleReport, State } from '../../firewall/results';
import { requestOf, setUp } from '../agent/as-apollo';
import { startNodeRed } from '../device/node-red';
import { probeServices } from '../device/probe-services';
import { useShared } from '../device/suite';
import { powerCutAtStep } from '../device/systemd/power';
import { assertEntriesAgree } from '../firewall/ledger-of';
import { assertReloadChangesNothing, everythingAndSite, reset, STATE } from '../firewall/stable';
import { until } from '../firewall/until';
import { Board } from './board';
import { ask, CLOSED_HOURS, FLOW } from './flow';
import { REDS } from './image';

const RED = REDS.find((version) => version === (process.env.NODE_RED ?? REDS[0]));
if (!RED) throw new Error(`NODE_RED must be one of ${REDS.join(', ')}.`);
const CUTS = Number(process.env.ARM_CUTS ?? 6);
/** In ms. What takes a second here takes half a minute there. */
const PATIENCE_MS = 300_000;

const ROOT = { uid: 0, gid: 0, home: '/root' };
const AGENT = ['-e', "require('/usr/lib/smartserver-firewall/load.js').program.agent()"];

describe(`On an ARM board with Node-RED ${RED}`, function () {
  // The first one on a machine makes the disk.
  this.timeout(3_600_000);
  after(() => Board.closeAll());
  const board = useShared(
    () => Board.open(),
    (one) => one.close(),
  );
  before(() => setUp(board));
  const factory = useShared(() => everythingAndSite(board));

  const probe = async (port: number): Promise<string | undefined> =>
    (await board.neighbour.probe([{ proto: 'tcp', port, family: 'ipv4' }]))[0];
  const page = async (port: number): Promise<number> =>
    (await board.neighbour.fetch(`https://192.0.2.1:${port}/`, { silenceMs: PATIENCE_MS })).status;
  /** What is asked of the agent itself, as root. */
  const askAgent = async (method: string, request: unknown = {}): Promise<ChangeResult> => {
    const { stdout, stderr } = await board.run([board.node, ...AGENT], { input: requestOf(method, request) });
    const { result } = JSON.parse(stdout) as { result?: ChangeResult };
    assert.ok(result, stdout + stderr);
    return result;
  };

  it('is one: 32 bits, ARM, the vendor’s rules in effect', async () => {
    assert.equal((await board.ok('uname', '-m')).trim(), 'armv7l');
    assert.equal((await board.ok(board.node, '-p', 'process.arch')).trim(), 'arm');
    assert.deepEqual(
      [await probe(22), await probe(80), await probe(443), await probe(9999)],
      ['in', 'in', 'in', 'filtered'],
    );
    await assertReloadChangesNothing(board);
  });

  for (const [user, account] of [['root', ROOT] as const, ['apollo', undefined] as const]) {
    describe(`as ${user}`, () => {
      before(() => reset(board, factory));
      const nodeRed = useShared(
        () => {
          const start = { installation: board.installation(RED), patienceMs: PATIENCE_MS };
          return startNodeRed(board, FLOW, { ...start, ...(account && { account }) });
        },
        (one) => one.kill(),
      );
      const reloadChangesNothing = () => assertReloadChangesNothing(board);

      /** The neighbour's probes agree with the flow's reading, for every service. */
      const agreed = async (): Promise<State> => {
        const state = await ask<State>(board, 'read');
        const findings = await probeServices(board, state.services);
        assert.ok(findings.length > 10);
        for (const { service, in: found } of findings) assert.equal(found, service.in, service.id);
        return state;
      };

      it('reads what the neighbour finds', async () => {
        assert.equal((await agreed()).profile.name, 'enhanced');
      });

      it('finds nothing to change for Enhanced Security', async () => {
        assert.equal((await ask<ChangeResult>(board, 'profile', { profile: 'enhanced' })).changed, false);
        assert.deepEqual(await everythingAndSite(board), factory);
      });

      it('locks down, and says so where somebody watches', async () => {
        const { changed } = await ask<ChangeResult>(board, 'profile', { profile: 'lockdown' });
        assert.equal(changed, true);
        assert.deepEqual([await probe(22), await probe(80), await probe(443)], ['filtered', 'filtered', 'in']);
        assert.equal(await page(443), 200);
        await nodeRed.until(/\[debug:watched\][\s\S]*topic: 'changed'/, PATIENCE_MS);
        assert.equal((await agreed()).profile.name, 'lockdown');
        await reloadChangesNothing();
      });

      it('does it once only', async () => {
        assert.equal((await ask<ChangeResult>(board, 'profile', { profile: 'lockdown' })).changed, false);
      });

      it('undoes it', async () => {
        assert.equal((await ask<ChangeResult>(board, 'undo')).changed, true);
        assert.deepEqual(await everythingAndSite(board), factory);
        assert.equal(await probe(22), 'in');
        await reloadChangesNothing();
      });

      it('closes SSH, and ends the session that is open', async () => {
        const session = board.neighbour.run([process.execPath, '-e', SESSION], { timeoutMs: PATIENCE_MS });
        await until(async () => (await board.ok('ss', '-tnH', 'state', 'established', 'sport', '=', ':22')) !== '');
        const { cut } = await ask<ChangeResult>(board, 'toggle', { service: 'ssh', action: 'close' });
        assert.equal(cut, 1);
        assert.equal((await session).stdout, 'closed');
        assert.equal(await probe(22), 'filtered');
        await reloadChangesNothing();
        await ask(board, 'toggle', { service: 'ssh', action: 'open' });
        assert.equal(await probe(22), 'in');
        await reloadChangesNothing();
      });

      it('moves the web ports, and back', async () => {
        await ask(board, 'move', { http: 1780, https: 1443 });
        assert.deepEqual([await probe(443), await page(1443)], ['filtered', 200]);
        await reloadChangesNothing();
        await ask(board, 'move', { http: 80, https: 443 });
        assert.deepEqual([await probe(1443), await page(443)], ['filtered', 200]);
        await reloadChangesNothing();
      });

      it('waits for a confirmation, and keeps what is confirmed', async () => {
        const { pending } = await ask<ChangeResult>(board, 'wait', { profile: 'standard' });
        assert.equal(pending?.guard, 'systemd');
        await ask(board, 'confirm', { id: (await ask<State>(board, 'read')).pending?.id });
        assert.equal((await ask<State>(board, 'read')).pending, null);
        await reloadChangesNothing();
      });

      it('carries out what an operator asks for', async () => {
        const now = Date.parse((await board.ok('date', '-u', '+%FT%TZ')).trim());
        const envelope = {
          ...{ id: `up-${user.length}`, issued: new Date(now).toISOString(), action: 'set-profile' },
          ...{ expires: new Date(now + 3_600_000).toISOString(), request: { profile: 'enhanced' } },
        };
        assert.equal((await ask<{ outcome: string }>(board, 'operate', envelope)).outcome, 'changed');
        assert.equal((await agreed()).profile.name, 'enhanced');
        await reloadChangesNothing();
      });

      it('learns who talks with it', async () => {
        assert.equal((await ask<LearnResult>(board, 'learn', { action: 'start' })).learning?.on, true);
        await until(async () => {
          await probe(443);
          const { services } = await ask<LearnResult>(board, 'learn', { action: 'read' });
          return Object.values(services).some(({ peers }) => peers.some(({ address }) => address === '192.0.2.2'));
        }, PATIENCE_MS);
        await ask(board, 'learn', { action: 'stop' });
        await ask(board, 'learn', { action: 'forget' });
      });

      it('keeps opening hours', async () => {
        const { id } = await ask<{ id: string }>(board, 'flow', CLOSED_HOURS);
        await until(async () => (await probe(22)) === 'filtered', PATIENCE_MS);
        assert.equal((await ask<ScheduleReport>(board, 'hours', { action: 'open' })).by, 'override');
        assert.equal(await probe(22), 'in');
        await reloadChangesNothing();
        await ask(board, `flow/${id}`, {}, 'DELETE');
        await until(async () => (await ask<State>(board, 'read')).schedules.length === 0, PATIENCE_MS);
        assert.equal(await probe(22), 'in');
      });

      it('goes back from a lockdown that nobody confirms, though Node-RED is killed', async () => {
        const before = await everythingAndSite(board);
        await ask(board, 'try', { profile: 'lockdown' });
        await nodeRed.kill('SIGKILL');
        assert.equal(await probe(22), 'filtered');
        await until(async () => (await probe(22)) === 'in', PATIENCE_MS);
        await until(async () => !(await board.exists(`${STATE}/journal.json`)), PATIENCE_MS);
        assert.deepEqual(await everythingAndSite(board), before);
        await reloadChangesNothing();
      });
    });
  }

  describe('that loses its power', () => {
    const LOCKDOWN = requestOf('setProfile', { profile: 'lockdown' });
    const state = () => everythingAndSite(board);
    /** All is well on a board that has booted. */
    const assertWhole = async (context: string): Promise<void> => {
      assert.match(await board.ufw('status'), /^Status: active/, context);
      assert.equal(await board.exists(`${STATE}/journal.json`), false, context);
      const left = ['/etc/ufw', '/etc/default', '/etc/nginx', '-name', '*smartserver*'];
      assert.equal(await board.ok('find', ...left), '', context);
      assert.equal(await board.ok('find', '/var/lib', '-name', '*smartserver-new*'), '', context);
      assert.equal(await page(443), 200, context);
      await assertEntriesAgree(board);
      await assertReloadChangesNothing(board);
    };

    before(async () => {
      await reset(board, factory);
      // What was set back is there after a power cut, too.
      await board.ok('sync');
    });

    it('in a lockdown, has the old rules or the new ones, entirely, when it has booted', async () => {
      const env = { STEP: '0' };
      const preload = board.inside(require.resolve('../device/steps.js'));
      const { stderr } = await board.run([board.node, '-r', preload, ...AGENT], { input: LOCKDOWN, env });
      const steps = [...stderr.matchAll(/^step (\d+)$/gm)].length;
      assert.ok(steps > CUTS, stderr);
      const locked = await state();
      const outcomes = { old: 0, new: 0 };
      for (let cut = 0; cut < CUTS; cut++) {
        await reset(board, factory);
        await board.ok('sync');
        const step = 1 + Math.floor(((cut + 0.5) * steps) / CUTS);
        assert.ok(await powerCutAtStep(board, AGENT, step, { input: LOCKDOWN }), `${step} of ${steps}`);
        await board.boot();
        const now = await state();
        const isNew = now['/etc/ufw/user.rules'] === locked['/etc/ufw/user.rules'];
        const context = `cut at step ${step} of ${steps}`;
        assert.deepEqual(now, isNew ? locked : factory, context);
        assert.equal(await probe(22), isNew ? 'filtered' : 'in', context);
        await assertWhole(context);
        outcomes[isNew ? 'new' : 'old']++;
      }
      console.log(`      ${CUTS} power cuts: ${outcomes.old} times the old state, ${outcomes.new} times the new`);
      assert.ok(outcomes.old > 0, JSON.stringify(outcomes));
    });

    it('right after a lockdown was answered, is locked down when it has booted', async () => {
      await reset(board, factory);
      await board.ok('sync');
      assert.equal((await askAgent('setProfile', { profile: 'lockdown' })).changed, true);
      await board.powerCut();
      await board.boot();
      assert.equal(await probe(22), 'filtered');
      await assertWhole('after the answer');
    });

    it('while a lockdown waits for its confirmation, is as before when it has booted', async () => {
      await reset(board, factory);
      await board.ok('sync');
      const { pending } = await askAgent('setProfile', { profile: 'lockdown', confirmWithin: 3600 });
      assert.equal(pending?.guard, 'systemd');
      assert.equal(await probe(22), 'filtered');
      await board.powerCut();
      await board.boot();
      assert.equal(await probe(22), 'in');
      assert.deepEqual(await state(), factory);
      await assertWhole('while it waited');
    });
  });
});

/** Connects to SSH, and says when that ends. */
const SESSION = `
  const socket = require('net').connect(22, '192.0.2.1').on('error', () => undefined).resume();
  socket.on('close', () => process.stdout.write('closed'));`;
