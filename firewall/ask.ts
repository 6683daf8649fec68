/** A question to the engine: answered here where this process is root, else by the privileged program. */
import type { Call, Method, Settings } from './messages';
import { perform } from './requests/perform';
import type { Answers } from './results';
import { remote } from './sudo';

/** @throws FirewallError, see the contract. */
export const ask = <M extends Method>(settings: Settings, call: Call<M>): Promise<Answers[M]> =>
  isDirect(settings) ? perform(settings, call) : remote(settings, call);

/** Whether requests are made by this process itself. */
export const isDirect = ({ privilege }: Settings): boolean =>
  privilege === 'root' || (privilege === 'auto' && process.getuid?.() === 0);
