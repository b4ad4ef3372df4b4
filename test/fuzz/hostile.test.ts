// A short run over damaged modules and forged snapshots; `npm run hostile` goes on for as long as you like.

import test from 'ava';
import { suiteModules } from '../binary/modules.ts';
import { suiteTest } from '../spec/run/suite-test.ts';
import { forgery, judgeForged, originals } from './forge.ts';
import { damaged, judge } from './hostile.ts';
import { Random } from './random.ts';

const count = 500;

suiteTest(`${count} damaged modules are refused as they should be, or run`, async (t) => {
  const originals = (await suiteModules()).filter(({ type, bytes }) => type === 'module' && bytes.length > 8);
  const tally = { refused: 0, unlinked: 0, ran: 0 };
  for (let seed = 0; seed < count; seed++) {
    const random = new Random(seed);
    tally[judge(damaged(random.pick(originals).bytes, random))]++;
  }
  t.log(tally);
  t.true(tally.refused > 0 && tally.ran > 0);
});

test(`${4 * count} forged snapshots are refused as they should be, or run`, async (t) => {
  const list = await originals();
  const tally = { refused: 0, ran: 0 };
  for (let seed = 0; seed < 4 * count; seed++) tally[judgeForged(...forgery(list, new Random(seed)))]++;
  t.log(tally);
  t.true(tally.refused > count && tally.ran > count / 2);
});
