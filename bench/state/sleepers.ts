// Programs that wait by the hundred thousand, in a store on disk: what they take there and in the process that has them, how
// fast one of them is woken, and how fast all are listed. `WASBOX_SLEEPERS` says how many.

import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { figure, quantile } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import type { Found, Order, Said } from './sleepers-process.ts';

const count = Number(process.env.WASBOX_SLEEPERS ?? 100_000);
const samples = 1000;
/** Those that are in a pool at once. */
const mostHeld = Math.min(count, 10_000);

export async function sleepers(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-sleepers-'));
  try {
    const made = await part({ part: 'make', folder, count, samples });
    const held = await part({ part: 'hold', folder, count: mostHeld, samples });
    const listed = await part({ part: 'list', folder, count, samples });
    const recovered = await part({ part: 'recover', folder, count, samples: samples / 4 });
    return sectionOf(made, held, listed, recovered);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function part(order: Order): Promise<Found> {
  const child = fork(new URL('./sleepers-process.ts', import.meta.url), { serialization: 'advanced' });
  return new Promise((resolve, reject) => {
    child.on('message', (said: Said) => {
      if ('told' in said) console.error(said.told);
      else resolve(said.found);
    });
    child.on('exit', (code) => reject(new Error(`the process of \`${order.part}\` ended with ${code}`)));
    child.send(order);
  });
}

const of = (found: Found, name: string): readonly number[] => {
  const list = found[name];
  if (list === undefined || list.length === 0) throw new Error(`nothing was measured of ${name}`);
  return list;
};
const one = (found: Found, name: string): number => of(found, name)[0] as number;
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
const kib = (bytes: number): string => (bytes / 1024).toFixed(2);

function percentiles(found: Found, name: string): string {
  const samples = of(found, name);
  const at = (part: number) => quantile(samples, part).toFixed(2);
  return `p50 ${at(0.5)}, p99 ${at(0.99)} (of ${samples.length})`;
}

/** What grows with each: bytes of the file, ms of a listing, bytes of the process. */
function byMillion(file: number, list: number, process: number): string {
  const times = 1e6 / count;
  const gib = (bytes: number) => ((bytes * times) / 2 ** 30).toFixed(1);
  return [gib(file), ((list * times) / 1000).toFixed(1), gib(process)].join('; ');
}

function sectionOf(made: Found, held: Found, listed: Found, recovered: Found): Section {
  const [rss, listRss] = of(listed, 'rss') as [number, number];
  return {
    title: 'Sleepers',
    text: `${count} jobs with a key that wait for a service, each with 4 KiB of its own in a memory of 64 KiB, in a store on disk. Each part in a process of its own; times in ms.`,
    head: ['what', ''],
    rows: [
      ['making one, with all others', one(made, 'made').toFixed(2)],
      ['file of the store, MiB; for each, KiB', `${mib(one(made, 'bytes'))}; ${kib(one(made, 'bytes') / count)}`],
      ['a process that has the store open, MiB', mib(rss)],
      [`listing all ${one(listed, 'keys')}`, cell(figure(of(listed, 'lists')))],
      ['that process once it has listed them five times, MiB', mib(listRss)],
      ['from the store to the end of its next step, in that process', percentiles(listed, 'wakes')],
      [
        `in a pool that has ${mostHeld} of them asleep: what each adds to the process, KiB; to its heap`,
        `${kib(one(held, 'rss'))}; ${kib(one(held, 'heap'))}`,
      ],
      ['from the answer to its result, which is durable', percentiles(held, 'results')],
      [
        'of 1,000,000, by calculation: the file, GiB; listing them, s; in a process that listed them, GiB',
        byMillion(one(made, 'bytes'), figure(of(listed, 'lists')).median, listRss - rss),
      ],
      ['by a new pool, taken over, asked again, to its durable result', percentiles(recovered, 'results')],
    ],
  };
}
