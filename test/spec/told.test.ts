// Whatever it is, it is told in a few words, and telling it never throws.

import { inspect } from 'node:util';
import test from 'ava';
import { HostError, LimitError, UsageError } from '../../src/spec/errors.ts';
import { cut, messageOf, mostOfMessage, quoted, told, toldThrown } from '../../src/spec/told.ts';
import { oddValues } from './odd.ts';

for (const [name, value] of Object.entries(oddValues))
  test(`a value can be told and printed: ${name}`, (t) => {
    for (const tell of [told, toldThrown, messageOf]) {
      const text = tell(value);
      t.is(typeof text, 'string');
      t.true(text.length <= mostOfMessage + 250);
    }
    const error = new HostError(`it threw ${toldThrown(value)}`, { cause: value });
    t.is(error.cause, value);
    t.true(inspect({ deep: [error] }, { depth: 5 }).includes('HostError'));
  });

test('what is cut says so, and half a character is left out', (t) => {
  t.is(cut('abc', 3), 'abc');
  t.is(cut('abcd', 3), 'ab…');
  t.is(cut('a😀b', 3), 'a…');
  t.is(cut(undefined), undefined);
  t.is(quoted('a"b'), '"a\\"b"');
});

test('no message is long', (t) => {
  const { message } = new UsageError('y'.repeat(2 ** 22));
  t.is(message.length, mostOfMessage);
});

test('values are told as people would', (t) => {
  const samples = [1.5, -0, 5n, 'x', true, null, undefined, {}, [], new Uint8Array(3), () => 1, new TypeError('no')];
  t.deepEqual(samples.map(told), [
    ...['1.5', '0', 'the bigint 5', '"x"', 'true', 'null', 'undefined'],
    ...['an object', 'a list', 'a Uint8Array', 'a function', 'a TypeError'],
  ]);
  t.is(toldThrown(new TypeError('no')), 'TypeError: no');
  t.is(toldThrown('no'), 'no');
});

test('a limit says which it is', (t) => {
  const cause = new Error('of the host');
  const error = new LimitError('too much', { limit: 'memory', value: 3, cause });
  t.like(error, { limit: 'memory', value: 3, cause });
});
