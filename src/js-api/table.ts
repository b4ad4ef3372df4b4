// Table objects. https://webassembly.github.io/spec/js-api/#tables

import { tidyHostValues } from '../runtime/collect.ts';
import { TableInst } from '../runtime/table.ts';
import { readValue, writeValue } from '../runtime/value.ts';
import { isRef, type TableAddr, type TableType } from '../spec/types.ts';
import { attempt } from './errors.ts';
import { addressType, fromSize, given, index, limits } from './limits.ts';
import { Address, type Realm } from './realm.ts';
import { checkCrossing, defaultValue, toJs, toWasm, valueType } from './values.ts';
import { asInterface, dictionary } from './webidl.ts';

/** An argument that may be missing, which is not the same as undefined. */
type Optional = [value?: unknown];

export function tableClass(realm: Realm): typeof WebAssembly.Table {
  const inst = (self: unknown): TableInst => realm.store.tables[realm.addr(self, 'table', 'Table')] as TableInst;
  class Table {
    constructor(descriptor: WebAssembly.TableDescriptor, ...init: Optional) {
      const from: unknown = descriptor;
      realm.bind(this, 'table', from instanceof Address ? from.addr : newTable(realm, from, init));
    }
    get length(): number {
      const { size, type } = inst(this);
      return fromSize(size, type.addr);
    }
    get(i: number): unknown {
      const table = inst(this);
      const at = index(i, table.type.addr, 'the index');
      checkCrossing(table.type.ref);
      return toJs(realm, readValue(table.elements, within(table, at), table.type.ref, realm.store));
    }
    set(i: number, ...value: Optional): void {
      const table = inst(this);
      const at = index(i, table.type.addr, 'the index');
      const [lo, hi] = element(realm, table.type, value);
      table.fill(within(table, at), 1, lo, hi);
    }
    grow(delta: number, ...value: Optional): number {
      const table = inst(this);
      const by = index(delta, table.type.addr, 'delta');
      const [lo, hi] = element(realm, table.type, value);
      const old = attempt(() => realm.store.growTable(table, by, lo, hi));
      if (old < 0) throw new RangeError(`the table cannot grow by ${delta} elements`);
      return fromSize(old, table.type.addr);
    }
  }
  return asInterface(Table);
}

function newTable(realm: Realm, from: unknown, init: Optional): TableAddr {
  const type = tableType(from);
  return attempt(() => {
    const table = new TableInst(type);
    const [lo, hi] = element(realm, type, init);
    table.fill(0, table.size, lo, hi);
    return realm.store.addTable(table);
  });
}

function tableType(from: unknown): TableType {
  const members = dictionary(from, 'the table descriptor');
  const addr = addressType(members);
  const ref = valueType(members.element);
  const initial = given(members, 'initial', addr);
  const bounds = limits(initial, given(members, 'maximum', addr));
  if (!isRef(ref)) throw new TypeError('the elements of a table are references');
  return { addr, limits: bounds, ref };
}

/** The words of a value, or of the default one where none is given. */
function element(realm: Realm, { ref }: TableType, given: Optional): [number, number] {
  checkCrossing(ref);
  const value = given.length === 0 ? defaultValue(realm, ref) : given[0];
  const words = new Int32Array(2);
  tidyHostValues(realm.store);
  writeValue(words, 0, ref, toWasm(realm, value, ref), realm.store, 'the element');
  return [words[0] as number, words[1] as number];
}

function within(table: TableInst, at: number): number {
  if (at < table.size) return at;
  throw new RangeError(`element ${at} is not in a table of ${table.size}`);
}
