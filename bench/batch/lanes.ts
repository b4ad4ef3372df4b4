// Who does a batch: the pool, of this build and of an older one, by `map` and by `submit`, and Piscina with the host's
// WebAssembly.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import * as now from 'wasbox';
import * as nowPool from 'wasbox/pool';
import { pngSteps, type Task } from './task.ts';

const threads = 2;
/** How many jobs are under way, unless `map` says. */
const underWay = 32;

export interface Build {
  readonly name: string;
  readonly core: typeof now;
  readonly pool: typeof nowPool;
}

const { WASBOX_BEFORE: folder } = process.env;

/** This build, and the one of the checkout that `WASBOX_BEFORE` names. */
export async function builds(): Promise<Build[]> {
  const list: Build[] = [{ name: 'wasbox', core: now, pool: nowPool }];
  if (folder === undefined) return list;
  const load = (path: string) => import(join(folder, 'dist/src', path));
  return [...list, { name: 'before', core: await load('index.js'), pool: await load('pool/index.js') }];
}

export interface Lane {
  readonly who: string;
  /** Does so many jobs. Rejects where one has another answer than it must have. */
  run(count: number): Promise<void>;
  end(): Promise<unknown>;
}

/** Keeps so many under way until `count` are done. */
async function bounded(count: number, job: () => Promise<void>): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await job();
  };
  await Promise.all(Array.from({ length: underWay }, lane));
}

export function piscina(task: Task): Lane {
  const pool = new Piscina({
    filename: fileURLToPath(new URL('./worker.ts', import.meta.url)),
    ...{ minThreads: threads, maxThreads: threads },
    workerData: { module: new WebAssembly.Module(task.bytes as BufferSource) },
  });
  return {
    who: 'Piscina',
    run: (count) => bounded(count, async () => checked(task, await pool.run(task.input))),
    end: () => pool.destroy(),
  };
}

export function pools(build: Build, task: Task): Lane[] {
  const pool = new build.pool.Pool({ threads });
  const module = build.core.Module.from(task.bytes);
  const { input } = task;
  const isCall = typeof input === 'number';
  const given = isCall ? input : { decode: input };
  const job = () =>
    isCall
      ? pool.submit({ module, export: 'run', args: [input] })
      : pool.submit<readonly now.Value[]>({ module, program: pngSteps, input: given });
  const map = (inFlight?: number) => async (count: number) => {
    const inputs = Array.from({ length: count }, () => given);
    const target = isCall ? 'run' : pngSteps;
    for await (const output of pool.map(module, target, inputs, inFlight === undefined ? {} : { inFlight }))
      checked(task, output);
  };
  return [
    { who: `${build.name}, map`, run: map(), end: () => pool.close() },
    { who: `${build.name}, map of ${underWay}`, run: map(underWay), end: async () => {} },
    {
      who: `${build.name}, submit`,
      run: (count) => bounded(count, async () => checked(task, await job().result)),
      end: async () => {},
    },
  ];
}

function checked(task: Task, output: unknown): void {
  if (!task.check(output)) throw new Error(`${task.name} came to ${String(output)}`);
}
