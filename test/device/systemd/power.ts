/** Power cuts in the middle of what a program does. */
import { join } from 'node:path';
import type { Machine } from '../machine';

export interface PowerCutOptions {
  /** What the program reads on stdin. */
  input?: string;
  /** Whether the step itself is still done. Default false: all before it is. */
  isAfter?: boolean;
}

/** How long a program may take to come to its step or to its end, in milliseconds. */
const patienceMs = 60_000;

/**
 * Runs a Node.js program as root (`argv` without `node`) and cuts the power when it comes to one of its steps as steps.ts
 * counts them, from 1. Resolves with true when all is dark, and with false when the program made fewer steps and ended
 * well, with the device still on. Rejects when it ended otherwise.
 */
export async function powerCutAtStep(
  device: Machine & { powerCut(): Promise<void> },
  argv: readonly string[],
  step: number,
  { input = '', isAfter = false }: PowerCutOptions = {},
): Promise<boolean> {
  const preload = device.inside(join(__dirname, '..', 'steps.js'));
  const env = { STEP: String(step), STEP_ACTION: isAfter ? 'hold-after' : 'hold' };
  const program = await device.spawn([device.node, '-r', preload, ...argv], { env });
  let said = '';
  const collect = (text: string): void => {
    said += text;
  };
  program.on('stdout', collect).on('stderr', collect);
  program.write(input);
  program.endInput();
  const isHeld = await program.until(/^held$/m, patienceMs).then(
    () => true,
    () => false,
  );
  if (isHeld) {
    await device.powerCut();
    return true;
  }
  // One that does not get on is ended; one that has ended is not there to be killed.
  const { code, signal } = await program.kill('SIGKILL');
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${signal ?? `code ${code}`}: ${said}`);
  return false;
}
