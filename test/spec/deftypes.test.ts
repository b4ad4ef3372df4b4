import test from 'ava';
import { shapeOf } from '../../src/runtime/heap/shape.ts';
import { type DefType, defineFunc, defineGroup, internedGroups } from '../../src/spec/deftypes.ts';
import type { RecType } from '../../src/spec/types.ts';
import { collectedUntil } from '../gc.ts';

/** A group of two structures that refer to each other; which one is told by its number of fields. */
function pairOf(fields: number): DefType {
  const field = (type: number) => ({ storage: { heap: type, nullable: true }, mutable: true }) as const;
  const struct = (other: number) => ({
    final: true,
    supers: [],
    comp: { kind: 'struct' as const, fields: Array.from({ length: fields }, () => field(other)) },
  });
  const types: DefType[] = [];
  defineGroup([struct(1), struct(0)] satisfies RecType, types);
  return types[0] as DefType;
}

test('equal types are one object for as long as somebody has one of their group', async (t) => {
  const kept = pairOf(3);
  await collectedUntil(() => false);
  t.is(pairOf(3), kept);
  t.not(pairOf(4), kept);
  t.is(kept.group[0], kept);
});

test('types that nobody has any more are forgotten, with their shapes; their ids are given away again', async (t) => {
  const before = internedGroups();
  const kept = pairOf(5);
  const seen = new Set<number>();
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 500; i++) {
      const type = pairOf(10 + i);
      shapeOf(type);
      seen.add(type.id);
    }
    t.true(await collectedUntil(() => internedGroups() < before + 50));
  }
  t.true(seen.size < 1500);
  t.is(pairOf(5), kept);
});

test('no two types that there are have one id', async (t) => {
  const alive: DefType[] = [];
  for (let i = 0; i < 300; i++) {
    const type = pairOf(1000 + i);
    if (i % 3 === 0) alive.push(type);
    if (i % 100 === 99) await collectedUntil(() => false);
  }
  for (let i = 0; i < 300; i++)
    alive.push(
      defineFunc(
        Array.from({ length: i }, () => 'v128' as const),
        [],
      ),
    );
  const ids = alive.flatMap(({ group }) => group.map(({ id }) => id));
  t.is(new Set(ids).size, ids.length);
});
