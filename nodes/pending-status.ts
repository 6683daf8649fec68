/** How its node shows a pending change: as a countdown, until it is either confirmed or reverted. */
import type { Node, NodeAPI } from 'node-red';
import type { Device } from './device';
import type { ShowStatus } from './status';

const SECOND_MS = 1000;

/** A change, and until when it is pending; null if it is not. */
interface PendingChange {
  id: string;
  pending: { confirmBy: string } | null;
}

/** Returns a function that shows the countdown of a change, in place of that of the change before. */
export function pendingStatus(
  RED: NodeAPI,
  node: Node,
  show: ShowStatus,
): (device: Device, change: PendingChange) => void {
  let stop = (): void => undefined;
  node.on('close', () => stop());
  return (device, { id, pending }) => {
    stop();
    if (!pending) return;
    const deadline = Date.parse(pending.confirmBy);
    const count = (): void => {
      const seconds = Math.max(0, Math.ceil((deadline - Date.now()) / SECOND_MS));
      show('waiting', RED._('status.waiting', { seconds }));
    };
    const timer = setInterval(count, SECOND_MS);
    const forget = device.observe((seen) => {
      if (seen.state.pending?.id === id) return;
      stop();
      if (seen.confirmed === id) show('success', RED._('status.confirmed'));
      else show('unchanged', RED._('status.over'));
    });
    stop = () => {
      clearInterval(timer);
      forget();
    };
    count();
  };
}
