import test from 'ava';
import { collect, newException, newObject } from '../../src/runtime/collect.ts';
import { refKinds } from '../../src/runtime/heap/ref.ts';
import { shapeOf, sizeOf } from '../../src/runtime/heap/shape.ts';
import { defaultLimits, globalWords, Store } from '../../src/runtime/store.ts';
import { type DefType, defineFunc, defineGroup } from '../../src/spec/deftypes.ts';
import { ExhaustionError } from '../../src/spec/errors.ts';
import type { CompType, RefType, StorageType } from '../../src/spec/types.ts';

function defined(comp: CompType): DefType {
  const types: DefType[] = [];
  defineGroup([{ final: true, supers: [], comp }], types);
  return types[0] as DefType;
}

const anyref: RefType = { heap: 'any', nullable: true };
const fieldOf = (storage: StorageType) => ({ storage, mutable: true });
const struct = (...types: StorageType[]) => shapeOf(defined({ kind: 'struct', fields: types.map(fieldOf) }));
const array = (type: StorageType) => shapeOf(defined({ kind: 'array', field: fieldOf(type) }));

const pair = struct(anyref, 'i64');
const bytes = array('i8');

const storeOf = (heap = defaultLimits.heap): Store => new Store({ ...defaultLimits, heap });

/** A store with globals that can hold references. */
function withRoots(count: number, heap?: number): { store: Store; hold(root: number, address: number | null): void } {
  const store = storeOf(heap);
  for (let i = 0; i < count; i++) store.addGlobal({ type: anyref, mutable: true });
  return {
    store,
    hold(root, address) {
      store.globalWords.set([address ?? 0, address === null ? 0 : refKinds.object], root * globalWords);
    },
  };
}

const ref = (address: number): Int32Array => Int32Array.of(address, refKinds.object);

test('values of each type come back as they were', (t) => {
  const { heap } = storeOf();
  const shape = struct('i8', 'i16', 'i32', 'f32', 'i64', 'f64', anyref, 'v128');
  const row = Int32Array.of(-2, 9, -3, 9, -4, 9, 0x7fa00001, 9, -5, -6, 1, 2, 12, refKinds.i31, 1, 2, 3, -4);
  const address = heap.allocate(shape);
  heap.setFields(address, shape, row, 0);
  const got = new Int32Array(shape.slotWords);
  heap.getFields(address, shape, got, 0);
  t.deepEqual([...got], [0xfe, 0, 0xfffd, 0, -4, 0, 0x7fa00001, 0, -5, -6, 1, 2, 12, refKinds.i31, 1, 2, 3, -4]);
  heap.getField(address, shape.fields[0] as never, true, got, 0);
  heap.getField(address, shape.fields[1] as never, true, got, 2);
  t.deepEqual([...got.subarray(0, 4)], [-2, 0, -3, 0]);
});

for (const [type, first, signed, unsigned] of [
  ['i8', [-2, 0], [-2, 0], [0xfe, 0]],
  ['i16', [-3, 0], [-3, 0], [0xfffd, 0]],
  ['i32', [-4, 0], [-4, 0], [-4, 0]],
  ['f64', [-5, 6], [-5, 6], [-5, 6]],
  ['v128', [1, 2, 3, -4], [1, 2, 3, -4], [1, 2, 3, -4]],
] as const)
  test(`elements of type ${type} are set, filled and read`, (t) => {
    const { heap } = storeOf();
    const shape = array(type);
    const address = heap.allocate(shape, 9);
    const read = (i: number, sign: boolean) => {
      const row = new Int32Array(first.length);
      heap.getElement(address, shape, i, sign, row, 0);
      return [...row];
    };
    heap.fill(address, shape, 2, 5, Int32Array.from(first), 0);
    const zero = first.map(() => 0);
    const expected = (value: readonly number[]) => [zero, zero, value, value, value, value, value, zero, zero];
    t.deepEqual(
      Array.from({ length: 9 }, (_, i) => read(i, true)),
      expected(signed),
    );
    t.deepEqual(
      Array.from({ length: 9 }, (_, i) => read(i, false)),
      expected(unsigned),
    );
  });

test('packed elements share words', (t) => {
  t.is(sizeOf(bytes, 9) - sizeOf(bytes, 0), 3);
  t.is(sizeOf(array('i16'), 9) - sizeOf(array('i16'), 0), 5);
});

test('a collection keeps what roots reach, in circles too, and frees the rest', (t) => {
  const { store, hold } = withRoots(1);
  const { heap } = store;
  const made = Array.from({ length: 100 }, () => heap.allocate(pair));
  made.forEach((address, i) => {
    heap.setField(address, pair.fields[1] as never, Int32Array.of(i, -i), 0);
  });
  const link = (from: number, to: number) =>
    heap.setField(made[from] as number, pair.fields[0] as never, ref(made[to] as number), 0);
  link(3, 50);
  link(50, 97);
  link(97, 3);
  link(4, 5);
  link(5, 4);
  hold(0, made[50] as number);
  collect(store, 0);
  t.deepEqual(
    made.flatMap((address, i) => (heap.has(address) ? [i] : [])),
    [3, 50, 97],
  );
  const row = new Int32Array(2);
  for (const i of [3, 50, 97]) {
    heap.getField(made[i] as number, pair.fields[1] as never, false, row, 0);
    t.deepEqual([...row], [i, -i]);
  }
  t.is(heap.size, 3 * pair.words);
});

