// A process that runs jobs with keys on a store until it is killed, and loses a thread now and then. What it sees it writes down at
// once: `ask KEY IDENTITY ID`, each call that its service got, and `done KEY RESULT`. It prints `all` when all have their results.

import { appendFileSync, readFileSync } from 'node:fs';
import { Pool } from '../../../dist/src/pool/index.js';

const [, , path, log, wasm, jobs, rounds] = process.argv;
const module = readFileSync(wasm);
const write = (...words) => appendFileSync(log, `${words.join(' ')}\n`);
let calls = 0;
const env = {
  async ask(who, round, { job, id }) {
    write('ask', who, job, id);
    if (++calls % 150 === 0) killThread();
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    return (who * 1_000_003 + round * 7919) | 0;
  },
};

const { pool, jobs: found } = await Pool.recover(path, { threads: 2, services: { env }, lease: 1000 });
console.log(`recovered ${found.size}`);
const ends = Array.from({ length: Number(jobs) }, async (_, who) => {
  const args = [who, Number(rounds), 100 + ((who * 37) % 400)];
  const [result] = await pool.submit({ module, export: 'run', args, key: String(who), saveEvery: { ms: 100 } }).result;
  write('done', who, result);
});

/** Some thread, whatever it does. */
function killThread() {
  const { threads } = pool.life;
  threads.kill(threads.ids[Math.floor(Math.random() * threads.ids.length)]);
}

try {
  await Promise.all(ends);
} catch (error) {
  write('error', error.stack.replaceAll('\n', ' | '));
  throw error;
}
await pool.close();
console.log('all');
