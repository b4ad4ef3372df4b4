// Calls from the guest into JavaScript. What JavaScript throws goes on through the guest, which may catch it.
// https://webassembly.github.io/spec/js-api/#create-a-host-function

import type { HostPort } from '../runtime/engine.ts';
import { inHost } from '../runtime/nesting.ts';
import type { Value } from '../runtime/ref.ts';
import { readValues, writeValues } from '../runtime/value.ts';
import type { DefType } from '../spec/deftypes.ts';
import { type FuncAddr, type FuncType, slotsOfAll, type ValType } from '../spec/types.ts';
import { thrown } from './exception.ts';
import type { Realm } from './realm.ts';
import { checkCrossing, toJs, toWasm } from './values.ts';
import { isObject } from './webidl.ts';

export type Callable = (...args: unknown[]) => unknown;

export class Port implements HostPort {
  readonly mayWait = false;
  /** By function address. */
  private readonly functions: Callable[] = [];

  constructor(private readonly realm: Realm) {}

  /** A new function of the store that calls the JavaScript one. */
  provide(callee: Callable, type: DefType, module: string, name: string): FuncAddr {
    const addr = this.realm.store.addFunc({ kind: 'host', type, module, name });
    this.functions[addr] = callee;
    return addr;
  }

  call(func: FuncAddr, base: number): boolean {
    const { realm } = this;
    const { store } = realm;
    const type = store.funcType(func);
    const args = readValues(store.stack.words, base, type.params, store);
    let values: Value[];
    try {
      values = inHost(store, () => this.perform(this.functions[func] as Callable, type, args));
    } catch (value) {
      throw thrown(realm, value);
    }
    store.stack.reserveSlots(base + slotsOfAll(type.results));
    writeValues(store.stack.words, base, type.results, values, store, 'result');
    return true;
  }

  private perform(callee: Callable, { params, results }: FuncType, args: readonly Value[]): Value[] {
    const { realm } = this;
    checkCrossing(...params, ...results);
    const value = Reflect.apply(
      callee,
      undefined,
      args.map((arg) => toJs(realm, arg)),
    );
    return listed(value, results).map((result, i) => toWasm(realm, result, results[i] as ValType));
  }
}

/** None, one as it is, several as any iterable gives them. */
function listed(value: unknown, results: readonly ValType[]): unknown[] {
  if (results.length === 0) return [];
  if (results.length === 1) return [value];
  if (!isObject(value)) throw new TypeError('several results are returned as an iterable');
  const values = [...(value as Iterable<unknown>)];
  if (values.length !== results.length) throw new TypeError(`${results.length} results are expected`);
  return values;
}
