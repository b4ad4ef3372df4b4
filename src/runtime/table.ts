// Tables of references, two int32 words an element, as in a frame's slot (value.ts).
// https://webassembly.github.io/spec/core/exec/runtime.html#table-instances

import { LimitError } from '../spec/errors.ts';
import type { TableType } from '../spec/types.ts';

/** Elements that one table can have at the most, as in the JS API's implementation limits. */
export const maxTableSize = 10_000_000;

/** Tables of fewer elements are copied when they cross threads: that costs less than to share them. */
const fewElements = 10_000;

function elementsFor(size: number, shared: boolean): Int32Array {
  if (!shared || size < fewElements) return new Int32Array(size * 2);
  return new Int32Array(new SharedArrayBuffer(size * 8));
}

export class TableInst {
  /** Two words an element; longer than `size` where room was made ahead. */
  elements: Int32Array;
  size: number;
  /** The elements that have changed since the native engine's copy of them last followed: from one up to another. */
  changed = { start: 0, end: 0 };

  /** `shared`: the elements can cross threads without a copy, where they are many. */
  constructor(
    readonly type: TableType,
    size = Number(type.limits.min),
    private readonly shared = false,
  ) {
    if (size > maxTableSize)
      throw new LimitError(`a table of ${size} elements is over the limit of ${maxTableSize}`, {
        limit: 'elements of a table',
        value: maxTableSize,
      });
    this.size = size;
    this.elements = elementsFor(size, shared);
  }

  /** One with these elements, two words each: in the same place, where that can be shared. */
  static over(type: TableType, words: Int32Array): TableInst {
    const shared = !(words.buffer instanceof ArrayBuffer);
    const table = new TableInst(type, shared ? 0 : words.length / 2, shared);
    if (!shared) table.write(0, words);
    else {
      table.elements = words;
      table.size = words.length / 2;
    }
    return table;
  }

  /** All elements as they are now, two words each: a copy, but of those that can be shared. */
  get offered(): Int32Array {
    const { elements, size } = this;
    return elements.buffer instanceof ArrayBuffer ? elements.slice(0, size * 2) : elements.subarray(0, size * 2);
  }

  /** Grows by `delta` elements, each the reference (lo, hi); returns the old size, or -1. */
  grow(delta: number, lo: number, hi: number): number {
    const old = this.size;
    const size = old + delta;
    const max = this.type.limits.max;
    if (size > maxTableSize || (max !== undefined && BigInt(size) > max)) return -1;
    if (size * 2 > this.elements.length) this.reserve(size);
    this.size = size;
    this.fill(old, delta, lo, hi);
    return old;
  }

  private reserve(size: number): void {
    const wider = elementsFor(Math.min(maxTableSize, Math.max(size, this.size * 2)), this.shared);
    wider.set(this.elements);
    this.elements = wider;
  }

  private touch(start: number, end: number): void {
    const { changed } = this;
    if (changed.end === changed.start) {
      changed.start = start;
      changed.end = end;
    } else {
      changed.start = Math.min(changed.start, start);
      changed.end = Math.max(changed.end, end);
    }
  }

  /** Writes references, two words each; they must fit. */
  write(start: number, words: Int32Array): void {
    this.touch(start, start + words.length / 2);
    this.elements.set(words, start * 2);
  }

  /** The range must be within the table. */
  fill(start: number, count: number, lo: number, hi: number): void {
    this.touch(start, start + count);
    for (let i = start * 2; i < (start + count) * 2; i += 2) {
      this.elements[i] = lo;
      this.elements[i + 1] = hi;
    }
  }
}
