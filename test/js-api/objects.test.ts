import { both, exportsOf, odd, ours } from './both.ts';

both('a memory’s buffer is one plain ArrayBuffer until the memory grows, and is detached then', (t, { Memory }) => {
  const memory = new Memory({ initial: 1, maximum: 3 });
  const { buffer } = memory;
  t.is(Object.getPrototypeOf(buffer), ArrayBuffer.prototype);
  t.is(buffer.byteLength, 65536);
  t.is(memory.buffer, buffer);
  t.is(memory.grow(1), 1);
  t.not(memory.buffer, buffer);
  t.is(buffer.byteLength, 0);
  t.is(memory.buffer.byteLength, 2 * 65536);
  const before = memory.buffer;
  t.throws(() => memory.grow(2), { instanceOf: RangeError });
  t.is(memory.buffer, before);
  t.is(memory.grow(0), 2);
  t.is(before.byteLength, 0);
});

both('a guest that grows its memory detaches the buffer that JavaScript has', async (t, api) => {
  const fields = `
    (memory (export "memory") 1)
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "put") (i32.store8 (i32.const 65536) (i32.const 7)))`;
  const { memory, grow, put } = await exportsOf(api, fields);
  const before = memory.buffer;
  t.is(grow(), 1);
  t.is(before.byteLength, 0);
  put();
  t.is(new Uint8Array(memory.buffer)[65536], 7);
});

both('a memory that an import grows has grown for the guest that goes on', async (t, api) => {
  const memory = new api.Memory({ initial: 1 });
  const grow = () => {
    memory.grow(1);
    new Uint8Array(memory.buffer).fill(9);
  };
  const fields = `
    (import "m" "memory" (memory 1)) (import "m" "grow" (func $grow))
    (func (export "load") (result i32) (call $grow) (i32.load8_u (i32.const 131071)))`;
  const { load } = await exportsOf(api, fields, { m: { memory, grow } });
  t.is(load(), 9);
});

both('descriptors of memories are read as Web IDL says', (t, { Memory }) => {
  for (const value of [undefined, null, 1, {}, { initial: -1 }, { initial: 2 ** 32 }, { initial: Number.NaN }])
    t.throws(() => new Memory(odd(value)), { instanceOf: TypeError }, String(value));
  t.throws(() => new Memory({ initial: 10, maximum: 9 }), { instanceOf: RangeError });
  t.throws(() => new Memory({ initial: 1, shared: true }), { instanceOf: TypeError });
  t.is(new Memory({ initial: odd('3') }).buffer.byteLength, 3 * 65536);
  const shared = new Memory({ initial: 1, maximum: 2, shared: true });
  t.true((shared.buffer as unknown) instanceof SharedArrayBuffer);
});

ours('64-bit memories and tables have bigint sizes', (t, { Memory, Table }) => {
  const memory = new Memory(odd({ address: 'i64', initial: 1n, maximum: 2n }));
  t.is(memory.grow(odd(1n)), odd(1n));
  t.throws(() => memory.grow(1), { instanceOf: TypeError });
  t.throws(() => memory.grow(odd(2n ** 64n)), { instanceOf: TypeError });
  t.throws(() => memory.grow(odd(2n ** 63n)), { instanceOf: RangeError });
  const table = new Table(odd({ address: 'i64', element: 'anyfunc', initial: 2n }));
  t.is(table.length, odd(2n));
  t.is(table.get(odd(1n)), null);
  t.throws(() => table.get(1), { instanceOf: TypeError });
  t.throws(() => new Memory(odd({ address: 'i16', initial: 1 })), { instanceOf: TypeError });
});

