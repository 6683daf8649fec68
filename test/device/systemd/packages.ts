/** What the machine must have for a container to be made and booted. */
import { ensurePackages } from '../packages';

/** Installs what is missing. Rejects where the user is not root: a container needs that. */
export async function ensureContainerPackages(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('The test device with systemd needs root. Run this as root.');
  await ensurePackages('container');
}
