/** One HTTP request that trusts any certificate and follows no redirect. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { FetchOptions, FetchResult } from './protocol';

/** Milliseconds of silence after which a request fails. */
const silenceMs = 10_000;

/** Rejects when there is no answer. A status such as 404 is an answer. */
export function fetch(url: string, options: FetchOptions): Promise<FetchResult> {
  const secure = url.startsWith('https:');
  return new Promise((resolve, reject) => {
    const settings = {
      method: options.method ?? 'GET',
      headers: options.headers,
      agent: false,
      timeout: options.silenceMs ?? silenceMs,
      ...(secure && { rejectUnauthorized: false }),
    };
    const request = (secure ? httpsRequest : httpRequest)(url, settings, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.on('timeout', () =>
      request.destroy(new Error(`No answer from ${url} in ${options.silenceMs ?? silenceMs} ms.`)),
    );
    request.on('error', reject);
    request.end(options.body);
  });
}
