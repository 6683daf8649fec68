/** What the running nginx needs when its ports move. */
import { FirewallError, say } from '../errors';
import { restore } from '../host/iptables';
import { run } from '../host/run';
import { processesOf, readSockets } from '../host/sockets';
import type { WebMove } from '../state/plan';
import { type Snapshot, withWanted } from '../state/snapshot';
import { probe, reload, settled, socketsOfNginx } from '../web/server';
import { loadsOf } from './load';

/** A port that nginx shall take must be nobody else's: nginx itself would not say so. @throws FirewallError PORT_IN_USE */
export async function refuseBusy({ listening }: WebMove): Promise<void> {
  const own = new Set((await socketsOfNginx()).map(({ inode }) => inode));
  const [taken] = (await readSockets()).filter(
    ({ protocol, port, inode }) => protocol === 'tcp' && listening.includes(port) && !own.has(inode),
  );
  if (!taken) return;
  const holder = (await processesOf([taken.inode])).get(taken.inode);
  throw new FirewallError('PORT_IN_USE', {
    what: holder
      ? say`port ${taken.port} is in use by ${holder.name} (process ${holder.pid}).`
      : say`port ${taken.port} is in use by another program.`,
    remedy: say`Choose another port, or stop that program.`,
  });
}

/** Lets the new web ports in next to the old ones, in the kernel only: the journal records it until the files do. */
export async function openBetween(before: Snapshot, { between }: WebMove): Promise<void> {
  if (!before.settings.enabled) return;
  const { policies, enabled } = before.settings;
  const both = await withWanted(before, { rules: between, policies, enabled });
  for (const one of loadsOf(both, null)) await restore(one);
}

/** Has the running nginx take the new site file, and proves that it did. @throws FirewallError VERIFY_FAILED */
export async function follow({ listening, left, pages }: WebMove): Promise<void> {
  await reload();
  await settled({ listening, left });
  await probe(pages);
}

/** @throws FirewallError VERIFY_FAILED where systemd does not restart the device. */
export async function reboot(): Promise<void> {
  const { code, stderr } = await run('systemctl', ['reboot']);
  if (code === 0) return;
  throw new FirewallError('VERIFY_FAILED', {
    what: say`the device could not be restarted (${stderr.trim().slice(0, 200)}).`,
  });
}
