// A store on disk that is killed, raced for, filled and damaged: about a quarter of a minute of it. `npm run store-faults` goes on
// for as long as you like.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { withSmallDisk } from '../small-disk.ts';
import { damagedOnce, damages, filled, killed, numbers, raced, written } from './faults.ts';

const root = mkdtempSync(join(tmpdir(), 'wasbox-store-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

test.serial(
  'killed in the midst of commits, a store has all that was acknowledged, and no half of anything',
  async (t) => {
    t.true((await killed(join(root, 'killed'), 8, numbers(1))) > 0);
  },
);

test.serial('of processes that race for a head one wins each time, also where others are killed', async (t) => {
  await t.notThrowsAsync(raced(join(root, 'raced'), 100));
});

withSmallDisk('a full disk refuses what has no room, and keeps the rest', async (t) => {
  const path = mkdtempSync(join(root, 'full-'));
  await t.notThrowsAsync(filled(path));
});

for (const [i, [title, damage]] of Object.entries(damages).entries())
  test.serial(`a store in which damage was done says so, or has all: ${title}`, async (t) => {
    const [from, to] = [join(root, `whole-${i}`), join(root, 'damaged')];
    const content = await written(from, 60);
    const random = numbers(1000 + i);
    const ends: string[] = [];
    for (let round = 0; round < 6; round++) ends.push(await damagedOnce(from, to, content, damage, random));
    t.is(ends.length, 6);
  });
