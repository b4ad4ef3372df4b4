// A store on disk that is killed, raced for, filled and damaged: about a quarter of a minute of it. `npm run store-faults` goes on
// for as long as you like.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { onSmallDisk, withSmallDisk } from '../small-disk.ts';
import { damagedOnce, damages, killed, numbers, raced, written } from './faults.ts';

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

/** Commits until the disk is full, and once others have made room. */
const full = fileURLToPath(new URL('full.mjs', import.meta.url));

withSmallDisk('a full disk refuses what has no room, keeps the rest, and takes more once there is room', async (t) => {
  const path = mkdtempSync(join(root, 'full-'));
  const { stdout } = await promisify(execFile)(...onSmallDisk(path, process.execPath, full, path));
  const { refused, kept, checked, after } = JSON.parse(stdout);
  t.true(refused.length > 0, 'the disk was never full');
  t.deepEqual([...new Set(refused)], ['full']);
  t.is(checked, kept);
  t.is(after, true);
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
