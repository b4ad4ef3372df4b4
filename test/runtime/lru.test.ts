// A map with a bound in bytes: what was used since room was last made stays longer than what was not.

import test from 'ava';
import fc from 'fast-check';
import { Lru } from '../../src/runtime/kept/lru.ts';

test('what was used stays, what was not goes, and the newest always stays', (t) => {
  const lru = new Lru<string, number>(() => 30);
  for (const [i, key] of ['a', 'b', 'c'].entries()) lru.set(key, i, 10);
  t.is(lru.get('a'), 0);
  lru.set('d', 3, 10);
  t.deepEqual([...lru.keys()].sort(), ['a', 'c', 'd']);
  lru.set('e', 4, 10);
  lru.set('f', 5, 10);
  t.deepEqual([...lru.keys()].sort(), ['a', 'e', 'f']);
  lru.set('g', 6, 10);
  t.is(lru.get('a'), undefined, 'it was used once, and room was made again and again since');
  lru.set('large', 6, 100);
  t.deepEqual([...lru.keys()], ['large']);
  t.is(lru.bytes, 100);
  lru.set('h', 7, 1);
  t.deepEqual([...lru.keys()], ['h']);
});

test('any sequence: the sum is that of what is there, and within the bound where there is more than one', (t) => {
  const aStep = fc.record({ key: fc.nat(20), bytes: fc.nat(40), kind: fc.constantFrom('get', 'set', 'set', 'delete') });
  fc.assert(
    fc.property(fc.array(aStep, { size: 'max', maxLength: 300 }), (steps) => {
      const lru = new Lru<number, number>(() => 100);
      const sizes = new Map<number, number>();
      for (const { key, bytes, kind } of steps) {
        if (kind === 'get') {
          const value = lru.get(key);
          if (value !== undefined && value !== sizes.get(key)) return false;
        } else if (kind === 'delete') lru.delete(key);
        else {
          lru.set(key, bytes, bytes);
          sizes.set(key, bytes);
          if (lru.get(key) !== bytes) return false;
        }
        const sum = [...lru.keys()].reduce((all, each) => all + (sizes.get(each) as number), 0);
        if (sum !== lru.bytes || (lru.size > 1 && sum > 100)) return false;
      }
      return true;
    }),
  );
  t.pass();
});
