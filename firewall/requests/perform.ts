/** What one request does on the machine, here and now. The requests are valid, and this process may do it. */
import { resumeLooking } from '../commit/learning';
import { enterRefusal } from '../commit/refusals';
import { FirewallError, say } from '../errors';
import { readClock } from '../host/clock';
import { readSchedule } from '../host/snapshot';
import { BY_BOOT, BY_TIMER } from '../ledger/source';
import type { Call, Method, Settings } from '../messages';
import type { Answers, ChangeResult, Repetition, ScheduleResult } from '../results';
import { byOf } from './by';
import { changeWebPorts } from './change-web-ports';
import { confirm } from './confirm';
import { enterDrift } from './drift';
import { catchUp } from './due';
import { collect } from './evidence';
import { history } from './history';
import { learn } from './learn';
import { observe } from './observation';
import { isCarriedOut } from './order';
import { outlook } from './outlook';
import { knownTo } from './peers';
import { read, repetition } from './read';
import { refusedIn } from './refused';
import { listBackups, restore } from './restore';
import { setProfile } from './set-profile';
import { override, setSchedule, unschedule } from './standing';
import { toggleService } from './toggle-service';

type Handlers = { [M in Method]: (settings: Settings, call: Call<M>) => Promise<Answers[M]> };

const HANDLERS: Handlers = {
  read: async (settings, { request }) => {
    const { snapshot, state } = await read(settings, request.advisories);
    // What is wrong with the configuration is said where somebody asks, and holds up nothing that happens by itself.
    knownTo(settings, snapshot);
    return state;
  },
  backups: listBackups,
  outlook,
  news: (settings, { request }) => observe(settings, request, () => read(settings)),
  settle: async (settings, { source }) => {
    await resumeLooking(settings);
    const done = await catchUp(settings, source?.kind === 'boot' ? BY_BOOT : BY_TIMER);
    const { snapshot, state } = await read(settings);
    return { ...done, warnings: [...done.warnings, ...(await enterDrift(settings, snapshot))], state };
  },
  setProfile: changing(setProfile),
  toggleService: changing(toggleService),
  changeWebPorts: changing(changeWebPorts),
  restore: changing(restore),
  schedule: settled(setSchedule),
  unschedule: settled(unschedule),
  override: settled(override),
  learn,
  history,
  evidence: collect,
  refused: async (settings, call) => {
    const { code, action, said, repeated } = call.request;
    const [what = say``, state = null, remedy] = said;
    const error = new FirewallError(code, { what, state, remedy });
    await enterRefusal(settings, byOf(call), { action, services: [] }, error, repeated);
    return {};
  },
  confirm: async (settings, call) => (await once(settings, call)).repeated ?? confirm(settings, call),
};

/** @throws FirewallError, see the contract. */
export function perform<M extends Method>(settings: Settings, call: Call<M>): Promise<Answers[M]> {
  const handlers: { [Each in M]: (settings: Settings, call: Call<Each>) => Promise<Answers[Each]> } = HANDLERS;
  const answer = handlers[call.method](settings, call);
  return answer.catch(async (error) => {
    // Why it was refused is to be said whatever becomes of the entry.
    await enterIfRefused(settings, call as Call, error).catch(() => undefined);
    throw error;
  });
}

async function enterIfRefused(settings: Settings, call: Call, error: unknown): Promise<void> {
  const asked = await refusedIn(settings, call);
  if (asked) await enterRefusal(settings, byOf(call), asked, error);
}

/** A change comes after what has come due, and says what that was. */
function changing<M extends Method>(
  make: (settings: Settings, call: Call<M>) => Promise<ChangeResult | Repetition>,
): (settings: Settings, call: Call<M>) => Promise<ChangeResult | Repetition> {
  return async (settings, call) => {
    const { late, repeated } = await once(settings, call);
    if (repeated) return repeated;
    const done = await make(settings, call);
    return { ...done, warnings: [...late, ...done.warnings] };
  };
}

/** What is about schedules comes after what has come due, too. */
function settled<M extends 'schedule' | 'unschedule' | 'override'>(
  make: (settings: Settings, call: Call<M>) => Promise<ScheduleResult>,
): (settings: Settings, call: Call<M>) => Promise<ScheduleResult> {
  return async (settings, call) => {
    const { warnings: late } = await catchUp(settings);
    const done = await make(settings, call);
    return { ...done, warnings: [...late, ...done.warnings] };
  };
}

/**
 * What comes before a change: what has come due, and whether the operator's request was carried out already. It is asked
 * before anything is done for it: a lockdown takes back what waits before it is planned, and web ports end their lease.
 */
async function once(
  settings: Settings,
  { order }: Pick<Call, 'order'>,
): Promise<{ late: readonly string[]; repeated: Repetition | null }> {
  const { warnings: late } = await catchUp(settings);
  if (!order) return { late, repeated: null };
  const [{ lastRequest }, { wall }] = await Promise.all([readSchedule(settings), readClock()]);
  const isDone = isCarriedOut(order, lastRequest, wall);
  return { late, repeated: isDone ? await repetition(settings, late) : null };
}
