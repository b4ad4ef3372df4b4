// A snapshot after another shares with it what has not changed, in memory and in what is written.

import test from 'ava';
import fc from 'fast-check';
import { type MemoryRef, Snapshot, SnapshotError, VM } from '../../src/index.ts';
import { pageBytes, type SnapshotData } from '../../src/snapshot/data/format.ts';
import { countOf, rowsOf } from '../../src/snapshot/pages/rows.ts';
import { moduleOf } from '../wat.ts';

const module = await moduleOf(
  '(memory (export "m") 3 40) (memory (export "n") 1 1) (global (export "g") (mut i32) (i32.const 0))',
);
const odd = await moduleOf('(memory (export "m") 10000 20000 (pagesize 1))').catch(() => undefined);

interface Write {
  readonly page: number;
  readonly kind: 'word' | 'noise' | 'zero' | 'same';
  readonly value: number;
}
const write = fc.record<Write>({
  page: fc.nat(200),
  kind: fc.constantFrom('word', 'noise', 'zero', 'same'),
  value: fc.integer({ min: 1, max: 255 }),
});
const step = fc.record({
  writes: fc.array(write, { maxLength: 8 }),
  grow: fc.nat(2),
  /** Which of the snapshots so far is the base of the next. */
  base: fc.nat(10),
});

function apply(bytes: Uint8Array, { page, kind, value }: Write): void {
  const at = (page * pageBytes) % bytes.length;
  const target = bytes.subarray(at, at + pageBytes);
  if (kind === 'zero') target.fill(0);
  else if (kind === 'same') target.fill(value);
  else if (kind === 'word') target[value] = value;
  else for (let i = 0; i < target.length; i++) target[i] = Math.imul(i + 1, value * 0x9e3779b1) >>> 24;
}

const contents = (vm: VM): Uint8Array[] => vm.store.memories.map(({ bytes }) => bytes.slice());

/** All snapshots of a run with some changes between them hold what was there, however they are read. */
const eachHoldsWhatWasThere = (modules: NonNullable<typeof odd>) =>
  fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const vm = new VM();
    const memory = vm.instantiate(modules).memory('m');
    const taken: { snapshot: Snapshot; expected: Uint8Array[]; written: Uint8Array; base: number }[] = [];
    steps.forEach(({ writes, grow, base }, i) => {
      memory.grow(grow);
      for (const each of writes) apply(memory.bytes, each);
      const snapshot = vm.save();
      const from = taken[base % (i + 1)];
      const written = snapshot.encode({ base: from?.snapshot });
      taken.push({ snapshot, expected: contents(vm), written, base: from === undefined ? -1 : base % (i + 1) });
    });
    const read: Snapshot[] = [];
    for (const { snapshot, expected, written, base } of taken) {
      const again = Snapshot.decode(written, { base: read[base] });
      read.push(again);
      for (const each of [snapshot, again, Snapshot.decode(again.encode())]) {
        const twin = VM.restore(each, { modules: [modules] });
        if (!contents(twin).every((bytes, m) => Buffer.compare(bytes, expected[m] as Uint8Array) === 0)) return false;
        twin.dispose();
      }
    }
    return true;
  });

test('each snapshot of a run holds what was there', (t) => {
  t.notThrows(() => fc.assert(eachHoldsWhatWasThere(module), { numRuns: 30 }));
});

(odd === undefined ? test.skip : test)('the same for memories that are no whole number of pages', (t) => {
  t.notThrows(() => fc.assert(eachHoldsWhatWasThere(odd as NonNullable<typeof odd>), { numRuns: 30 }));
});

test('where there is no Buffer the same is shared', (t) => {
  const { Buffer: node } = globalThis;
  const shares = () => {
    const { vm, memory } = made(64);
    const first = vm.save();
    memory.bytes[5 * pageBytes] = 99;
    const second = vm.save();
    return [rowsOf(second.data).map(({ length }) => length), second.encode({ base: first })];
  };
  const expected = shares();
  let found: typeof expected;
  try {
    Reflect.deleteProperty(globalThis, 'Buffer');
    found = shares();
  } finally {
    Object.defineProperty(globalThis, 'Buffer', { value: node, configurable: true, writable: true });
  }
  t.deepEqual(found, expected);
});

/** A VM with so many different pages. */
function made(pages: number): { vm: VM; memory: MemoryRef } {
  const vm = new VM();
  const memory = vm.instantiate(module).memory('m');
  memory.grow(Math.max(0, Math.ceil(pages / 16) - 3));
  for (let page = 0; page < pages; page++) apply(memory.bytes, { page, kind: 'noise', value: 1 + (page % 250) });
  for (let page = 0; page < pages; page++) memory.bytes[page * pageBytes + 1] = page >> 4;
  return { vm, memory };
}

const ownPages = ({ data }: Snapshot, before: Snapshot) =>
  rowsOf(data)
    .filter((row) => !rowsOf(before.data).includes(row))
    .reduce((sum, { length }) => sum + length / pageBytes, 0);

