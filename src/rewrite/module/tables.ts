// Tables of functions as native code sees them: each a host table that follows the store's. The store's is the truth, and
// tells which of its elements have changed.

import { hostWasm } from '../../runtime/beneath/host-wasm.ts';
import { refKinds } from '../../runtime/heap/ref.ts';
import type { TableInst } from '../../runtime/table.ts';
import { hierarchyOf } from '../../runtime/value.ts';
import type { FuncAddr } from '../../spec/types.ts';

/** A native function of a type that no guest has: a call through a table finds it to be of the wrong type. */
let misfit: CallableFunction | undefined;

// (module (func (export "f") (result externref) (ref.null extern)))
// biome-ignore format: sections
const misfitModule = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 5, 1, 0x60, 0, 1, 0x6f,
  3, 2, 1, 0,
  7, 5, 1, 1, 0x66, 0, 0,
  10, 6, 1, 4, 0, 0xd0, 0x6f, 0x0b,
);

export function theMisfit(): CallableFunction {
  misfit ??= new hostWasm.Instance(new hostWasm.Module(misfitModule)).exports.f as CallableFunction;
  return misfit;
}

/** A function of the store as native code sees it. */
interface Shown {
  readonly addr: FuncAddr;
  readonly func: CallableFunction | null;
}
const nothing: Shown = { addr: -1, func: null };

export class TableMirror {
  readonly host: WebAssembly.Table;
  /** The elements that the host's table shows. */
  private shown = new Int32Array(0);

  constructor(
    private table: TableInst,
    private readonly funcOf: (func: FuncAddr) => CallableFunction,
  ) {
    this.host = new hostWasm.Table({ element: 'anyfunc', initial: 0 });
    this.follow(table);
  }

  /** Shows this table from the next update on, which is not smaller than what is shown. */
  follow(table: TableInst): void {
    this.table = table;
    table.changed = { start: 0, end: table.size };
  }

  update(): void {
    const { table } = this;
    const { start, end } = table.changed;
    if (start === end && this.host.length === table.size) return;
    if (hierarchyOf(table.type.ref) === 'func') this.show(start, end);
    table.changed = { start: 0, end: 0 };
  }

  private show(start: number, end: number): void {
    const { shown, host } = this.widened();
    const { elements } = this.table;
    let of = nothing;
    for (let i = start; i < end; i++) {
      const lo = elements[2 * i] as number;
      const hi = elements[2 * i + 1] as number;
      if (shown[2 * i] === lo && shown[2 * i + 1] === hi) continue;
      if (hi === refKinds.null) host.set(i, null);
      else {
        // Those that follow each other are often the same.
        if (of.addr !== lo) of = { addr: lo, func: this.funcOf(lo) };
        host.set(i, of.func);
      }
      shown[2 * i] = lo;
      shown[2 * i + 1] = hi;
    }
  }

  /** With room for all elements. New ones are like the first of them: a table grows by many of one. */
  private widened(): { readonly shown: Int32Array; readonly host: WebAssembly.Table } {
    const { host, table } = this;
    const { elements, size } = table;
    const old = host.length;
    if (size * 2 > this.shown.length) {
      const wider = new Int32Array(Math.max(size, this.shown.length) * 2);
      wider.set(this.shown);
      this.shown = wider;
    }
    if (size > old) {
      const lo = elements[2 * old] as number;
      const hi = elements[2 * old + 1] as number;
      host.grow(size - old, hi === refKinds.null ? null : this.funcOf(lo));
      for (let i = old; i < size; i++) {
        this.shown[2 * i] = lo;
        this.shown[2 * i + 1] = hi;
      }
    }
    return { shown: this.shown, host };
  }
}