test('addresses of the dead are given away again, the lowest first', (t) => {
  const { store, hold } = withRoots(1);
  const made = Array.from({ length: 5 }, () => store.heap.allocate(pair));
  hold(0, made[2] as number);
  collect(store, 0);
  t.deepEqual(
    Array.from({ length: 4 }, () => store.heap.allocate(pair)),
    [0, 1, 3, 4],
  );
});

test('tables, the stack up to its end, elements and references of the host are roots', (t) => {
  const { store } = withRoots(0);
  const { heap, stack } = store;
  const [above, below, held] = [heap.allocate(pair), heap.allocate(pair), heap.allocate(pair)];
  const elements = heap.allocate(shapeOf(defined({ kind: 'array', field: fieldOf(anyref) })), 3);
  const inside = heap.allocate(pair);
  heap.setElement(elements, heap.shape(elements), 2, ref(inside), 0);
  stack.words.set([...ref(below), ...ref(elements), ...ref(above)], 10);
  const kept = store.ref('object', held);
  collect(store, 14);
  t.deepEqual(
    [above, below, held, elements, inside].map((address) => heap.has(address)),
    [false, true, true, true, true],
  );
  t.is(kept.payload, held);
});

test('numbers that look like references to nothing do no harm', (t) => {
  const { store } = withRoots(0);
  store.stack.words.set([-1, 3, 1_000_000, 3, 0, 3, 7, 5], 0);
  collect(store, 8);
  t.is(store.heap.size, 0);
});

test('exceptions are objects that know their tag', (t) => {
  const { store } = withRoots(0);
  store.tags.push({ type: defineFunc([], []) }, { type: defineFunc(['i32', 'v128'], []) });
  store.stack.words.set([7, 0, 1, 2, 3, 4], 20);
  const address = newException(store, 1, 20);
  const row = new Int32Array(6);
  store.heap.getFields(address, store.heap.shape(address), row, 0);
  t.is(store.heap.tag(address), 1);
  t.deepEqual([...row], [7, 0, 1, 2, 3, 4]);
  store.stack.words.set([address, refKinds.exn], 0);
  collect(store, 2);
  t.true(store.heap.has(address));
});

test('garbage of many times the limit is no obstacle', (t) => {
  const limit = 2 ** 20;
  const { store, hold } = withRoots(1, limit);
  let made = 0;
  for (let i = 0; i < 2000; i++) {
    const address = newObject(store, bytes, 10_000, 0);
    store.heap.setElement(address, bytes, 9_999, Int32Array.of(i), 0);
    if (i % 100 === 0) hold(0, address);
    made += 10_000;
    t.true(store.heap.words.byteLength <= limit);
  }
  t.true(made > 10 * limit);
  const row = new Int32Array(2);
  store.heap.getElement(store.globalWords[0] as number, bytes, 9_999, false, row, 0);
  t.is(row[0], 1900 & 0xff);
});

test('what does not fit is refused, and after that the heap is as good as before', (t) => {
  const { store, hold } = withRoots(1, 2 ** 20);
  hold(0, newObject(store, bytes, 500_000, 0));
  const error = t.throws(() => newObject(store, bytes, 600_000, 0), { instanceOf: ExhaustionError });
  t.is(error?.kind, 'out of heap memory');
  t.throws(() => newObject(store, array('v128'), 2 ** 32 - 1, 0), { instanceOf: ExhaustionError });
  hold(0, null);
  t.notThrows(() => newObject(store, bytes, 600_000, 0));
});

test('a heap that is nearly full ends in an error soon, not in ever more collections', (t) => {
  const { store } = withRoots(1, 2 ** 20);
  const { heap } = store;
  const list = shapeOf(defined({ kind: 'array', field: fieldOf(anyref) }));
  const holder = newObject(store, list, 100_000, 0);
  store.globalWords.set(ref(holder), 0);
  let collections = 0;
  const sweep = heap.sweep.bind(heap);
  heap.sweep = (scanned) => {
    collections++;
    sweep(scanned);
  };
  t.throws(
    () => {
      for (let i = 0; ; i++) heap.setElement(holder, list, i, ref(newObject(store, struct('i32'), 0, 0)), 0);
    },
    { instanceOf: ExhaustionError },
  );
  t.true(collections > 0 && collections < 10);
});

test('what is being made stays, whoever holds it', (t) => {
  const { store } = withRoots(0);
  const { heap } = store;
  const before = heap.allocate(pair);
  heap.keeping(() => {
    const [one, other] = [heap.allocate(pair), heap.allocate(pair)];
    heap.setField(other, pair.fields[1] as never, Int32Array.of(5, 6), 0);
    collect(store, 0);
    const third = heap.allocate(bytes, 5);
    collect(store, 0);
    t.deepEqual(
      [one, other, third].map((address) => heap.has(address)),
      [true, true, true],
    );
    const row = new Int32Array(2);
    heap.getField(other, pair.fields[1] as never, false, row, 0);
    t.deepEqual([...row], [5, 6]);
  });
  collect(store, 0);
  t.is(heap.size, 0);
  t.false(heap.has(before));
});

test('a heap that has shrunk gives memory back', (t) => {
  const { store } = withRoots(0);
  store.heap.allocate(bytes, 2 ** 26);
  collect(store, 0);
  t.true(store.heap.words.byteLength <= 2 ** 23);
});
