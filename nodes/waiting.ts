/** A change that waits to be confirmed, as its node shows it: a countdown, until it is over one way or the other. */
import type { Node, NodeAPI } from 'node-red';
import type { ChangeResult } from '../firewall/results';
import type { Device } from './device';
import type { ShowStatus } from './status';

const SECOND_MS = 1000;

/** Shows the countdown of each change it is given, the last one's only. */
export function waitingOf(RED: NodeAPI, node: Node, show: ShowStatus): (device: Device, change: ChangeResult) => void {
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
