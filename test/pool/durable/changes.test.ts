// A job that is saved again and again is kept as what has changed, and goes on from any number of changes.

import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { Commit, Store } from '../../../src/store/index.ts';
import { noisy } from '../guests.ts';
import { memoryStore, Pool } from './built.ts';
import { answerTo } from './guests.ts';

/** Bytes of each commit that keeps any. */
function counting(store: Store): { readonly store: Store; readonly commits: number[] } {
  const commits: number[] = [];
  const commit = (what: Commit) => {
    const bytes = (what.blobs ?? []).reduce((sum, blob) => sum + blob.bytes.length, 0);
    if (bytes > 0) commits.push(bytes);
    return store.commit(what);
  };
  const rest = ['head', 'list', 'get', 'has', 'collect', 'close'] as const;
  const others = Object.fromEntries(rest.map((name) => [name, (store[name] as (what: never) => unknown).bind(store)]));
  return { commits, store: { commit, ...others } as unknown as Store };
}

const rounds = 50;
const job = { module: noisy.bytes, export: 'run', args: [3, rounds], key: 'noisy' };

for (const engine of ['interpreter', 'native'] as const)
  test.serial(`each time it asks, what has changed is kept, and it goes on from there (${engine})`, async (t) => {
    const { store, commits } = counting(memoryStore());
    const services = { env: { ask: async (who: number, round: number) => answerTo(who, round) } };
    const plain = new Pool({ threads: 1, services });
    const expected = await plain.submit({ ...job, key: undefined, engine }).result;
    await plain.close();

    let asked = 0;
    const slow = {
      env: {
        ask: async (who: number, round: number) =>
          asked++ === 30 ? new Promise<never>(() => {}) : answerTo(who, round),
      },
    };
    const first = new Pool({ threads: 1, store, lease: 200, services: slow as never });
    const begun = first.submit({ ...job, engine });
    begun.result.catch(() => {});
    while (asked <= 30) await sleep(5);
    const large = commits.filter((bytes) => bytes > 4_000_000);
    const small = commits.filter((bytes) => bytes < 100_000);
    t.true(large.length >= 2 && large.length <= 4, `${large.length} of ${commits.length} are whole`);
    t.true(small.length > 25, `${small.length} of ${commits.length} are changes`);
    await first.terminate();

    const { pool, jobs } = await Pool.recover(store, { threads: 1, services });
    t.deepEqual(await jobs.get('noisy')?.result, expected);
    await pool.close();
  });
