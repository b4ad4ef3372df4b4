// How long it takes from a request of the main thread until the state of a guest that runs on another one is in hand.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Module, type VmOptions } from 'wasbox';
import { type Job, Pool } from 'wasbox/pool';
import type { Section } from '../measure/table.ts';
import { assemble } from '../measure/work.ts';

const requests = 1000;
/**
 * Requests that come before what is measured, as fast as they can. V8 compiles what takes and stores states in the
 * meantime, on threads of its own: where there are two processors they take one of those that ours run on, for some ms.
 */
const warmUps = 4000;
/** Guests that do not end before the bench does: loops without calls, and little but calls. */
const guests = { 'loops (collatz)': ['collatz', 2 ** 31 - 1], 'calls (fib)': ['fib', 60] } as const;
const engines: readonly Engine[] = ['native', 'interpreter'];

/** What is asked, again and again. Each request finds the guest running. */
interface Asked {
  /** Milliseconds of one request; afterwards the guest runs on. */
  request(): Promise<number>;
  end(): Promise<unknown>;
}
type Engine = NonNullable<VmOptions['engine']>;
type Way = (bytes: Uint8Array, arg: number, engine: Engine) => Promise<Asked>;

const ways: Readonly<Record<string, Way>> = {
  'the pool, `job.suspend()`, in bytes': throughPool,
  'a pause flag, in bytes': direct('bytes'),
  'a pause flag, sent as it is': direct('message'),
};

export async function latency(): Promise<Section> {
  const rows: string[][] = [];
  for (const engine of engines)
    for (const [guest, [kernel, arg]] of Object.entries(guests))
      for (const [way, ask] of Object.entries(ways))
        rows.push([engine, guest, way, ...(await row(await ask(await assemble(kernel), arg, engine)))]);
  return {
    title: 'Pause latency',
    text: `From the main thread's request to the snapshot in its hand, in ms, of a guest that is running on another thread; ${requests} requests each after ${warmUps} others, some milliseconds apart: V8 has compiled by then what it compiles. Last, how many of the first ${requests} of all are within 2 ms, while it does.`,
    head: ['engine', 'guest', 'asked through', 'median', '99 %', 'most', 'within 2 ms', `of the first ${requests}`],
    rows,
  };
}

async function row(asked: Asked): Promise<string[]> {
  const times: number[] = [];
  const atFirst: number[] = [];
  for (let i = -warmUps; i < requests; i++) {
    await sleep(i < 0 ? 1 : 2 + Math.random() * 12);
    const ms = await asked.request();
    if (i >= 0) times.push(ms);
    else if (atFirst.length < requests) atFirst.push(ms);
  }
  await asked.end();
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.ceil(share * times.length) - 1] as number).toFixed(2);
  return [at(0.5), at(0.99), at(1), soon(times), soon(atFirst)];
}

const soon = (times: readonly number[]) =>
  `${((100 * times.filter((ms) => ms <= 2).length) / times.length).toFixed(1)} %`;

async function throughPool(bytes: Uint8Array, arg: number, engine: Engine): Promise<Asked> {
  const pool = new Pool({ threads: 1 });
  let job: Job<unknown> = pool.submit({ module: Module.from(bytes), export: 'run', args: [arg], engine });
  return {
    async request() {
      const started = performance.now();
      const snapshot = await job.suspend();
      const ms = performance.now() - started;
      job = pool.resume(snapshot);
      return ms;
    },
    end: () => pool.terminate(),
  };
}

function direct(form: 'bytes' | 'message'): Way {
  return async (bytes, arg, engine) => {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const url = new URL('./latency-worker.js', import.meta.url);
    const worker = new Worker(url, { workerData: { pause, bytes, arg, engine, form } });
    const heard = async () => (await once(worker, 'message'))[0] as unknown;
    const run = (state: unknown) => {
      Atomics.store(pause, 0, 0);
      worker.postMessage(state);
      return heard();
    };
    await run(null);
    return {
      async request() {
        const started = performance.now();
        Atomics.store(pause, 0, 1);
        const state = await heard();
        const ms = performance.now() - started;
        await run(form === 'bytes' ? null : state);
        return ms;
      },
      end: () => worker.terminate(),
    };
  };
}
