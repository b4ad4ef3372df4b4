// Memory objects. https://webassembly.github.io/spec/js-api/#memories

import {
  allocateMemory,
  hasResizableBuffers,
  type MemoryInst,
  type ResizableMemory,
} from '../runtime/memory/memory.ts';
import type { MemAddr, MemType } from '../spec/types.ts';
import { attempt } from './errors.ts';
import { addressType, fromSize, given, index, limits } from './limits.ts';
import { Address, type Realm } from './realm.ts';
import { asInterface, dictionary } from './webidl.ts';

const pageLog2 = 16;

/** What memories have where the host's have it. */
const resizing = ['toFixedLengthBuffer', 'toResizableBuffer'] as const satisfies (keyof ResizableMemory)[];

export function memoryClass(realm: Realm): typeof WebAssembly.Memory {
  const inst = (self: unknown): MemoryInst => realm.store.memories[realm.addr(self, 'memory', 'Memory')] as MemoryInst;
  const resized = (self: unknown, resizable: boolean): ArrayBufferLike => {
    const memory = inst(self);
    memory.setResizable(resizable);
    if (resizable) realm.resizable.add(memory);
    else realm.resizable.delete(memory);
    return memory.buffer;
  };
  class Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      const from: unknown = descriptor;
      realm.bind(this, 'memory', from instanceof Address ? from.addr : newMemory(realm, from));
    }
    /** The same object until the memory grows, by whomever; then this one is detached. */
    get buffer(): ArrayBuffer {
      return inst(this).buffer as ArrayBuffer;
    }
    grow(delta: number): number {
      const memory = inst(this);
      const by = index(delta, memory.type.addr, 'delta');
      const old = attempt(() => (by === 0 ? memory.renew() : memory.grow(by)));
      if (old < 0) throw new RangeError(`the memory cannot grow by ${delta} pages`);
      return fromSize(old, memory.type.addr);
    }
    toFixedLengthBuffer(): ArrayBufferLike {
      return resized(this, false);
    }
    toResizableBuffer(): ArrayBufferLike {
      return resized(this, true);
    }
  }
  if (!hasResizableBuffers) for (const name of resizing) Reflect.deleteProperty(Memory.prototype, name);
  return asInterface(Memory) as never;
}

function newMemory(realm: Realm, from: unknown): MemAddr {
  const { store } = realm;
  const type = memoryType(from);
  return attempt(() => {
    store.checkRoom({ memoryCount: 1 });
    return store.addMemory(allocateMemory(type, false, store.memoryBudget));
  });
}

function memoryType(from: unknown): MemType {
  const members = dictionary(from, 'the memory descriptor');
  const addr = addressType(members);
  const initial = given(members, 'initial', addr);
  const maximum = given(members, 'maximum', addr);
  const shared = Boolean(members.shared);
  const bounds = limits(initial, maximum);
  const most = addr === 'i32' ? 2n ** 16n : 2n ** 48n;
  if ((bounds.max ?? bounds.min) > most) throw new RangeError(`a memory has ${most} pages at the most`);
  if (shared && bounds.max === undefined) throw new TypeError('a shared memory needs a maximum');
  return { addr, limits: bounds, shared, pageLog2 };
}