both('tables of functions hold exported functions and null only', async (t, api) => {
  const { Table } = api;
  const { f, g } = await exportsOf(api, '(func (export "f")) (func (export "g"))');
  const table = new Table({ element: 'anyfunc', initial: 2, maximum: 4 }, f);
  t.deepEqual([table.get(0), table.get(1), table.length], [f, f, 2]);
  table.set(0, g);
  table.set(1);
  t.deepEqual([table.get(0), table.get(1)], [g, null]);
  for (const value of [() => 1, undefined, {}, 7]) t.throws(() => table.set(0, value), { instanceOf: TypeError });
  t.is(table.get(0), g);
  t.is(table.grow(2, f), 2);
  t.is(table.get(3), f);
  t.throws(() => table.grow(1), { instanceOf: RangeError });
  t.throws(() => table.get(4), { instanceOf: RangeError });
  t.throws(() => table.set(4, null), { instanceOf: RangeError });
  t.throws(() => table.get(-1), { instanceOf: TypeError });
});

both('a guest calls what JavaScript put into its table', async (t, api) => {
  const table = new api.Table({ element: 'anyfunc', initial: 1 });
  const { seven } = await exportsOf(api, '(func (export "seven") (result i32) i32.const 7)');
  const fields = `
    (import "m" "t" (table 1 funcref))
    (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0)))`;
  const { call } = await exportsOf(api, fields, { m: { t: table } });
  t.throws(call, { instanceOf: api.RuntimeError });
  table.set(0, seven);
  t.is(call(), 7);
});

both('descriptors of tables are read as Web IDL says', (t, { Table }) => {
  const wrong = [undefined, {}, { element: 'anyfunc' }, { element: 'i32', initial: 1 }, { element: 'no', initial: 1 }];
  for (const value of wrong) t.throws(() => new Table(odd(value)), { instanceOf: TypeError });
  t.throws(() => new Table({ element: 'anyfunc', initial: 2, maximum: 1 }), { instanceOf: RangeError });
  t.throws(() => new Table({ element: 'anyfunc', initial: 2 ** 31 }), { instanceOf: RangeError });
  t.throws(() => new Table({ element: 'anyfunc', initial: 1 }, () => 1), { instanceOf: TypeError });
});

both('objects stand for the same thing on either side', async (t, api) => {
  const global = new api.Global({ value: 'i32', mutable: true }, 1);
  const fields = `
    (import "m" "g" (global $g (mut i32)))
    (global $own (export "own") (mut i32) (i32.const 5))
    (export "again" (global $g))
    (func (export "add") (global.set $g (i32.add (global.get $g) (global.get $own))))`;
  const { add, own, again } = await exportsOf(api, fields, { m: { g: global } });
  own.value = 41;
  add();
  t.is(global.value, 42);
  t.is(again, global);
  t.true(own instanceof api.Global);
});

both('globals of JavaScript’s are the guest’s too, of each type and in the midst of a call', async (t, api) => {
  const start = { i32: -7, i64: 2n ** 40n, f32: 0.5, f64: 1e300, externref: odd('held') } as const;
  const made = Object.entries(start).map(
    ([type, value]) => [type, new api.Global({ value: type as 'i32', mutable: true }, value as never)] as const,
  );
  const fields = `
    (import "m" "look" (func $look))
    (import "m" "fixed" (global $fixed i64))
    ${Object.keys(start)
      .map((type) => `(import "m" "${type}" (global $${type} (mut ${type})))`)
      .join(' ')}
    (func (export "fixed") (result i64) (global.get $fixed))
    (func (export "next") (result externref)
      (global.set $i32 (i32.add (global.get $i32) (i32.const 1)))
      (global.set $i64 (i64.add (global.get $i64) (i64.const 1)))
      (global.set $f32 (f32.add (global.get $f32) (f32.const 1)))
      (global.set $f64 (f64.neg (global.get $f64)))
      (call $look)
      (global.get $externref) (global.set $externref (ref.null extern)))`;
  const globals = Object.fromEntries(made);
  const seen: unknown[] = [];
  const look = () => {
    seen.push(...made.map(([, { value }]) => value));
    (globals.externref as WebAssembly.Global).value = 'changed';
  };
  const { next, fixed } = await exportsOf(api, fields, { m: { look, fixed: 5n, ...globals } });
  t.is(next(), 'changed');
  t.deepEqual(seen, [-6, 2n ** 40n + 1n, 1.5, -1e300, 'held']);
  t.is(globals.externref?.value as unknown, null);
  t.is(fixed(), 5n);
});
