/**
 * The operator's machine: a separate device with a real mosquitto, configured with the unmodified files of docs/fleet, and
 * a real Node-RED with the example fleet-operator.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Device } from '../device/device';
import type { InsideProcess } from '../device/inside-process';
import { cables } from '../device/network';
import { example, NODE_RED_PORT, startNodeRed } from '../device/node-red';
import { putFlows } from '../editor/node-red';
import { until } from '../firewall/until';

const docs = join(resolve(__dirname, '..', '..', '..'), 'docs', 'fleet');
const shipped = (name: string): Promise<string> => readFile(join(docs, name), 'utf8');

export const BROKER_PORT = 8883;
const CONFIG = '/etc/mosquitto/mosquitto.conf';
const CA = '/etc/mosquitto/certs/ca.crt';
/** Devices find the broker at their neighbour, through their own firewall. */
const ADDRESS = cables.eth0.neighbour.ipv4;

const OPERATOR = 'operator';
/** The account of the tests' own clients: an operator like the one of the example. */
export const TESTER = 'tester';

export interface FlowNode {
  id: string;
  type: string;
  name?: string;
  [field: string]: unknown;
}

/** All passwords, by name. */
const passwordOf = (name: string): string => `password of ${name}`;

/** An example with the variables of its tab filled in, as a technician would. */
export async function filledIn(name: string, values: Readonly<Record<string, string>>): Promise<FlowNode[]> {
  const flow = (await example(name)) as FlowNode[];
  return flow.map((node) => {
    if (node.type !== 'tab') return node;
    const env = node.env as { name: string; type: string; value: string }[];
    const filled = env.map((one) =>
      one.type === 'cred' ? { name: one.name, type: one.type } : { ...one, value: values[one.name] ?? one.value },
    );
    const secrets = env.filter(({ type }) => type === 'cred').map(({ name: key }) => [key, values[key]]);
    return { ...node, env: filled, credentials: Object.fromEntries(secrets) };
  });
}

/**
 * Presses a button of an example, as the editor does, once it exists: flows start after they were deployed.
 * @param url of the Node-RED, without a slash at the end
 */
export async function press(url: string, name: string, button: string): Promise<void> {
  const node = ((await example(name)) as FlowNode[]).find((one) => one.name === button);
  await until(async () => (await fetch(`${url}/inject/${node?.id}`, { method: 'POST' })).status === 200);
}

export class Office {
  private broker: InsideProcess | undefined;
  private socket = '';
  /** The URL of its Node-RED, once that is running. */
  url = '';

  private constructor(
    readonly device: Device,
    /** The certificate of the fleet's CA. */
    readonly ca: string,
  ) {}

  /**
   * A machine with a running broker, for these devices. Close `device` when done.
   * @param clock the environment that its certificate is made in
   */
  static async open(names: readonly string[], clock?: Record<string, string>): Promise<Office> {
    const device = await Device.open({ rules: 'none', active: false });
    try {
      return await Office.on(device, names, clock);
    } catch (error) {
      await device.close();
      throw error;
    }
  }

  /** The same on an existing device. */
  static async on(device: Device, names: readonly string[], clock?: Record<string, string>): Promise<Office> {
    await device.ok('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/etc/mosquitto');
    await device.ok('mkdir', '/etc/mosquitto/certs');
    // In a test device it is a link to the machine's own.
    await device.remove('/var/lib/mosquitto');
    await device.ok('mkdir', '/var/lib/mosquitto');
    await device.write('/run/certificates.sh', await shipped('certificates.sh'));
    const made = await device.run(['sh', '/run/certificates.sh', 'localhost', ADDRESS], {
      cwd: '/etc/mosquitto/certs',
      // A device whose clock is behind does not accept a certificate created today.
      ...(clock && { env: clock }),
    });
    if (made.code !== 0) throw new Error(made.stderr);
    const acl = await shipped('acl');
    const section = acl.slice(acl.indexOf('user operator'));
    await device.write('/etc/mosquitto/acl', `${acl}\n${section.replace('operator', TESTER)}`);
    const office = new Office(device, await device.read(CA));
    await office.letIn([OPERATOR, TESTER, ...names]);
    const isRoot = process.getuid?.() === 0;
    // An unprivileged user's device has only one user.
    await device.write(CONFIG, `${await shipped('mosquitto.conf')}${isRoot ? '' : 'user root\n'}`);
    if (isRoot) await device.ok('chown', '-R', 'mosquitto:', '/etc/mosquitto', '/var/lib/mosquitto');
    await office.startBroker();
    office.socket = await device.socketTo(BROKER_PORT);
    return office;
  }

