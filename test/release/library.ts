/**
 * A stand-in for the flow library and the npm registry, for node-red-dev. That queries them at fixed https addresses, and
 * sends a request for such an address unchanged to the proxy named by `https_proxy`: this server.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A package in the library's catalogue, and the types of its nodes. */
export interface Listed {
  id: string;
  types: readonly string[];
}

/** Others with nodes of similar names, and the package itself as it will be listed. */
const LISTED: readonly Listed[] = [
  { id: '@example/node-red-nftables', types: ['nft-read', 'nft-change'] },
  { id: '@example/node-red-profiles', types: ['profile', 'set-profiles', 'watch'] },
  { id: '@smartserver/node-red-firewall', types: ['smartserver', 'read-firewall', 'set-profile', 'toggle-service'] },
];

/** What the registry says about Node-RED, as far as it is queried. */
const NODE_RED = { 'dist-tags': { latest: '5.0.7' }, versions: { '5.0.7': { engines: { node: '>=22.9' } } } };

export interface Library {
  /** The value for `https_proxy`. */
  url: string;
  /** The requested paths, on whatever host. */
  asked: string[];
  close(): void;
}

/** @param listed what else the catalogue lists */
export async function startLibrary(listed: readonly Listed[] = []): Promise<Library> {
  const answers: Readonly<Record<string, unknown>> = {
    '/catalogue.json': { modules: [...LISTED, ...listed] },
    '/node-red': NODE_RED,
  };
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const address = new URL(request.url ?? '', 'http://nowhere').pathname;
    asked.push(address);
    const answer = answers[address];
    response.writeHead(answer ? 200 : 502, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? null));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked, close: () => server.close() };
}
