// Calls from JavaScript into the guest: each runs to its end on top of whatever runs already.
// https://webassembly.github.io/spec/js-api/#call-an-exported-function

import { type Budget, Thrown } from '../runtime/engine.ts';
import { onTop } from '../runtime/nesting.ts';
import type { Value } from '../runtime/ref.ts';
import type { FuncInst } from '../runtime/store.ts';
import { readValues, writeValues } from '../runtime/value.ts';
import { CrashError, Trap, UncaughtError } from '../spec/errors.ts';
import { type FuncAddr, type FuncType, slotsOfAll } from '../spec/types.ts';
import { planOf } from '../validate/safepoints.ts';
import { localSlots } from '../vm/driver.ts';
import { trace } from '../vm/frames.ts';
import { isHostOverflow, stackOverflow, trapped } from './errors.ts';
import { thrownValue } from './exception.ts';
import { checkAtTimes } from './host-stack.ts';
import type { Port } from './port.ts';
import type { Realm } from './realm.ts';
import { checkCrossing, toJs, toWasm } from './values.ts';

const unbounded: Budget = { fuel: Number.POSITIVE_INFINITY };

export class Caller {
  constructor(
    private readonly realm: Realm,
    private readonly port: Port,
  ) {}

  /** https://webassembly.github.io/spec/js-api/#a-new-exported-function */
  exportedFunction(addr: FuncAddr): object {
    const func = this.realm.store.funcs[addr] as FuncInst;
    const { params } = func.type.comp as FuncType;
    const made = (...args: unknown[]) => this.call(addr, args);
    return Object.defineProperties(made, {
      name: { value: String(func.kind === 'wasm' ? func.index : addr), configurable: true },
      length: { value: params.length, configurable: true },
    });
  }

  /** Coerces the arguments, and what comes back. */
  call(addr: FuncAddr, args: readonly unknown[]): unknown {
    const { realm } = this;
    const { params, results } = realm.store.funcType(addr);
    checkCrossing(...params, ...results);
    const values = this.invoke(
      addr,
      params.map((type, i) => toWasm(realm, args[i], type)),
    );
    return results.length > 1 ? values.map((value) => toJs(realm, value)) : toJs(realm, values[0]);
  }

  /** Calls a function of the store to its end. */
  invoke(addr: FuncAddr, args: readonly Value[]): Value[] {
    const { store } = this.realm;
    const { stack } = store;
    const { depth, top } = stack;
    return onTop(store, () => {
      try {
        checkAtTimes();
        this.run(addr, args);
        return readValues(stack.words, top, store.funcType(addr).results, store);
      } catch (error) {
        throw this.told(error, depth);
      }
    });
  }

  private run(addr: FuncAddr, args: readonly Value[]): void {
    const { store, engine } = this.realm;
    const { stack } = store;
    const { depth, top } = stack;
    const func = store.funcs[addr] as FuncInst;
    const { params } = store.funcType(addr);
    const locals = top + slotsOfAll(params);
    const end = locals + localSlots(func);
    stack.reserveSlots(end);
    writeValues(stack.words, top, params, args, store, 'argument');
    stack.top = end;
    if (func.kind === 'host') {
      this.port.call(addr, top);
      return;
    }
    stack.words.fill(0, locals * 2, end * 2);
    stack.push(addr, 0, top);
    const { entryCost } = planOf(func.instance.module.context, func.index);
    store.fuelUsed += entryCost;
    store.debt += entryCost;
    engine.run(store, depth, unbounded, this.port);
  }

  /** What JavaScript sees of a failure. */
  private told(error: unknown, floor: number): unknown {
    const { realm } = this;
    if (error instanceof Thrown) return error.value;
    if (error instanceof UncaughtError) return thrownValue(realm, error.exception);
    if (isHostOverflow(error)) return realm.uncatchable(new RangeError(stackOverflow));
    if (!(error instanceof Trap)) return new CrashError('the engine failed', { cause: error });
    trace(realm.store, floor, error);
    return realm.uncatchable(trapped(error));
  }
}
