// Memories that were given back serve the next, whatever it wants, up to a bound of all of them together.

import test from 'ava';
import { hostWasm } from '../../src/runtime/beneath/host-wasm.ts';
import { bounds } from '../../src/runtime/kept/bounds.ts';
import { allocateMemory, spareMemories } from '../../src/runtime/memory/memory.ts';
import { LimitError } from '../../src/spec/errors.ts';
import type { MemType } from '../../src/spec/types.ts';

const page = 65536;
const typeOf = (min: number, max?: number, shared = false): MemType => ({
  addr: 'i32',
  limits: { min: BigInt(min), ...(max !== undefined && { max: BigInt(max) }) },
  shared,
  pageLog2: 16,
});
const budget = () => ({ limit: 2 ** 40, used: 0 });
const make = (min: number, max?: number, shared = false) => allocateMemory(typeOf(min, max, shared), false, budget());

test.serial('one memory serves types of any maximum, each in turn, and each sees zeros and its own maximum', (t) => {
  const first = make(1, 1);
  const { host } = first;
  first.bytes.fill(7);
  first.release();
  for (let max = 2; max < 3000; max++) {
    const memory = make(1, max);
    t.is(memory.host, host);
    t.is(memory.bytes.indexOf(7), -1);
    if (max === 2) {
      t.is(memory.grow(2), -1);
      t.is(memory.grow(0), 1);
    }
    memory.bytes[max] = 7;
    memory.release();
  }
});

test.serial('shared ones are kept apart, and given back too', (t) => {
  const shared = make(1, 5, true);
  shared.release();
  const own = make(1, 5);
  t.false(own.shared);
  t.is(make(1, 9, true).host, shared.host);
  own.release();
});

test.serial('what is kept has one bound, by number and by bytes', (t) => {
  const { spareMemories: bytes } = bounds;
  const many = Array.from({ length: 2 * bounds.spareMemoryCount }, (_, i) => make(i % 4, i + 10, i % 3 === 0));
  for (const memory of many) memory.release();
  t.is(spareMemories().count, bounds.spareMemoryCount);
  bounds.spareMemories = 20 * page;
  try {
    const larger = Array.from({ length: 8 }, (_, i) => make(6, i + 10));
    for (const memory of larger) memory.release();
    t.deepEqual(spareMemories(), { count: 3, bytes: 18 * page });
    const huge = make(bounds.spareMemory / page + 1);
    huge.release();
    t.deepEqual(spareMemories(), { count: 2, bytes: 12 * page });
  } finally {
    bounds.spareMemories = bytes;
  }
});

test.serial('where the host has no memory left the reserve is let go of, and then it is tried again', (t) => {
  while (spareMemories().count > 0) [make(200), make(200, 300, true)];
  make(1, 2, true).release();
  t.is(spareMemories().count, 1);
  const { Memory } = hostWasm;
  let failures = 1;
  class Scarce extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if (failures-- > 0) throw new RangeError('no room');
      super(descriptor);
    }
  }
  hostWasm.Memory = Scarce as typeof Memory;
  try {
    t.is(make(70).pages, 70);
    t.is(spareMemories().count, 0);
    failures = 2;
    t.throws(() => make(70), { instanceOf: LimitError, message: /no memory/ });
  } finally {
    hostWasm.Memory = Memory;
  }
});
