// Texts in a guest's memory: whatever the guest says about where they are.

import test from 'ava';
import { hostFunction, LimitError, UsageError, VM } from '../../src/index.ts';
import { mostTextBytes, readText } from '../../src/runtime/memory/text.ts';
import { moduleOf } from '../wat.ts';

const plain = await moduleOf('(memory (export "memory") 1) (memory (export "other") 1)');
const shared = await moduleOf('(memory (export "memory") 1 2 shared)');
const size = 65536;
const texts = ['', 'a', 'Grüße', '漢字', '😀 ok', '\ufeffmarked', 'x'.repeat(10_000)];

const memoryOf = (module = plain) => new VM().instantiate(module).memory('memory');

for (const [name, module] of Object.entries({ plain, shared }))
  for (const encoding of ['utf-8', 'utf-16'] as const)
    test(`what is written is read again: ${encoding}, ${name} memory`, (t) => {
      const memory = memoryOf(module);
      for (const text of texts)
        for (const at of [0, 1, 7n, size / 2]) {
          memory.bytes.fill(0xff);
          const length = memory.writeString(at, text, { encoding, terminated: true });
          t.is(length, Buffer.from(text, encoding === 'utf-8' ? 'utf8' : 'utf16le').length);
          t.is(memory.readString(at, { encoding }), text);
          t.is(memory.readString(at, { encoding, length }), text);
          const end = Number(at) + length + (encoding === 'utf-8' ? 1 : 2);
          t.is(memory.bytes[end], 0xff);
        }
    });

test('half a character stays in utf-16, and is replaced in utf-8', (t) => {
  const memory = memoryOf();
  memory.writeString(0, 'a\ud800b', { encoding: 'utf-16', terminated: true });
  t.is(memory.readString(0, { encoding: 'utf-16' }), 'a\ud800b');
  memory.writeString(0, 'a\ud800b', { terminated: true });
  t.is(memory.readString(0), 'a\ufffdb');
  memory.bytes.set([0x61, 0xc0, 0x62]);
  t.is(memory.readString(0, { length: 3 }), 'a\ufffdb');
});

test('a text ends at the end of the memory, not behind it', (t) => {
  const memory = memoryOf();
  t.is(memory.writeString(size - 3, 'abc'), 3);
  t.is(memory.readString(size - 3, { length: 3 }), 'abc');
  t.throws(() => memory.readString(size - 3), {
    instanceOf: UsageError,
    message: /no NUL ends the text at address 65533/,
  });
  t.throws(() => memory.readString(size - 3, { encoding: 'utf-16' }), { instanceOf: UsageError });
  t.is(memory.readString(size, { length: 0 }), '');
  t.is(memory.writeString(size, ''), 0);
});

const wrong: readonly (readonly [address: unknown, options?: object])[] = [
  [size + 1, { length: 0 }],
  [size - 1, { length: 2 }],
  [0, { length: size + 1 }],
  [0, { length: Number.MAX_SAFE_INTEGER }],
  [-1],
  [-1n],
  [1.5],
  [Number.NaN],
  [2 ** 40],
  ['5'],
  [undefined],
  [0, { length: -1 }],
  [0, { length: 3, encoding: 'utf-16' }],
  [0, { encoding: 'latin1' }],
  [0, { bytes: 5 }],
];
for (const [address, options] of wrong)
  test(`nothing is read at ${typeof address} ${address} with ${JSON.stringify(options)}`, (t) => {
    t.throws(() => memoryOf().readString(address as number, options), { instanceOf: UsageError });
  });

test('what does not fit is not written at all', (t) => {
  const memory = memoryOf();
  const before = memory.bytes.slice();
  const tries = [
    () => memory.writeString(size - 2, 'abc'),
    () => memory.writeString(size - 3, 'abc', { terminated: true }),
    () => memory.writeString(0, 'abc', { terminated: true, room: 3 }),
    () => memory.writeString(0, 'abc', { encoding: 'utf-16', room: 5 }),
    () => memory.writeString(-5, 'abc'),
    () => memory.writeString(0, 5 as never),
  ];
  for (const each of tries) t.throws(each, { instanceOf: UsageError });
  t.deepEqual(memory.bytes, before);
  t.is(memory.writeString(0, 'abc', { terminated: true, room: 4 }), 3);
});

test('addresses of i32 are signed in JavaScript, and those of i64', (t) => {
  const high = { length: 2 ** 31 + 4 } as Uint8Array;
  t.throws(() => readText(high, -(2 ** 31) + 8, { length: 1 }), { message: /address 2147483656 is not in/ });
  t.throws(() => memoryOf().readString(-8n), { message: /address 1844674407370955\d+ is not in/ });
});

test('a text has a bound', (t) => {
  const bytes = new Uint8Array(mostTextBytes + 8).fill(0x61);
  const error = t.throws(() => readText(bytes, 0), { instanceOf: LimitError });
  t.like(error, { limit: 'bytes of a text', value: mostTextBytes });
  t.throws(() => readText(bytes, 0, { length: mostTextBytes + 1 }), { instanceOf: LimitError });
});

test('a handle of a VM that is gone reads nothing', (t) => {
  const vm = new VM();
  const memory = vm.instantiate(plain).memory('memory');
  vm.dispose();
  t.throws(() => memory.readString(0), { instanceOf: UsageError, message: /disposed of/ });
  t.throws(() => memory.writeString(0, 'a'), { instanceOf: UsageError, message: /disposed of/ });
});

for (const engine of ['interpreter', 'native'] as const)
  test(`a host function reads and writes the memory of its caller (${engine})`, async (t) => {
    const module = await moduleOf(`
      (import "env" "greet" (func $greet (param i32 i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 16) "world")
      (func (export "greet") (result i32) (call $greet (i32.const 16) (i32.const 5) (i32.const 64)))`);
    const greet = hostFunction(['i32', 'i32', 'i32'], ['i32'], (at, length, to, context) => {
      t.throws(() => context.readString(at, { memory: 'none' }), { message: /unknown export "none"/ });
      t.throws(() => context.readString(-1), { instanceOf: UsageError });
      return context.writeString(to, `hello, ${context.readString(at, { length, memory: 'memory' })}`, {
        terminated: true,
      });
    });
    const instance = new VM({ engine }).instantiate<{ greet(): number }>(module, { env: { greet } });
    t.is(instance.exports.greet(), 12);
    t.is(instance.memory('memory').readString(64), 'hello, world');
  });
