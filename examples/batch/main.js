// A batch in which no job is lost. Each has a deadline; one that is over it ends with an error that holds its state, and
// goes on from there in the next round, with more time. A job whose thread dies goes on from its last checkpoint.
//
//     node examples/batch/main.js

import { readFile } from 'node:fs/promises';
import { Module } from 'wasbox';
import { JobLimitError, Pool } from 'wasbox/pool';

const module = Module.from(await readFile(new URL('count.wasm', import.meta.url)));
const pool = new Pool({ threads: 2, sliceMs: 5 });
/** Without them, a thread that dies takes its jobs along: they would end with WorkerError. */
const careful = /** @type {const} */ ({ onCrash: 'retry', checkpointEvery: 10 });

// A deadline counts from the moment a job is submitted: threads are there before that.
await Promise.all([1, 2].map((limit) => pool.submit({ module, export: 'count', args: [limit] }).result));

const limits = [1000, 5000, 20_000, 40_000, 60_000];
let open = limits.map((limit) => ({
  limit,
  begin: (/** @type {number} */ deadline) =>
    pool.submit({ module, export: 'count', args: [limit], deadline, ...careful }),
}));

for (let deadline = 150, round = 1; open.length > 0; deadline *= 2, round++) {
  const jobs = open.map(({ limit, begin }) => ({ limit, job: begin(deadline) }));
  open = [];
  for (const { limit, job } of jobs)
    try {
      const [count] = /** @type {number[]} */ (await job.result);
      console.log(`round ${round}: ${count} primes below ${limit}`);
    } catch (error) {
      if (!(error instanceof JobLimitError)) throw error;
      // Where there was no time to save it, it begins anew.
      const { snapshot } = error;
      if (snapshot === undefined) console.log(`round ${round}: ${limit} was late, and begins anew`);
      else console.log(`round ${round}: ${limit} was late after ${job.stats.slices} slices, and goes on`);
      open.push({
        limit,
        begin: (deadline) =>
          snapshot === undefined
            ? pool.submit({ module, export: 'count', args: [limit], deadline, ...careful })
            : pool.resume(snapshot, { deadline }),
      });
    }
}
await pool.close();
