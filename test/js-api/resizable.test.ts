// Buffers of memories that can be resized: where the host's memories have them, ours have.

import test, { type ExecutionContext } from 'ava';
import { type Api, both, exportsOf } from './both.ts';

interface Resizable extends WebAssembly.Memory {
  toResizableBuffer(): ArrayBuffer;
  toFixedLengthBuffer(): ArrayBuffer;
}
const memoryOf = (api: Api, descriptor: WebAssembly.MemoryDescriptor): Resizable =>
  new api.Memory(descriptor) as Resizable;
/** What the types of older hosts do not have. */
const about = (buffer: ArrayBuffer) => buffer as ArrayBuffer & { resizable: boolean; resize(size: number): void };

const page = 65536;
const hostHasThem = 'toResizableBuffer' in WebAssembly.Memory.prototype;
const where = (title: string, body: (t: ExecutionContext, api: Api) => Promise<void> | void) => {
  if (hostHasThem) both(title, body);
};

test('memories have the methods just where the host’s have them', async (t) => {
  const { default: api } = await import('../../src/js-api/index.ts');
  for (const name of ['toResizableBuffer', 'toFixedLengthBuffer'])
    t.is(name in api.Memory.prototype, name in WebAssembly.Memory.prototype);
});

where('a resizable buffer stays, however the memory grows, and grows it', async (t, api) => {
  const fields = `
    (import "m" "f" (func $f))
    (memory (export "memory") 1 5)
    (func (export "size") (result i32) memory.size)
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "call") (param i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1))
      (call $f)
      (i32.store (local.get 0) (i32.const 7))
      (i32.add (i32.load (local.get 0)) (memory.size)))`;
  let f = () => {};
  const guest = await exportsOf(api, fields, { m: { f: () => f() } });
  const memory = guest.memory as Resizable;
  const before = memory.buffer;
  const buffer = about(memory.toResizableBuffer());
  t.true(buffer.resizable);
  t.is(before.byteLength, 0);
  t.is(memory.buffer, buffer);
  t.is(memory.toResizableBuffer(), buffer);
  t.is(memory.grow(0), 1);
  t.is(memory.grow(1), 1);
  t.is(guest.grow(), 2);
  t.is(memory.buffer, buffer);
  t.is(buffer.byteLength, 3 * page);
  buffer.resize(4 * page);
  t.is(guest.size(), 4);
  t.is(guest.load(4 * page - 4), 0);
  t.throws(() => guest.load(4 * page), { instanceOf: api.RuntimeError });
  for (const size of [page, 4 * page + 1, 6 * page]) t.throws(() => buffer.resize(size), { instanceOf: RangeError });
  f = () => buffer.resize(5 * page);
  t.is(guest.call(5 * page - 4), 12);
  t.is(new Int32Array(buffer)[(5 * page - 4) / 4], 7);
  const fixed = about(memory.toFixedLengthBuffer());
  t.false(fixed.resizable);
  t.is(buffer.byteLength, 0);
  t.is(memory.buffer, fixed);
  t.is(memory.toFixedLengthBuffer(), fixed);
  t.is(fixed.byteLength, 5 * page);
  t.is(guest.load(5 * page - 4), 7);
});

where('only a memory with a maximum can have one', (t, api) => {
  const memory = memoryOf(api, { initial: 1 });
  t.throws(() => memory.toResizableBuffer(), { instanceOf: TypeError });
  t.is(memory.toFixedLengthBuffer(), memory.buffer);
});

where('what was resized is matched when it is imported', async (t, api) => {
  const memory = memoryOf(api, { initial: 1, maximum: 4 });
  about(memory.toResizableBuffer()).resize(3 * page);
  const { size } = await exportsOf(
    api,
    '(import "m" "memory" (memory 3 4)) (func (export "size") (result i32) memory.size)',
    {
      m: { memory },
    },
  );
  t.is(size(), 3);
});
