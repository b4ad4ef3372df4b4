// Tables of functions as native code sees them: the host's table follows the store's, at a cost by what differs.

import test from 'ava';
import { VM } from '../../src/index.ts';
import { isRewritten } from '../../src/rewrite/module/module.ts';
import { TableMirror } from '../../src/rewrite/module/tables.ts';
import { refKinds } from '../../src/runtime/heap/ref.ts';
import { TableInst } from '../../src/runtime/table.ts';
import type { TableType } from '../../src/spec/types.ts';
import { bytesOf, moduleOf } from '../wat.ts';

const type: TableType = { ref: { heap: 'func', nullable: true }, addr: 'i32', limits: { min: 0n } };

/** A table and its mirror, with functions of the host that tell their address, and how often they were asked for. */
async function mirrored() {
  const funcs = [0, 1, 2, 3].map((i) => `(func (export "f${i}") (result i32) (i32.const ${i}))`);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(await bytesOf(funcs.join(' '))));
  const table = new TableInst(type);
  let asked = 0;
  const mirror = new TableMirror(table, (addr) => {
    asked++;
    return exports[`f${addr}`] as unknown as CallableFunction;
  });
  return { table, mirror, asked: () => asked };
}

/** What each element is, in both. */
function elements({ table, mirror }: { table: TableInst; mirror: TableMirror }) {
  const own = Array.from({ length: table.size }, (_, i) =>
    table.elements[2 * i + 1] === refKinds.null ? null : table.elements[2 * i],
  );
  const host = Array.from({ length: mirror.host.length }, (_, i) => mirror.host.get(i)?.() ?? null);
  return { own, host };
}

test('a table that grows by many of one function asks for it a few times only', async (t) => {
  const all = await mirrored();
  const { table, mirror, asked } = all;
  table.grow(20_000, 2, refKinds.func);
  mirror.update();
  t.true(asked() <= 2, `${asked()}`);
  const { own, host } = elements(all);
  t.deepEqual(host, own);
  table.fill(100, 15_000, 3, refKinds.func);
  mirror.update();
  t.true(asked() <= 4, `${asked()}`);
  t.deepEqual(elements(all).host, elements(all).own);
});

test('whatever is done to a table between two looks, the host’s table has it', async (t) => {
  const all = await mirrored();
  const { table, mirror } = all;
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const reference = (): [number, number] => {
    const addr = random(5);
    return addr === 4 ? [0, refKinds.null] : [addr, refKinds.func];
  };
  for (let round = 0; round < 200; round++) {
    for (let n = random(4); n >= 0; n--) {
      const start = random(table.size + 1);
      const count = random(table.size - start + 1);
      if (random(3) === 0) table.grow(random(6), ...reference());
      else if (random(2) === 0) table.fill(start, count, ...reference());
      else table.write(start, table.elements.slice(0, 2 * count));
    }
    mirror.update();
    const { own, host } = elements(all);
    t.deepEqual(host, own, `round ${round}`);
  }
});

test('what could not be shown is shown the next time', async (t) => {
  const bytes = await bytesOf('(func (export "f") (result i32) (i32.const 7))');
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  let fails = true;
  const table = new TableInst(type);
  const mirror = new TableMirror(table, () => {
    if (fails) throw new Error('no memory');
    return exports.f as unknown as CallableFunction;
  });
  table.grow(3, 0, refKinds.null);
  mirror.update();
  table.fill(1, 1, 0, refKinds.func);
  t.throws(() => mirror.update(), { message: 'no memory' });
  fails = false;
  mirror.update();
  t.is(mirror.host.get(1)(), 7);
});

test('a table that has grown long keeps a VM in the interpreter, where it is not asked for native code', async (t) => {
  const code = (length: number) => `(func $f (drop (i32.const ${length}))) (elem declare func $f) (table $t 0 funcref)
    (func (export "run") (result i32) (local i32)
      (drop (table.grow $t (ref.func $f) (i32.const ${length})))
      (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 300000))))
      (local.get 0))`;
  for (const [length, native] of [
    [1_000, true],
    [1_000_001, false],
  ] as const) {
    const module = await moduleOf(code(length));
    const vm = new VM();
    vm.start(vm.instantiate(module).func('run'));
    t.like(vm.run(), { status: 'returned', values: [300_000] });
    t.is(isRewritten(module), native, `${length}`);
  }
});
