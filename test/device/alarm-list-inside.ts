/** Runs inside the device: answers over TLS with what the file says at that moment, and prints each address asked for. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AlarmAnswer } from './alarm-list';

const [port, file = '', cert = '', key = ''] = process.argv.slice(2);

const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, ({ method, url }, response) => {
  const { status, type, body } = JSON.parse(readFileSync(file, 'utf8')) as AlarmAnswer;
  response.writeHead(status, { 'content-type': type, connection: 'close' }).end(body);
  console.log(`${method} ${url}`);
});
const listen = (): unknown => server.listen(Number(port), () => console.log('listening'));
// A web server that was told to end may not have done so yet.
server.on('error', () => setTimeout(listen, 50));
listen();
