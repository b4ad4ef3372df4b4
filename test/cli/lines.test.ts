import test from 'ava';
import { split } from '../../src/cli/read/lines.ts';
import { UsageError } from '../../src/spec/errors.ts';

async function* chunks(...texts: string[]) {
  for (const text of texts) yield new TextEncoder().encode(text);
}
const all = async (most: number, ...texts: string[]) => {
  const lines: [string, boolean][] = [];
  for await (const { text, ended } of split(chunks(...texts), most)) lines.push([text, ended]);
  return lines;
};

test('lines are whole, however they come in, and only the last may have no end', async (t) => {
  t.deepEqual(await all(9, 'a', 'b\n\nc', 'd'), [
    ['ab', true],
    ['', true],
    ['cd', false],
  ]);
  t.deepEqual(await all(9, 'x\n'), [['x', true]]);
  t.deepEqual(await all(9), []);
});

test('a line that does not end is given up at its bound', async (t) => {
  t.deepEqual(await all(4, 'abcd'), [['abcd', false]]);
  await t.throwsAsync(all(4, 'abc', 'de', 'f\n'), { instanceOf: UsageError, message: /longer than 4 characters/ });
});
