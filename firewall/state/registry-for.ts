import type { Settings } from '../messages';
import { type Registry, registryOf } from '../services/registry';
import type { Snapshot } from './snapshot';

/** The services and profiles of the device whose files these are. */
export const registryFor = (settings: Settings, { web }: Pick<Snapshot, 'web'>): Registry =>
  registryOf(settings, web?.ports ?? null);
