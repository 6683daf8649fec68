/** What a change says it does (`toggle-service close ssh`), in words for people. */
import { listed, type Sentence, say } from './errors';

/** A service of this id as part of a sentence; what is no service's id is given back as it is. */
type Namer = (id: string) => Sentence | string;

/** The vendor calls its profiles so in any language. */
const PROFILES: ReadonlyMap<string, string> = new Map([
  ['enhanced', 'Enhanced Security'],
  ['standard', 'Standard'],
  ['lockdown', 'Lockdown'],
]);

export const profileName = (id: string): string => PROFILES.get(id) ?? id;

/** @param names of services, by their ids; @param inner says an action in another */
type Meaning = (
  parts: readonly (string | undefined)[],
  names: (ids?: string) => Sentence,
  inner: (action?: string) => Sentence,
) => Sentence;

/** The forms of actions, and what each says by its parts. */
const FORMS: readonly (readonly [RegExp, Meaning])[] = [
  [/^(?:toggle-service )?open (.*)$/, ([ids], names) => say`open ${names(ids)}`],
  [/^(?:toggle-service )?close (.*)$/, ([ids], names) => say`close ${names(ids)}`],
  [/^toggle-service toggle (.*)$/, ([ids], names) => say`toggle ${names(ids)}`],
  [/^toggle-service limit (.*)$/, ([ids], names) => say`limit ${names(ids)}`],
  [/^set-profile (.*)$/, ([name = '']) => say`profile ${profileName(name)}`],
  [/^change-web-ports change (.*)$/, ([ports = '']) => say`web ports ${ports.replace(/ /g, ', ')}`],
  [/^change-web-ports repair(?: .*)?$/, () => say`repair the web ports`],
  [/^end of lease: profile (.*)$/, ([name = '']) => say`end of: ${profileName(name)}`],
  [/^end of lease: (.*)$/, ([ids], names) => say`end of: ${names(ids)}`],
  [/^not confirmed: (.*)$/, ([action], _, inner) => say`not confirmed: ${inner(action)}`],
  [/^confirm (.*)$/, ([action], _, inner) => say`confirm: ${inner(action)}`],
  [/^undo(?: latest)?$/, () => say`undo the last change`],
  [/^undo (.*)$/, ([action], _, inner) => say`undo: ${inner(action)}`],
  [/^restore latest$/, () => say`restore the state after the last change`],
  [/^restore$/, () => say`restore a backup`],
  [/^restore (.*)$/, ([id]) => say`restore the backup ${id}`],
  [/^schedule (.*) removed: close$/, ([name]) => say`schedule ${name} removed, what it had opened closed`],
  [/^schedule (.*) removed$/, ([name]) => say`schedule ${name} removed`],
  [/^unschedule (.*)$/, ([name]) => say`schedule ${name} removed`],
  [/^schedule (.*): open by hand$/, ([name]) => say`schedule ${name}: opened by hand`],
  [/^schedule (.*): close by hand$/, ([name]) => say`schedule ${name}: closed by hand`],
  [/^schedule (.*): auto by hand$/, ([name]) => say`schedule ${name}: by its hours again`],
  [
    /^schedule (.*): ((?:open|close) .*|set-profile .*)$/,
    ([name, action], _, inner) => say`schedule ${name}: ${inner(action)}`,
  ],
  [/^schedule (.*)$/, ([name]) => say`schedule ${name}`],
  [/^learn-peers start$/, () => say`begin to learn who talks`],
  [/^learn-peers stop$/, () => say`stop learning who talks`],
  [/^learn-peers forget$/, () => say`forget who talks`],
  [/^setup$/, () => say`setup`],
  [/^setup --remove$/, () => say`setup removed`],
  [/^begin of the ledger$/, () => say`begin of the ledger`],
  [/^cut of the ledger$/, () => say`cut of the ledger`],
  [/^changed otherwise than through this package$/, () => say`changed otherwise than through this package`],
  [/^request of an operator$/, () => say`request of an operator`],
];

/** An action of a form that is not known, such as a later version's, stays as it is. */
export function actionSentence(action: string, nameOf: Namer): Sentence {
  const names = (ids = ''): Sentence => listed(ids.split(', ').map(nameOf));
  const inner = (one = ''): Sentence => actionSentence(one, nameOf);
  for (const [form, meaning] of FORMS) {
    const found = form.exec(action);
    if (found) return meaning(found.slice(1), names, inner);
  }
  return say`${action}`;
}
