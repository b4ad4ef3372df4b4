// A thread is not ended while it is in the host's zlib, where that would end the process: it says so by a word.

import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Piscina } from 'piscina';
import { Pool } from '../../../src/pool/index.ts';
import { holdWhilePacking } from '../../../src/pool/thread/hold.ts';
import { holds, loadedAt, type WorkerData } from '../../../src/pool/told/protocol.ts';
import { codings, deflate, guardPacking, pack, unpack } from '../../../src/snapshot/container/packing.ts';
import { arithmetic } from '../guests.ts';
import { threadsOf } from './threads-of.ts';

test.serial('the word is held while something is packed or unpacked, and free afterwards', (t) => {
  t.teardown(() => guardPacking((act) => act()));
  const words = new Int32Array(new SharedArrayBuffer(8));
  let slot = -1;
  const seen: number[] = [];
  holdWhilePacking(words, () => {
    seen.push(slot);
    return slot;
  });
  const contents = new Uint8Array(4096);
  const { length } = pack(contents).bytes;
  t.deepEqual([...words], [holds.free, holds.free], 'nothing is held for whom no slot is known');
  slot = 1;
  const packed = pack(contents);
  t.is(packed.bytes.length, length);
  t.deepEqual(unpack(packed, 4096), contents);
  const bytes = deflate(contents, 9);
  t.deepEqual(unpack({ coding: codings.deflate, bytes }, 4096), contents);
  t.deepEqual(seen, [-1, 1, 1, 1, 1]);
  t.deepEqual([...words], [holds.free, holds.free]);
  let within = -1;
  const watched = {
    bytes: contents,
    get coding() {
      within = Atomics.load(words, 1);
      return codings.stored;
    },
  };
  unpack(watched, 4096);
  t.is(within, holds.held);
  t.throws(() => unpack({ coding: codings.deflate, bytes: Uint8Array.of(255, 255) }, 10));
  t.deepEqual([...words], [holds.free, holds.free]);
});

test.serial('a thread that holds its word is ended once it has let go', async (t) => {
  const pool = new Pool({ threads: 1 });
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 2] }).result, [3]);
  const threads = threadsOf(pool);
  const [id] = threads.ids as [number];
  const { hold } = threads as unknown as { hold: Int32Array };
  Atomics.store(hold, 0, holds.held);
  threads.kill(id);
  await sleep(200);
  t.true(threads.ids.includes(id));
  Atomics.store(hold, 0, holds.free);
  while (threads.ids.includes(id)) await sleep(5);
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [3, 4] }).result, [7]);
  t.is(Atomics.load(hold, 0), holds.free, 'the next one has the word for itself');
  await pool.close();
});

test.serial('threads that are still loading what they run are not ended', async (t) => {
  const { destroy } = Piscina.prototype;
  const loaded: boolean[] = [];
  Piscina.prototype.destroy = function () {
    const { loaded: words } = this.options.workerData as unknown as WorkerData;
    for (const { threadId } of this.threads) loaded.push(words[loadedAt(threadId)] === threadId);
    return destroy.call(this);
  };
  t.teardown(() => {
    Piscina.prototype.destroy = destroy;
  });
  const pool = new Pool({ threads: 2 });
  await pool.close();
  t.deepEqual(loaded, [true, true]);
});

test.serial('those that cannot load it are', async (t) => {
  const pool = new Pool({ threads: 2, execArgv: ['--import=data:text/javascript,throw%201'] });
  await t.throwsAsync(pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result);
  await pool.close();
});
