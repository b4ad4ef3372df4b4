// Locals that are free: the lowest is taken first, in whatever order they were given back.

import test from 'ava';
import fc from 'fast-check';
import { FreeLocals } from '../../src/rewrite/write/free-locals.ts';

test('the lowest is taken first', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1000), { maxLength: 60 }), fc.nat(60), (indices, early) => {
      const free = new FreeLocals();
      const left: number[] = [];
      indices.forEach((index, i) => {
        free.give({ index, type: 'i32' });
        left.push(index);
        left.sort((a, b) => a - b);
        if (i === early) t.is(free.take()?.index, left.shift());
      });
      for (const index of left) t.is(free.take()?.index, index);
      t.is(free.take(), undefined);
    }),
  );
});
