/** What starting the firewall means besides loading rules. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { run } from '../host/run';
import type { Settings } from '../messages';
import type { Snapshot } from '../state/snapshot';

/** What `ufw-init start` does besides loading rules. */
export async function beforeStart(settings: Settings, { sources }: Snapshot): Promise<void> {
  await hook(`${settings.etcUfw}/before.init`);
  const modules = /^IPT_MODULES="?([\w\s-]*)"?$/m.exec(sources.defaultUfw.text)?.[1] ?? '';
  for (const name of modules.split(/\s+/).filter(Boolean)) await run('modprobe', [name]);
}

export async function afterStart(settings: Settings, { sources }: Snapshot): Promise<void> {
  const sysctl = /^IPT_SYSCTL="?([^"\n]+)"?$/m.exec(sources.defaultUfw.text)?.[1];
  if (sysctl) await run('sysctl', ['-e', '-q', '-p', sysctl]);
  await hook(`${settings.etcUfw}/after.init`);
}

/** Runs a site's own start script; ufw runs only those made executable. */
async function hook(path: string): Promise<void> {
  const isExecutable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isExecutable) await run(path, ['start']);
}
