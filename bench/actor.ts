/** Makes the measured changes: a separate process inside the device that is sent one change at a time. */
import { join } from 'node:path';
import type { Device } from '../test/device/device';
import type { InsideProcess } from '../test/device/inside-process';
import type { Answer, Job } from './actor-inside';

const PROGRAM = join(__dirname, 'actor-inside.js');

export class Actor {
  private text = '';
  private hear: (line: string) => void = () => undefined;

  /**
   * Starts the process.
   * @param under what it is an argument of
   * @param program what Node.js runs that answers as `actor-inside` does
   */
  static async start(
    device: Device,
    { under = [], program = [PROGRAM] }: { under?: readonly string[]; program?: readonly string[] } = {},
  ): Promise<Actor> {
    return new Actor(await device.spawn([...under, process.execPath, ...program]));
  }

  private constructor(private readonly process: InsideProcess) {
    process.on('stdout', (chunk: string) => {
      this.text += chunk;
      const end = this.text.indexOf('\n');
      if (end < 0) return;
      const line = this.text.slice(0, end);
      this.text = this.text.slice(end + 1);
      this.hear(line);
    });
  }

  /** Makes one change and returns how long it took. Rejects if a step fails or the process ends. */
  async make(job: Job): Promise<Answer> {
    const heard = new Promise<string>((resolve) => {
      this.hear = resolve;
    });
    this.process.write(`${JSON.stringify(job)}\n`);
    const line = await Promise.race([heard, this.process.exited]);
    if (typeof line !== 'string') throw new Error(`The measuring process ended with ${line.signal ?? line.code}.`);
    const answer = JSON.parse(line) as Answer;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async stop(): Promise<void> {
    this.process.endInput();
    await this.process.exited;
  }
}
