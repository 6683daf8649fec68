/** A program at the broker of a fleet, in the test's own process. */
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { until } from '../firewall/until';
import { BROKER_PORT, type Office } from './office';

export interface Received {
  topic: string;
  text: string;
  retain: boolean;
}

export class Client {
  readonly received: Received[] = [];
  /** Told of each message in place of `received`, where there are thousands. */
  onMessage: ((topic: string) => void) | undefined;

  private constructor(
    private readonly mqtt: MqttClient,
    private readonly closePort: () => Promise<void>,
  ) {
    // Of a connection that ends the test hears otherwise.
    mqtt.on('error', () => undefined);
    mqtt.on('message', (topic, payload, { retain }) => {
      if (this.onMessage) this.onMessage(topic);
      else this.received.push({ topic, text: payload.toString(), retain });
    });
  }

  /** Logs on to the office's broker by TLS. Rejects with what the broker says against it; does not try again. */
  static async open(office: Office, name: string, options: IClientOptions = {}): Promise<Client> {
    const { port, close } = await office.device.forward(BROKER_PORT);
    const base: IClientOptions = { protocolVersion: 5, reconnectPeriod: 0, ca: office.ca, ...office.accountOf(name) };
    try {
      return new Client(await connectAsync(`mqtts://localhost:${port}`, { ...base, ...options }), close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Resolves when the broker has taken it, and rejects with what it says against it. */
  async publish(topic: string, value: unknown, options: { retain?: boolean; seconds?: number } = {}): Promise<void> {
    const payload = typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value);
    const properties = options.seconds === undefined ? {} : { messageExpiryInterval: options.seconds };
    await this.mqtt.publishAsync(topic, payload, { qos: 1, retain: options.retain ?? false, properties });
  }

  /** Resolves when what the broker keeps of these topics has come, too: a question of its own is answered after it. */
  async subscribe(...topics: string[]): Promise<void> {
    await this.mqtt.subscribeAsync(topics, { qos: 1 });
  }

  /** Waits for a message. */
  async until(wanted: (message: Received) => boolean): Promise<Received> {
    await until(async () => this.received.some(wanted));
    return this.received.find(wanted) as Received;
  }

  /** Resolves when the broker has ended the connection. */
  async ended(): Promise<void> {
    if (this.mqtt.connected) await new Promise<void>((resolve) => this.mqtt.once('close', () => resolve()));
  }

  /** Ends the connection without a word, as a device does that loses its power. */
  cut(): void {
    this.mqtt.stream.destroy();
  }

  /** Says good-bye, if there is anybody to say it to: then the broker says no last will. */
  async close(): Promise<void> {
    await this.mqtt.endAsync(!this.mqtt.connected);
    await this.closePort();
  }
}
