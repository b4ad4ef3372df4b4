// Comparing bytes: as the host does it, as browsers have it, and the code of our own that looks for zeros.

import test from 'ava';
import { comparison, zeros, zeroTests } from '../../src/runtime/memory/compare.ts';
import { bytesOf } from '../wat.ts';

const pageBytes = 65_536;

/** The module that compare.ts holds as bytes. */
const textWith = (limits: string): string => `
  (memory (import "" "") ${limits})
  (func (export "") (param i32 i32) (result i32)
    (loop
      (if (v128.any_true
          (v128.or
            (v128.or
              (v128.or (v128.load (local.get 0)) (v128.load offset=16 (local.get 0)))
              (v128.or (v128.load offset=32 (local.get 0)) (v128.load offset=48 (local.get 0))))
            (v128.or
              (v128.or (v128.load offset=64 (local.get 0)) (v128.load offset=80 (local.get 0)))
              (v128.or (v128.load offset=96 (local.get 0)) (v128.load offset=112 (local.get 0))))))
        (then (return (i32.const 0))))
      (br_if 0 (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 128))) (local.get 1))))
    (i32.const 1))`;

test('the code that looks for zeros is what its text says', async (t) => {
  t.deepEqual(zeroTests.plain, await bytesOf(textWith('0')));
  t.deepEqual(zeroTests.shared, await bytesOf(textWith('0 65536 shared')));
});

for (const shared of [false, true])
  test(`each byte of a large memory counts, wherever it is; shared: ${shared}`, (t) => {
    const host = new WebAssembly.Memory({ initial: 80, maximum: 65_536, shared });
    const bytes = new Uint8Array(host.buffer);
    const isEqual = comparison(bytes, host);
    const at = 70 * pageBytes;
    t.true(isEqual(at, zeros, 0, pageBytes));
    // All places within a step, at both ends and in the midst.
    for (const start of [0, 31_232, pageBytes - 128])
      for (let i = start; i < start + 128; i++) {
        bytes[at + i] = 1 << (i % 8);
        if (isEqual(at, zeros, 0, pageBytes)) t.fail(`byte ${i} is not seen`);
        bytes[at + i] = 0;
      }
    // What is beside the stretch does not count.
    bytes[at - 1] = bytes[at + pageBytes] = 1;
    t.true(isEqual(at, zeros, 0, pageBytes));
    // Stretches that are no whole steps, and others than zeros.
    for (const length of [0, 1, 127, 129]) t.true(isEqual(at, zeros, 0, length));
    bytes[at + 128] = 1;
    t.true(isEqual(at, zeros, 0, 128));
    t.false(isEqual(at, zeros, 0, 129));
    t.false(isEqual(at, new Uint8Array(256), 0, 256));
    t.true(isEqual(at, bytes.slice(at, at + 256), 0, 256));
    // The memory that grows is another buffer of the same memory.
    host.grow(1);
    const grown = comparison(new Uint8Array(host.buffer), host);
    t.true(grown(80 * pageBytes, zeros, 0, pageBytes));
    t.false(grown(at, zeros, 0, pageBytes));
  });

test('without Buffer, as in browsers, the answers are the same', (t) => {
  const { Buffer: node } = globalThis;
  const host = new WebAssembly.Memory({ initial: 64 });
  const bytes = new Uint8Array(host.buffer);
  bytes[1000] = 1;
  Reflect.deleteProperty(globalThis, 'Buffer');
  try {
    for (const isEqual of [comparison(bytes, host), comparison(bytes)]) {
      t.false(isEqual(0, zeros, 0, pageBytes));
      t.true(isEqual(pageBytes, zeros, 0, pageBytes));
      t.true(isEqual(1000, new Uint8Array([5, 1, 0]), 1, 2));
      t.false(isEqual(1000, new Uint8Array([5, 1, 1]), 1, 2));
    }
  } finally {
    globalThis.Buffer = node;
  }
});

test('up to the end of four gibibytes', (t) => {
  const host = new WebAssembly.Memory({ initial: 65_536 });
  const isEqual = comparison(new Uint8Array(host.buffer), host);
  const at = 65_535 * pageBytes;
  t.true(isEqual(at, zeros, 0, pageBytes));
  new Uint8Array(host.buffer)[2 ** 32 - 1] = 1;
  t.false(isEqual(at, zeros, 0, pageBytes));
});
