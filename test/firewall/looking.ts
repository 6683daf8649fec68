/** The sampler's looks, one at a time and at times that the test chooses. */

import type { Peer } from '../../firewall/peers/peer';
import { LOOK } from '../../firewall/peers/sampler';
import { samplesIn } from '../../firewall/peers/samples';
import type { Machine } from '../device/machine';

const FOLDER = '/run/looking';

/** When it is looked: seconds since the boot, the weekday (1 is Monday) and the hour. */
export interface When {
  now: number;
  weekday?: number;
  hour?: number;
}

export class Looking {
  constructor(private readonly device: Machine) {}

  /** @returns awk's exit code: 3 where what was seen is to be kept. */
  async look({ now, weekday = 1, hour = 0 }: When, again = 0): Promise<number> {
    await this.device.ok('mkdir', '-p', FOLDER);
    await this.device.write(`${FOLDER}/look`, LOOK);
    const variables = { seen: 'seen', now, weekday, hour: String(hour).padStart(2, '0'), again };
    const given = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    const shell = 'cd "$0" && awk "$@" -f look >seen.new; code=$?; mv seen.new seen; exit $code';
    const { code, stderr } = await this.device.run(['sh', '-c', shell, FOLDER, ...given]);
    if (stderr !== '') throw new Error(stderr);
    return code ?? -1;
  }

  seen = (): Promise<string> => this.device.read(`${FOLDER}/seen`);

  forget = (): Promise<void> => this.device.remove(`${FOLDER}/seen`);

  /** What the engine takes from it, as if the device had been up for no time in 1970. */
  async peers(): Promise<{ peers: readonly Peer[]; flooded: readonly string[]; seconds: number }> {
    const samples = samplesIn(await this.seen(), { boot: '', uptime: 0, wall: 0 }, INTERFACES);
    if (!samples) throw new Error('nothing was seen');
    return samples.seen;
  }
}

const INTERFACES = [
  { name: 'eth0', address: '192.0.2.1', cidr: '192.0.2.1/24' },
  { name: 'eth0', address: '2001:db8:1::1', cidr: '2001:db8:1::1/64' },
];
