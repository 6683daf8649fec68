/**
 * What the edit dialogs say a change would do to the device: built into a file of its own for the browser, which works it out
 * as the engine does, from what the engine has read. Loaded by the editor where a dialog is opened that needs it.
 */
import { FirewallError } from '../errors';
import {
  changeWebPortsRequest,
  check,
  setProfileRequest,
  settings as settingsSchema,
  toggleServiceRequest,
} from '../messages';
import { knownOn } from '../peers/known';
import { type Proposal, proposalOf } from '../peers/proposal';
import { type Outlook, outlookIn } from '../state/outlook';
import { registryFor } from '../state/registry-for';
import { type Foreseeable, type Foreseen, foresee } from './foresee';

export { ruleText } from '../state/rule-text';

const CALLS: { [M in Foreseeable['method']]: (request: unknown) => Foreseeable } = {
  setProfile: (request) => ({ method: 'setProfile', request: check(setProfileRequest, request) }),
  toggleService: (request) => ({ method: 'toggleService', request: check(toggleServiceRequest, request) }),
  changeWebPorts: (request) => ({ method: 'changeWebPorts', request: check(changeWebPortsRequest, request) }),
};

/**
 * The profile that is proposed from what was learned; null where nobody has learned.
 * @param text, @param settings as for `preview`
 * @throws FirewallError INVALID_INPUT where the settings are wrong
 */
export async function propose(text: string, settings: unknown): Promise<Proposal | null> {
  const { snapshot, addresses } = await outlookOf(text);
  const checked = check(settingsSchema, settings);
  const registry = registryFor(checked, snapshot);
  return proposalOf(knownOn(addresses, checked, snapshot.learned, registry), registry);
}

function outlookOf(text: string): Promise<Outlook> {
  if (last?.text !== text) last = { text, outlook: outlookIn(text) };
  return last.outlook;
}

/** The last text, and what it says: a dialog asks again with each key that is pressed in it. */
let last: { text: string; outlook: Promise<Outlook> } | undefined;

/**
 * @param text what the runtime has published of the device
 * @param settings as the configuration node has them
 * @returns what would happen, or why it would be refused: the error of a dry run
 */
export async function preview(
  text: string,
  settings: unknown,
  method: Foreseeable['method'],
  request: unknown,
): Promise<{ foreseen: Foreseen } | { refused: FirewallError }> {
  try {
    const call = CALLS[method](request);
    return { foreseen: await foresee(await outlookOf(text), check(settingsSchema, settings), call) };
  } catch (error) {
    if (!(error instanceof FirewallError)) throw error;
    return { refused: error };
  }
}
