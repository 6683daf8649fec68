/** What the engine needs of Node.js's globals, for the browser. */

type Encoding = 'latin1' | 'utf8' | 'hex';

/** As many characters as one call takes arguments, at most. */
const SLICE = 8192;

class Bytes extends Uint8Array {
  override toString(encoding: Encoding = 'utf8'): string {
    if (encoding === 'utf8') return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this);
    let text = '';
    for (let at = 0; at < this.length; at += SLICE) text += String.fromCharCode(...this.subarray(at, at + SLICE));
    return text;
  }
}

/** Up to what is no byte, as Node.js does. */
const pairsIn = (hex: string): string[] => /^(?:[\da-f]{2})*/i.exec(hex)?.[0].match(/../g) ?? [];

function bytesOf(text: string, encoding: Encoding): ArrayLike<number> {
  if (encoding === 'utf8') return new TextEncoder().encode(text);
  if (encoding === 'hex') return pairsIn(text).map((pair) => Number.parseInt(pair, 16));
  return Uint8Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
}

/** `Buffer.from` of a text, and `toString`. */
export const Buffer = {
  from: (text: string, encoding: Encoding = 'utf8'): Bytes => new Bytes(bytesOf(text, encoding)),
};

/** A turn of the event loop that comes at once: browsers make timeouts wait. */
export function setImmediate(call: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    call();
  };
  port2.postMessage(null);
}
