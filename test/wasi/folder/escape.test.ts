// Nothing outside of a folder is reached. `npm run escape -- --count N` tries more often.

import { AssertionError } from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { call } from '../../../src/wasi/folder/host.ts';
import { bestReach, type Reach, reachByPath } from '../../../src/wasi/folder/reach.ts';
import { tryToEscape } from './escape.ts';

const answered = (answers: ReadonlyMap<string, number>, ...errnos: string[]): number =>
  errnos.reduce((sum, errno) => sum + (answers.get(errno) ?? 0), 0);

for (const [name, reach] of Object.entries({ 'as the host can': bestReach(), 'by paths': reachByPath }))
  test(`no path leads out: ${name}`, async (t) => {
    const { answers } = await tryToEscape({ count: 5000, seed: 1, raced: false, reach });
    t.true(answered(answers, 'ok') > 200);
    t.true(answered(answers, 'notcapable') > 200);
  });

(process.platform === 'linux' ? test : test.skip)('nor does another thread help that changes the folder', async (t) => {
  const { answers, changes } = await tryToEscape({ count: 8000, seed: 2, raced: true });
  t.true(changes > 100);
  t.true(answered(answers, 'ok') > 200);
  t.true(answered(answers, 'notcapable') > 200);
});

/** Believes that paths stay what they were. */
const careless: Reach = {
  ...reachByPath,
  find(dir, name) {
    const path = join(dir.path, name);
    return { fd: undefined, path, stat: call(() => fs.lstatSync(path, { bigint: true })) };
  },
  entry: (dir, name, act) => call(() => act(join(dir.path, name))),
  self: (found, act) => call(() => act(found.path)),
};

test('the tries find out who is not careful', async (t) => {
  const found = async (seed: number): Promise<boolean> => {
    try {
      await tryToEscape({ count: 20_000, seed, raced: true, reach: careless });
      return seed < 10 && (await found(seed + 1));
    } catch (thrown) {
      if (!(thrown instanceof AssertionError)) throw thrown;
      return true;
    }
  };
  t.true(await found(1));
});
