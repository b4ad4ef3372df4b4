// A process that commits to the store in a folder until it is killed, and tells each commit that was acknowledged: `put N`, with
// two heads that must always be the same and a blob for both; or `add N`, the count that it has reached in a race with others.

import { createHash } from 'node:crypto';
import { blobName, openStore } from '../../dist/src/store/disk/index.js';

const [, , path, mode, most = 'Infinity'] = process.argv;
const store = await openStore(path);
const encoder = new TextEncoder();
const numberIn = (head) => Number(new TextDecoder().decode(head.data));
const say = (line) => new Promise((resolve) => process.stdout.write(`${line}\n`, resolve));
/** Bytes that only this number makes: large enough for many pages. */
export const content = (n) => {
  const seed = createHash('sha512').update(String(n)).digest();
  return new Uint8Array(Buffer.concat(Array.from({ length: 1 + ((n * 37) % 400) }, () => seed)));
};

async function put() {
  const left = await store.head('left');
  const right = await store.head('right');
  const n = left === undefined ? 1 : numberIn(left) + 1;
  const leaf = { bytes: content(n) };
  const node = { bytes: encoder.encode(String(n)), links: [blobName(leaf)] };
  const state = { data: encoder.encode(String(n)), links: [blobName(node)] };
  const change = (name, head) => ({ name, expected: head?.version ?? 0, state });
  await store.commit({ blobs: [leaf, node], heads: [change('left', left), change('right', right)] });
  await say(`put ${n}`);
  if (n % 50 === 0) await store.collect();
}

async function add() {
  const count = await store.head('count');
  const n = count === undefined ? 1 : numberIn(count) + 1;
  const heads = [{ name: 'count', expected: count?.version ?? 0, state: { data: encoder.encode(String(n)) } }];
  try {
    await store.commit({ heads });
  } catch (error) {
    if (error.reason === 'conflict') return;
    throw error;
  }
  await say(`add ${n}`);
}

if (path !== undefined) {
  await say('open');
  const act = { put, add }[mode];
  for (let i = 0; i < Number(most); i++) await act();
  await store.close();
}