test('what has not changed is shared with the snapshot before', (t) => {
  const { vm, memory } = made(512);
  const first = vm.save();
  t.is(ownPages(vm.save(), first), 0);
  memory.bytes[7 * pageBytes] = 1;
  memory.bytes.fill(0, 100 * pageBytes, 110 * pageBytes);
  const second = vm.save();
  t.is(ownPages(second, first), 1);
  const twin = VM.restore(second, { modules: [module] });
  t.is(ownPages(twin.save(), second), 0, 'a restored VM shares with what it was restored from');
  t.is(ownPages(twin.fork().save(), second), 0, 'and so does a fork of it');
  const bytes = second.encode({ base: first });
  t.true(bytes.length < 2_500, `${bytes.length}`);
  t.is(ownPages(Snapshot.decode(bytes, { base: first }), first), 1);
});

test('a history of many snapshots keeps the rows few, and lets go of what nobody names', (t) => {
  const { vm, memory } = made(256);
  let last = vm.save();
  for (let i = 0; i < 300; i++) {
    apply(memory.bytes, { page: i % 256, kind: 'noise', value: 1 + (i % 200) });
    memory.bytes[(i % 256) * pageBytes + 9] = i & 255;
    last = vm.save();
    t.true(rowsOf(last.data).length < 30);
    t.true(countOf(last.data) < 2 * 256 + 300);
  }
  const twin = VM.restore(last, { modules: [module] });
  t.deepEqual(contents(twin), contents(vm));
});

test('changes of changes, read one after the other, keep the rows few as well', (t) => {
  const { vm, memory } = made(128);
  let base = vm.save();
  let read = Snapshot.decode(base.encode());
  for (let i = 0; i < 60; i++) {
    apply(memory.bytes, { page: i, kind: 'noise', value: 1 + ((i * 7) % 250) });
    const next = vm.save();
    read = Snapshot.decode(next.encode({ base }), { base: read });
    base = next;
    t.true(rowsOf(read.data).length < 30);
  }
  t.deepEqual(contents(VM.restore(read, { modules: [module] })), contents(vm));
});

test('more pages than a call takes arguments', async (t) => {
  const pages = 10_000;
  const wide = await moduleOf(`(memory (export "m") ${pages})`);
  const vm = new VM();
  const { bytes } = vm.instantiate(wide).memory('m');
  for (let at = 0; at < bytes.length; at += pageBytes) bytes[at] = 1;
  const snapshot = vm.save();
  t.is(snapshot.summary().zeroPages, 0);
  bytes[bytes.length - 1] = 9;
  t.is(ownPages(vm.save(), snapshot), 1);
});

test('a page of which little has changed takes little, and words that did not change nothing', async (t) => {
  const { vm, memory } = made(512);
  const base = vm.save();
  for (let page = 0; page < 100; page++) memory.bytes[page * pageBytes + 50] = 77;
  const much = vm.save().encode({ base });
  t.true(much.length < 6_000, `100 pages with a byte each take ${much.length} bytes`);
  const wide = await moduleOf('(table (export "t") 5000 funcref) (func $f) (elem (i32.const 0) func $f)');
  const other = new VM();
  const table = other.instantiate(wide).table('t');
  for (let i = 1; i < 5000; i += 3) table.set(i, table.get(0));
  const before = other.save();
  table.set(4_999, table.get(0));
  const bytes = other.save().encode({ base: before });
  t.true(bytes.length < 2_500, `${bytes.length}`);
  const again = VM.restore(Snapshot.decode(bytes, { base: before }), { modules: [wide] });
  t.deepEqual(again.store.tables[0]?.elements, other.store.tables[0]?.elements);
});

test('a base whose words are others is refused', (t) => {
  const vm = new VM();
  const instance = vm.instantiate(module);
  const base = vm.save();
  instance.global('g').value = 5;
  const bytes = vm.save().encode({ base });
  instance.global('g').value = 6;
  const other = vm.save();
  t.throws(() => Snapshot.decode(bytes, { base: other }), {
    instanceOf: SnapshotError,
    message: /the base snapshot is another one/,
  });
  const again = VM.restore(Snapshot.decode(bytes, { base }), { modules: [module] });
  t.is(again.instance().global('g').value, 5);
});

test('deltas that there are not, and pages of a base that it has not, are refused', (t) => {
  const { vm, memory } = made(64);
  const base = vm.save();
  memory.bytes[3 * pageBytes] = 200;
  const { data } = vm.save();
  const written = vm.save().encode({ base });
  const forged = (change: (runs: Int32Array) => void) => {
    const copy = structuredClone(data) as SnapshotData;
    change((copy.memories[0] as { runs: Int32Array }).runs);
    return () => VM.restore(new Snapshot(copy), { modules: [module] });
  };
  for (const source of [-2, -3, -4, 64, 2 ** 30])
    t.throws(
      forged((runs) => {
        runs[1] = source;
      }),
      { instanceOf: SnapshotError },
      String(source),
    );
  for (let i = 0; i < written.length; i++) {
    const torn = written.slice();
    torn[i] = (torn[i] as number) ^ 1;
    t.throws(() => Snapshot.decode(torn, { base }), { instanceOf: SnapshotError }, `byte ${i}`);
  }
});
