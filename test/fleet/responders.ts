/**
 * Runs on the operator's machine: many simulated devices. Each has its own connection to the broker, publishes a retained
 * state, and answers each request after a moment, as a device would that has carried it out.
 * Prints `ready` once all are connected and `answered N` as results have reached the broker.
 */
import { readFileSync } from 'node:fs';
import { connect, type MqttClient } from 'mqtt';

export interface Simulated {
  port: number;
  /** The file with the certificate of the fleet's CA. */
  ca: string;
  accounts: readonly { username: string; password: string }[];
  /** The maximum delay of an answer, in ms. */
  delayMs: number;
}

interface Envelope {
  id: string;
  issued: string;
  action: string;
  request: { profile?: string };
}

const { port, ca, accounts, delayMs } = JSON.parse(readFileSync(0, 'utf8')) as Simulated;
const authority = readFileSync(ca);
let ready = 0;
let answered = 0;

function open({ username, password }: Simulated['accounts'][number]): void {
  const own = `smartserver/device/${username}/firewall`;
  const retained = { qos: 1, retain: true } as const;
  const client: MqttClient = connect({
    ...{ protocol: 'mqtts', host: 'localhost', port, ca: authority, username, password, clientId: username },
    ...{ protocolVersion: 5, clean: true, keepalive: 60, reconnectPeriod: 500 },
    will: { topic: `${own}/state`, payload: Buffer.from('{"online":false}'), ...retained },
  });
  let profile = 'enhanced';
  let lastRequest: Pick<Envelope, 'id' | 'issued'> | null = null;
  const publishState = (): Promise<unknown> => {
    const state = {
      online: true,
      at: new Date().toISOString(),
      active: true,
      profile,
      lastRequest,
      group: 'simulated',
    };
    return client.publishAsync(`${own}/state`, JSON.stringify(state), retained);
  };
  client.on('connect', async () => {
    await client.subscribeAsync(['smartserver/all/firewall/request', `${own}/request`], { qos: 1 });
    await publishState();
    ready += 1;
    if (ready === accounts.length) process.stdout.write('ready\n');
  });
  client.on('message', (_topic, payload) => {
    const { id, issued, action, request } = JSON.parse(payload.toString()) as Envelope;
    setTimeout(async () => {
      profile = request.profile ?? profile;
      lastRequest = { id, issued };
      const result = { id, action, at: new Date().toISOString(), outcome: 'done', error: null, changed: true, profile };
      await client.publishAsync(`${own}/result`, JSON.stringify(result), { qos: 1 });
      await publishState();
      answered += 1;
      process.stdout.write(`answered ${answered}\n`);
    }, Math.random() * delayMs);
  });
  client.on('error', (error) => process.stderr.write(`${username}: ${error.message}\n`));
}

for (const account of accounts) open(account);
