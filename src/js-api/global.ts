// Global objects. https://webassembly.github.io/spec/js-api/#globals

import { tidyHostValues } from '../runtime/collect.ts';
import type { Value } from '../runtime/heap/ref.ts';
import { type GlobalInst, globalWords, type Store } from '../runtime/store.ts';
import { readValue, writeValue } from '../runtime/value.ts';
import type { GlobalAddr, GlobalType } from '../spec/types.ts';
import { attempt } from './errors.ts';
import { Address, type Realm } from './realm.ts';
import { checkCrossing, defaultValue, toJs, toWasm, valueType } from './values.ts';
import { asInterface, dictionary } from './webidl.ts';

export function globalClass(realm: Realm): typeof WebAssembly.Global {
  const { store } = realm;
  const addrOf = (self: unknown): GlobalAddr => realm.addr(self, 'global', 'Global');
  class Global {
    constructor(descriptor: WebAssembly.GlobalDescriptor, ...init: [value?: unknown]) {
      const from: unknown = descriptor;
      realm.bind(this, 'global', from instanceof Address ? from.addr : newGlobal(realm, from, init[0]));
    }
    get value(): unknown {
      return toJs(realm, readValue(store.globalWords, ...place(store, addrOf(this)), store));
    }
    set value(value: unknown) {
      const addr = addrOf(this);
      const { type, mutable } = (store.globals[addr] as GlobalInst).type;
      checkCrossing(type);
      if (!mutable) throw new TypeError('the global is constant');
      writeGlobal(store, addr, toWasm(realm, value, type));
    }
    valueOf(): unknown {
      return toJs(realm, readValue(store.globalWords, ...place(store, addrOf(this)), store));
    }
  }
  return asInterface(Global) as never;
}

/** Where a global's value stands, and its type. Throws TypeError where it cannot cross. */
function place(store: Store, addr: GlobalAddr): [number, GlobalType['type']] {
  const { type } = (store.globals[addr] as GlobalInst).type;
  checkCrossing(type);
  return [(addr * globalWords) / 2, type];
}

function writeGlobal(store: Store, addr: GlobalAddr, value: Value): void {
  const [at, type] = place(store, addr);
  tidyHostValues(store);
  writeValue(store.globalWords, at, type, value, store, 'the global');
}

function newGlobal(realm: Realm, from: unknown, value: unknown): GlobalAddr {
  const members = dictionary(from, 'the global descriptor');
  const mutable = Boolean(members.mutable);
  const type = valueType(members.value);
  const init = value === undefined ? defaultValue(realm, type) : value;
  checkCrossing(type);
  return addGlobal(realm, { type, mutable }, toWasm(realm, init, type));
}

/** A new global of the store. */
export function addGlobal({ store }: Realm, type: GlobalType, value: Value): GlobalAddr {
  const addr = attempt(() => store.addGlobal(type));
  writeGlobal(store, addr, value);
  return addr;
}
