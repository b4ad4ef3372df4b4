// What this thread holds once its garbage is gone. As a job module it tells so of the thread that the job is on.

import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { threadId } from 'node:worker_threads';
import { spareMemories } from '../../src/runtime/memory/memory.ts';
import { Module } from '../../src/runtime/module/module.ts';
import { Store } from '../../src/runtime/store.ts';
import { gc } from '../gc.ts';

/** Bytes, and counts of objects. */
export interface Held {
  readonly heap: number;
  /** Of buffers of this thread that are not shared. */
  readonly buffers: number;
  /** Without those in reserve. */
  readonly memories: number;
  readonly stores: number;
  readonly modules: number;
}

const count = (made: object): number => queryObjects(made as never, { format: 'count' });

export async function held(): Promise<Held> {
  gc();
  // What finalizers let go of is found by the next collections; counting is one, too.
  await sleep(2);
  const [memories, stores] = [count(WebAssembly.Memory) - spareMemories().count, count(Store)];
  await sleep(2);
  const modules = count(Module);
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers, memories, stores, modules };
}

export const start = async () => ({ done: { thread: threadId, held: await held() } });
