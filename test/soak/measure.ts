// Samples of what a pool's process holds while nothing runs, and whether that is flat.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from '../../src/pool/index.ts';
import type { Store } from '../../src/store/index.ts';
import { arithmetic } from '../pool/guests.ts';
import { type Held, held } from './probe.ts';

/** Of the main thread and of all threads of the pool together. */
export interface Sample {
  readonly main: Held;
  readonly threads: Held;
  /** Of the whole process, in bytes: noisy, for the host gives pages back when it likes. */
  readonly rss: number;
  /** Of the store, once all that nobody needs was collected. */
  readonly kept: Kept;
}

/** What a store holds: heads of jobs, and bytes of its file. */
export interface Kept {
  readonly heads: number;
  readonly file: number;
}

/** A store on disk, in that folder. */
export interface Place {
  readonly store: Store;
  readonly folder: string;
}

async function kept({ store, folder }: Place): Promise<Kept> {
  await store.collect();
  return { heads: (await store.list({ prefix: 'job/' })).length, file: statSync(join(folder, 'data.mdb')).size };
}

export const heldNames = [
  'heap',
  'buffers',
  'memories',
  'stores',
  'modules',
] as const satisfies readonly (keyof Held)[];
const probe = new URL('./probe.ts', import.meta.url);

interface Told {
  readonly thread: number;
  readonly held: Held;
}

/** No job may be under way. */
export async function sample(pool: Pool, place?: Place): Promise<Sample> {
  const told = new Map<number, Held>();
  // As many jobs at once as there are threads: each is busy for a while.
  while (told.size < pool.stats.threads) {
    const jobs = Array.from({ length: pool.stats.threads }, () =>
      pool.submit<Told>({ module: arithmetic, program: probe }),
    );
    for (const { thread, held } of await Promise.all(jobs.map(({ result }) => result))) told.set(thread, held);
  }
  const all = [...told.values()];
  const sum = (name: keyof Held) => all.reduce((total, of) => total + of[name], 0);
  const threads = Object.fromEntries(heldNames.map((name) => [name, sum(name)])) as unknown as Held;
  const nothing = { heads: 0, file: 0 };
  const { rss } = process.memoryUsage();
  return { main: await held(), threads, rss, kept: place === undefined ? nothing : await kept(place) };
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

export interface Change {
  readonly what: string;
  readonly first: number;
  readonly last: number;
}

/** Medians of the first and of the last quarter of the samples. */
export function changes(samples: readonly Sample[]): Change[] {
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const change = (what: string, of: (sample: Sample) => number): Change => ({
    what,
    first: middle(samples.slice(0, quarter).map(of)),
    last: middle(samples.slice(-quarter).map(of)),
  });
  return [
    ...heldNames.map((name) => change(`main ${name}`, ({ main }) => main[name])),
    ...heldNames.map((name) => change(`threads ${name}`, ({ threads }) => threads[name])),
    change('rss', ({ rss }) => rss),
    change('heads of jobs', ({ kept }) => kept.heads),
    change('file of the store', ({ kept }) => kept.file),
  ];
}

/** Besides a tenth: bytes of V8's own that come and go, and objects that are on their way out. */
const slack = (what: string): number => (what.endsWith('heap') ? 2 ** 20 : what.endsWith('buffers') ? 2 ** 22 : 4);
/** What other code and the allocator keep of pages is not ours to count; a store has some free pages between its own. */
const coarse: Readonly<Record<string, number>> = { rss: 64 * 2 ** 20, 'file of the store': 2 ** 20 };

export const isFlat = ({ what, first, last }: Change): boolean => last <= first * 1.1 + (coarse[what] ?? slack(what));

export const toText = ({ what, first, last }: Change): string => {
  const size = (n: number) => (first < 2 ** 16 ? `${n}` : `${(n / 2 ** 20).toFixed(1)} MiB`);
  return `${what}: ${size(first)} at first, ${size(last)} at last`;
};
