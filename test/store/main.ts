// `npm run store-faults -- --seconds N --seed N`: kills, races and damage for as long as you like.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { damagedOnce, damages, killed, numbers, raced, written } from './faults.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
const end = performance.now() + Number(values.seconds ?? 60) * 1000;
const seed = Number(values.seed ?? Date.now() % 100_000);
console.log(`seed ${seed}`);
const random = numbers(seed);
const root = mkdtempSync(join(tmpdir(), 'wasbox-store-'));
const whole = join(root, 'whole');
const content = await written(whole, 200);
const counts: Record<string, number> = {};
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1;
};

while (performance.now() < end) {
  await killed(join(root, 'killed'), 2, random);
  count('killed twice, nothing lost');
  await raced(join(root, 'raced'), 20);
  count('raced');
  for (const [title, damage] of Object.entries(damages))
    for (let i = 0; i < 5; i++)
      count(`${title}: ${await damagedOnce(whole, join(root, 'damaged'), content, damage, random)}`);
}
console.log(counts);
rmSync(root, { recursive: true, force: true });
