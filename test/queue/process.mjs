// A runner of its own process. What its service is asked it writes down at once: `ask NAME KEY IDENTITY ID ANSWER`; no two answers are
// the same, so that the results tell which of them have counted.

import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Runner } from '../../dist/src/queue/index.js';

const [, , url, store, log, name, threads, lease, askMs] = process.argv;
let asked = 0;
const env = {
  async ask(who, _round, { job, id }) {
    const answer = (Number(name) * 1_000_003 + ++asked * 7919) | 0;
    appendFileSync(log, `ask ${name} ${who} ${job} ${id} ${answer}\n`);
    await sleep(Math.random() * Number(askMs));
    return answer;
  },
};
const runner = new Runner({ url, store, threads: Number(threads), lease: Number(lease), services: { env }, jobs: 8 });
await runner.ready();
console.log('ready');
process.once('SIGTERM', async () => {
  const late = await runner.close(20_000);
  console.log(`late ${late}`);
  process.exit(late === 0 ? 0 : 1);
});
// Not longer than whoever has started it.
process.stdin.resume().once('end', () => process.exit(2));
