// Calls from the guest into JavaScript. What JavaScript throws goes on through the guest, which may catch it.
// https://webassembly.github.io/spec/js-api/#create-a-host-function

import { tidyHostValues } from '../runtime/collect.ts';
import type { HostPort } from '../runtime/engine.ts';
import type { Value } from '../runtime/heap/ref.ts';
import { inHost } from '../runtime/nesting.ts';
import { readValues, writeValues } from '../runtime/value.ts';
import type { DefType } from '../spec/deftypes.ts';
import { CrashError, Trap } from '../spec/errors.ts';
import { type FuncAddr, type FuncType, slotsOfAll, type ValType } from '../spec/types.ts';
import type { Builtin } from './builtins.ts';
import { attempt, SuspendError } from './errors.ts';
import { thrown } from './exception.ts';
import type { Callable, Realm } from './realm.ts';
import { checkCrossing, toJs, toWasm } from './values.ts';
import { isObject } from './webidl.ts';

/** A function of JavaScript that the guest imports, or one that it is compiled to use. */
type Imported = (Given | { readonly builtin: Builtin }) & {
  /** What it is called where it is exported again: its index in the importing module. */
  readonly index: number;
};

interface Given {
  readonly callee: Callable;
  /** Whether it was given as a `Suspending`: its caller waits for what it returns. */
  readonly suspends: boolean;
}

/**
 * Whether the guest may be suspended: it may in a call of a promising function, but not in another call that JavaScript
 * makes, be it within such a one or not.
 */
export type Waiting = 'no' | 'may' | 'not through JavaScript';

const cannotWait: Record<Exclude<Waiting, 'may'>, string> = {
  no: 'trying to suspend without WebAssembly.promising',
  'not through JavaScript': 'trying to suspend JS frames',
};

/** What a suspended call waits for. */
export interface Awaited {
  readonly func: FuncAddr;
  readonly value: unknown;
}

export class Port implements HostPort {
  readonly mayWait = false;
  /** Of the innermost call from JavaScript. */
  waiting: Waiting = 'no';
  private awaited: Awaited | undefined;
  /** By function address. */
  private readonly functions: Imported[] = [];

  constructor(private readonly realm: Realm) {}

  /** A new function of the store that calls the JavaScript one. */
  provide(imported: Imported, type: DefType, module: string, name: string): FuncAddr {
    const addr = attempt(() => this.realm.store.addFunc({ kind: 'host', type, module, name }));
    this.functions[addr] = imported;
    return addr;
  }

  private imported(func: FuncAddr): Imported {
    return this.functions[func] as Imported;
  }

  /** A function's index where it is imported. */
  index(func: FuncAddr): number {
    return this.imported(func).index;
  }

  call(func: FuncAddr, base: number): boolean {
    const { realm } = this;
    const { store } = realm;
    const type = store.funcType(func);
    tidyHostValues(store);
    const args = readValues(store.stack.words, base, type.params, store);
    const imported = this.imported(func);
    if ('builtin' in imported) return this.callBuiltin(imported.builtin, type, args, base);
    const { callee, suspends } = imported;
    let values: Value[] | undefined;
    // As `catching` does, which would be one function more: guest and JavaScript may call each other hundreds deep.
    store.references.inHands.push(args);
    try {
      values = inHost(store, () => {
        if (suspends) this.checkWaiting();
        const value = this.apply(callee, type, args);
        return suspends ? this.wait(func, value) : this.results(type, value);
      });
    } catch (value) {
      throw thrown(realm, value);
    } finally {
      store.references.inHands.pop();
      realm.refresh();
    }
    return values !== undefined && this.put(type, values, base);
  }

  private callBuiltin({ act }: Builtin, type: FuncType, args: readonly Value[], base: number): true {
    const { realm } = this;
    let value: Value;
    try {
      value = act(realm.store, args);
    } catch (error) {
      throw error instanceof Trap ? error : thrown(realm, error);
    }
    return this.put(type, [value], base);
  }

  private put({ results }: FuncType, values: readonly Value[], base: number): true {
    const { store } = this.realm;
    store.stack.reserveSlots(base + slotsOfAll(results));
    writeValues(store.stack.words, base, results, values, store, 'result');
    return true;
  }

  private checkWaiting(): void {
    if (this.waiting !== 'may') throw new SuspendError(cannotWait[this.waiting]);
  }

  private wait(func: FuncAddr, value: unknown): undefined {
    const { store } = this.realm;
    this.awaited = { func, value };
    store.pending = { id: ++store.calls, func, args: [] };
  }

  /** Calls it as a start function, which waits for nothing. */
  start(func: FuncAddr): void {
    const imported = this.imported(func);
    if ('callee' in imported) this.catching(() => this.apply(imported.callee, this.realm.store.funcType(func), []));
  }

  /** What the call waits for that was suspended last. */
  takeAwaited(): Awaited {
    const { awaited } = this;
    if (awaited === undefined) throw new CrashError('the engine waits for no host call');
    this.awaited = undefined;
    this.realm.store.pending = null;
    return awaited;
  }

  /** What an awaited function has answered, as its results; throws what it has thrown, or what a conversion throws. */
  answer(func: FuncAddr, answer: PromiseSettledResult<unknown>): Value[] {
    return this.catching(() => {
      if (answer.status === 'rejected') throw answer.reason;
      return this.results(this.realm.store.funcType(func), answer.value);
    });
  }

  /** Runs JavaScript; what it throws goes on as Thrown. */
  private catching<T>(act: () => T): T {
    try {
      return inHost(this.realm.store, act);
    } catch (value) {
      throw thrown(this.realm, value);
    } finally {
      this.realm.refresh();
    }
  }

  private apply(callee: Callable, { params, results }: FuncType, args: readonly Value[]): unknown {
    checkCrossing(...params, ...results);
    return Reflect.apply(
      callee,
      undefined,
      args.map((arg) => toJs(this.realm, arg)),
    );
  }

  private results({ results }: FuncType, value: unknown): Value[] {
    return listed(value, results).map((result, i) => toWasm(this.realm, result, results[i] as ValType));
  }
}

/** None, one as it is, several as any iterable gives them. */
function listed(value: unknown, results: readonly ValType[]): unknown[] {
  if (results.length === 0) return [];
  if (results.length === 1) return [value];
  if (!isObject(value)) throw new TypeError('several results are returned as an iterable');
  const values = [...(value as Iterable<unknown>)];
  if (values.length !== results.length) throw new TypeError('multi-return length mismatch');
  return values;
}
