// A runner of its own process. What its service is asked it writes down at once: `ask NAME KEY IDENTITY ID ANSWER`; no two answers are
// the same, so that the results tell which of them have counted. By a line of its standard input its store becomes `slow`, `full`,
// `away`, or `well` again.

import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Runner } from '../../dist/src/queue/index.js';
import { openStore, StoreError } from '../../dist/src/store/disk/index.js';

const [, , url, place, log, name, threads, lease, askMs] = process.argv;
let asked = 0;
const env = {
  async ask(who, _round, { job, id }) {
    const answer = (Number(name) * 1_000_003 + ++asked * 7919) | 0;
    appendFileSync(log, `ask ${name} ${who} ${job} ${id} ${answer}\n`);
    await sleep(Math.random() * Number(askMs));
    return answer;
  },
};

let trouble = 'well';
const fail = (reason) => {
  throw new StoreError('a store of a test', reason, 'test');
};
/** A store that does what it is told to: of what fails, half was done. */
const troubled = (store) =>
  new Proxy(store, {
    get(target, key) {
      const method = target[key];
      if (typeof method !== 'function') return method;
      return async (...args) => {
        const ask = () => method.apply(target, args);
        if (key === 'close' || trouble === 'well') return ask();
        if (trouble === 'full') return key === 'commit' ? fail('full') : ask();
        await sleep(trouble === 'slow' ? Number(lease) * (0.3 + Math.random()) : 50);
        if (trouble !== 'away') return ask();
        if (Math.random() < 0.5) await ask();
        return fail('gone');
      };
    },
  });

const store = await openStore(place);
const runner = new Runner({
  ...{ url, store: troubled(store), threads: Number(threads), lease: Number(lease), services: { env }, jobs: 8 },
});
await runner.ready();
console.log(`ready ${runner.pool.kept.ledger.owner}`);
process.once('SIGTERM', async () => {
  const late = await runner.close(20_000);
  await store.close();
  console.log(`late ${late}`);
  process.exit(late === 0 ? 0 : 1);
});
// Not longer than whoever has started it.
process.stdin
  .on('data', (told) => {
    trouble = String(told).trim().split('\n').at(-1);
  })
  .once('end', () => process.exit(2));
