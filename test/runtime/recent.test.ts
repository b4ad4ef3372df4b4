// References by address, in order: as a Map would have them.

import test from 'ava';
import fc from 'fast-check';
import { Recent } from '../../src/runtime/heap/recent.ts';
import type { Ref } from '../../src/runtime/heap/ref.ts';

type Step = { readonly add: number } | { readonly keep: number } | 'clear';
const anAddress = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 60, arbitrary: fc.record({ add: anAddress }) },
  { weight: 4, arbitrary: fc.record({ keep: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
);

test('any sequence of steps', (t) => {
  fc.assert(
    fc.property(fc.array(aStep, { size: 'max', maxLength: 1500 }), (steps) => {
      const [recent, map] = [new Recent(), new Map<number, Ref>()];
      for (const step of steps)
        if (step === 'clear') {
          recent.clear();
          map.clear();
        } else if ('add' in step) {
          if (recent.get(step.add) !== map.get(step.add)) return false;
          if (map.has(step.add)) continue;
          const ref = { of: step.add } as unknown as Ref;
          recent.add(step.add, ref);
          map.set(step.add, ref);
        } else {
          let [count, left] = [0, 0];
          recent.keep(() => count++ % 6 >= step.keep);
          for (const address of map.keys()) if (left++ % 6 < step.keep) map.delete(address);
        }
      return recent.size === map.size && JSON.stringify([...recent]) === JSON.stringify([...map]);
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test('a hundred thousand, of which the older half goes again and again', (t) => {
  const recent = new Recent();
  const most = 100_000;
  const refOf = (address: number) => ({ address }) as unknown as Ref;
  for (let i = 0; i < 5 * most; i++) {
    recent.add(8 * i, refOf(i));
    let surplus = most / 2;
    if (recent.size > most) recent.keep(() => surplus-- <= 0);
  }
  const all = [...recent];
  t.true(all.length > most / 2 && all.length <= most);
  t.is(all.at(-1)?.[0], 8 * (5 * most - 1));
  t.true(all.every(([address], i) => i === 0 || address === (all[i - 1]?.[0] as number) + 8));
  t.true(all.every(([address, ref]) => recent.get(address) === ref));
  t.is(recent.get(0), undefined);
});