  /** All passwords, hashed by mosquitto's own program. */
  private async letIn(names: readonly string[]): Promise<void> {
    const file = '/etc/mosquitto/passwords';
    await this.device.write(file, names.map((name) => `${name}:${passwordOf(name)}\n`).join(''), 0o600);
    await this.device.ok('mosquitto_passwd', '-U', file);
  }

  async startBroker(): Promise<void> {
    this.broker = await this.device.spawn(['mosquitto', '-c', CONFIG]);
    await this.broker.until(/mosquitto version \S+ running/);
  }

  /** The broker's pid on the operator's machine. */
  get brokerPid(): number {
    return this.broker?.pid ?? 0;
  }

  async stopBroker(signal: NodeJS.Signals): Promise<void> {
    await this.broker?.kill(signal);
  }

  /** Makes the broker reachable from a device's network: its neighbour listens there. */
  async reachableFrom(device: Device): Promise<void> {
    await device.neighbour.relay(BROKER_PORT, this.socket);
  }

  /** The variables of a device's tab; the CA's certificate has to be installed there. */
  settingsFor(name: string, group: string, broker = ADDRESS): Record<string, string> {
    const own = `smartserver/device/${name}/firewall`;
    return {
      ...{ BROKER: broker, CA_FILE: '/run/fleet-ca.crt', DEVICE: name, PASSWORD: passwordOf(name) },
      ...{ REQUESTS: `${own}/request`, RESULTS: `${own}/result`, STATE: `${own}/state` },
      GROUP_REQUESTS: `smartserver/group/${group}/firewall/request`,
    };
  }

  /** The variables of the operator's tab. */
  readonly operatorSettings = {
    ...{ BROKER: 'localhost', CA_FILE: CA, OPERATOR, PASSWORD: passwordOf(OPERATOR) },
  };

  /** What a program on the operator's machine logs on with. */
  accountOf(name: string): { username: string; password: string } {
    return { username: name, password: passwordOf(name) };
  }

  /** Starts Node-RED with the operator's example. @param key what the operator signs with */
  async startNodeRed(
    options: Parameters<typeof startNodeRed>[2] = {},
    key: { KEY_NAME?: string; SIGNING_KEY?: string } = {},
  ): Promise<InsideProcess> {
    const nodeRed = await startNodeRed(this.device, [], options);
    this.url = `http://127.0.0.1:${(await this.device.forward(NODE_RED_PORT)).port}`;
    // What the broker has lost is sent again after a moment, not after ten seconds.
    const flow = (await filledIn('fleet-operator', { ...this.operatorSettings, ...key })).map((node) =>
      node.type === 'delay' ? { ...node, timeout: '1' } : node,
    );
    await putFlows(`${this.url}/`, flow);
    await nodeRed.until(/Connected to broker: operator@/);
    return nodeRed;
  }

  /** Presses a button of the operator's flow. */
  press(button: string): Promise<void> {
    return press(this.url, 'fleet-operator', button);
  }

  /** The operator's table, as a page. */
  async page(query = ''): Promise<string> {
    return (await fetch(`${this.url}/fleet${query}`)).text();
  }

  /** The operator's table, as JSON. */
  async table(query = ''): Promise<Table> {
    return (await (await fetch(`${this.url}/fleet.json${query}`)).json()) as Table;
  }
}

export interface Row {
  name: string;
  group: string;
  online: boolean | null;
  since: string | null;
  profile: string;
  keys: string;
  request: string;
  status: string;
  why: string;
}

export interface Table {
  broker: { connected: boolean };
  refused: number;
  counts: Record<string, number>;
  requests: { to: string; id: string; issued: string; expires: string }[];
  devices: Row[];
}
