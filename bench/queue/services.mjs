// What runners of the demo answer to guests: `ask`, which also writes down who was asked, `NAME KEY IDENTITY ID`.

import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { DEMO_LOG: log, DEMO_NAME: name } = process.env;

export const services = {
  env: {
    async ask(who, round, { job, id }) {
      appendFileSync(log, `${name} ${who} ${job} ${id}\n`);
      await sleep(10);
      return (who * 1_000_003 + round * 7919) | 0;
    },
  },
};
