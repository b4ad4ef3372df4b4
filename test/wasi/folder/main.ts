// `npm run escape -- --count N [--seed S]`: so many tries to get out of a folder, while another thread changes it.

import { parseArgs } from 'node:util';
import { tryToEscape } from './escape.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const { answers, changes } = await tryToEscape({
  count: Number(values.count),
  seed: Number(values.seed),
  raced: true,
  progress: (done) => process.stderr.write(`\r${done} tries`),
});
console.log(`\r${values.count} tries beside ${changes} changes by another thread: nothing outside was reached`);
console.log(
  [...answers]
    .sort(([, a], [, b]) => b - a)
    .map(([answer, count]) => `${answer} ${count}`)
    .join(', '),
);
