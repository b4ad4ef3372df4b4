// What two sides with ports of Node do, as the members do it: one asks, the other answers. A worker loads this, so it loads
// nothing itself.

import type { MessagePort } from 'node:worker_threads';

/** The ports of one side, by what comes by them. */
export interface Side {
  /** Messages that are sent back, copied. */
  readonly copied: MessagePort;
  /** Likewise, given away each time. */
  readonly given: MessagePort;
  /** Messages that are counted. */
  readonly stream: MessagePort;
}

export interface Order {
  readonly by: keyof Side;
  readonly count: number;
  /** Bytes of each message. */
  readonly size: number;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset);
const wordOf = (bytes: Uint8Array): number => view(bytes).getInt32(0, true);

function post(port: MessagePort, bytes: Uint8Array, word: number, gives: boolean): void {
  view(bytes).setInt32(0, word, true);
  if (gives) port.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
  else port.postMessage(bytes);
}

/** Adds one to the first word of what is to come back, and tells the sum of those of a stream once there was a 1. */
export function answer({ copied, given, stream }: Side, tell: (sum: number) => void): void {
  copied.on('message', (bytes: Uint8Array) => post(copied, bytes, wordOf(bytes) + 1, false));
  given.on('message', (bytes: Uint8Array) => post(given, bytes, wordOf(bytes) + 1, true));
  let sum = 0;
  stream.on('message', (bytes: Uint8Array) => {
    const word = wordOf(bytes);
    sum = (sum + word) | 0;
    if (word !== 1) return;
    tell(sum);
    sum = 0;
  });
}

/** Does what is ordered; tells the sum of what came back. */
export function asker(side: Side, tell: (sum: number) => void): (order: Order) => void {
  let left = 0;
  let sum = 0;
  const hear = (port: MessagePort, gives: boolean) =>
    port.on('message', (bytes: Uint8Array) => {
      sum = (sum + wordOf(bytes)) | 0;
      if (--left === 0) tell(sum);
      else post(port, bytes, left, gives);
    });
  hear(side.copied, false);
  hear(side.given, true);
  return ({ by, count, size }) => {
    const bytes = new Uint8Array(size);
    if (by === 'stream') for (let word = count; word > 0; word--) post(side.stream, bytes, word, false);
    else {
      left = count;
      sum = 0;
      post(side[by], bytes, count, by === 'given');
    }
  };
}
