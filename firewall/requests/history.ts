/** What is in the ledger. */
import { rendered } from '../errors';
import { readLedger } from '../host/ledger';
import { verify } from '../ledger/chain';
import { selected } from '../ledger/filter';
import type { Call, Settings } from '../messages';
import type { History } from '../results';
import { registryOf, servicesNamed } from '../services/registry';

/** @throws FirewallError NOT_PERMITTED; UNKNOWN_SERVICE */
export async function history(settings: Settings, { request }: Call<'history'>): Promise<History> {
  const { service, ...others } = request;
  const [named] = service === undefined ? [] : servicesNamed(registryOf(settings, null), [service]);
  const { segments, flaw, isBeingCut } = await readLedger(settings);
  const { entries, fault, head } = verify(segments, isBeingCut);
  const said = flaw ?? fault?.what;
  return {
    entries: selected(entries, { ...others, service: named?.id }),
    fault: fault && said ? { ...fault, what: rendered(said), said: [said] } : null,
    head,
    kept: entries.length,
    dropped: Math.max(0, (entries[0]?.seq ?? 1) - 1),
  };
}
