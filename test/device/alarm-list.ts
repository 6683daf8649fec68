/** A stand-in of the device's own list of alarms: `GET https://localhost/iap/alarms`. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Device } from './device';
import type { InsideProcess } from './inside-process';

/** What it answers with. */
export interface AlarmAnswer {
  status: number;
  type: string;
  body: string;
}

const FILE = '/run/alarms.json';

/** Alarms of the vendor's shape, each with what is said of it. */
export async function alarmsLike(...alarms: readonly object[]): Promise<object[]> {
  const fixture = join(resolve(__dirname, '..', '..', '..'), 'test', 'fixtures', 'iap-rest-alarms.json');
  const [shape] = JSON.parse(await readFile(fixture, 'utf8')) as [object];
  return alarms.map((alarm) => ({ ...shape, ...alarm }));
}

export class AlarmList {
  private constructor(
    private readonly device: Device,
    readonly process: InsideProcess,
  ) {}

  /** Starts it on the port of the web pages, with no alarms. Resolves when it listens. */
  static async start(device: Device): Promise<AlarmList> {
    const { cert, key } = await device.certify();
    const program = device.inside(join(__dirname, 'alarm-list-inside.js'));
    const list = new AlarmList(device, await device.spawn([device.node, program, '443', FILE, cert, key]));
    await list.tell([]);
    await list.process.until(/listening/);
    return list;
  }

  /** From now on it answers with these alarms, or with something else altogether. */
  async tell(alarms: readonly object[] | Partial<AlarmAnswer>): Promise<void> {
    const answer = 'length' in alarms ? { body: JSON.stringify(alarms) } : alarms;
    const whole: AlarmAnswer = { status: 200, type: 'application/json', body: '[]', ...answer };
    await this.device.write(FILE, JSON.stringify(whole));
  }
}
