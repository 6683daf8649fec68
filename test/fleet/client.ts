/** A client of a fleet's broker, in the test's own process. */
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
  /** Called with each message instead of collecting it in `received`, for thousands of messages. */
  onMessage: ((topic: string) => void) | undefined;

  private constructor(
    private readonly mqtt: MqttClient,
    private readonly closePort: () => Promise<void>,
  ) {
    // The test learns in another way that a connection has ended.
    mqtt.on('error', () => undefined);
    mqtt.on('message', (topic, payload, { retain }) => {
      if (this.onMessage) this.onMessage(topic);
      else this.received.push({ topic, text: payload.toString(), retain });
    });
  }

  /** Logs on to the office's broker over TLS. Rejects with the broker's reason; does not retry. */
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

  /** Resolves when the broker has accepted it, and rejects with the broker's reason. */
  async publish(topic: string, value: unknown, options: { retain?: boolean; seconds?: number } = {}): Promise<void> {
    const payload = typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value);
    const properties = options.seconds === undefined ? {} : { messageExpiryInterval: options.seconds };
    await this.mqtt.publishAsync(topic, payload, { qos: 1, retain: options.retain ?? false, properties });
  }

  /** Resolves when the retained messages of these topics have arrived as well: a later message of its own follows them. */
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

  /** Drops the connection without notice, like a device that loses power. */
  cut(): void {
    this.mqtt.stream.destroy();
  }

  /** Disconnects properly if still connected, so that the broker publishes no last will. */
  async close(): Promise<void> {
    await this.mqtt.endAsync(!this.mqtt.connected);
    await this.closePort();
  }
}
