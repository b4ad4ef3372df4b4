// Calls from JavaScript into the guest: each runs on top of whatever runs already, to its end. A call of a promising
// function runs until the guest waits: what it has on the stack is taken off then, and put back when it goes on.
// https://webassembly.github.io/spec/js-api/#call-an-exported-function

import { tidyHostValues } from '../runtime/collect.ts';
import { type Budget, Thrown } from '../runtime/engine.ts';
import type { Lifted } from '../runtime/frame.ts';
import type { Value } from '../runtime/heap/ref.ts';
import { onTop } from '../runtime/nesting.ts';
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
import type { Awaited, Port } from './port.ts';
import type { Realm } from './realm.ts';
import { checkCrossing, toJs, toWasm } from './values.ts';

const unbounded: Budget = { fuel: Number.POSITIVE_INFINITY };

/** A call that waits: all that it had on the stack, and for what it waits. */
class Suspended {
  constructor(
    readonly lifted: Lifted,
    readonly awaited: Awaited,
  ) {}
}

/** What a suspended call has waited for. */
class Answered {
  constructor(
    readonly suspended: Suspended,
    readonly answer: PromiseSettledResult<unknown>,
  ) {}
}

export class Caller {
  constructor(
    private readonly realm: Realm,
    private readonly port: Port,
  ) {}

  /** https://webassembly.github.io/spec/js-api/#a-new-exported-function */
  exportedFunction(addr: FuncAddr): object {
    return this.named(addr, (...args: unknown[]) => this.call(addr, args));
  }

  /** A function that answers with a promise, and so may wait. To the guest it is the exported one. */
  promisingFunction(addr: FuncAddr): object {
    const made = this.named(addr, (...args: unknown[]) => this.settled(addr, this.arguments(addr, args)));
    return this.realm.bindToo(made, 'func', addr);
  }

  private named(addr: FuncAddr, made: (...args: unknown[]) => unknown): object {
    const func = this.realm.store.funcs[addr] as FuncInst;
    const { params } = func.type.comp as FuncType;
    const index = func.kind === 'wasm' ? func.index : this.port.index(addr);
    return Object.defineProperties(made, {
      name: { value: String(index), configurable: true },
      length: { value: params.length, configurable: true },
    });
  }

  /** Coerces the arguments, and what comes back. */
  call(addr: FuncAddr, args: readonly unknown[]): unknown {
    return this.result(addr, this.advance(addr, this.arguments(addr, args), false) as Value[]);
  }

  private arguments(addr: FuncAddr, args: readonly unknown[]): Value[] {
    const { realm } = this;
    const { params, results } = realm.store.funcType(addr);
    checkCrossing(...params, ...results);
    return params.map((type, i) => toWasm(realm, args[i], type));
  }

  private result(addr: FuncAddr, values: readonly Value[]): unknown {
    const { realm } = this;
    const { results } = realm.store.funcType(addr);
    return results.length > 1 ? values.map((value) => toJs(realm, value)) : toJs(realm, values[0]);
  }

  /** Begins at once; whatever it ends with settles the promise. Awaits as the language does, at one place. */
  private async settled(addr: FuncAddr, args: readonly Value[]): Promise<unknown> {
    let state = this.advance(addr, args, true);
    while (state instanceof Suspended) {
      let answer: PromiseSettledResult<unknown>;
      try {
        answer = { status: 'fulfilled', value: await state.awaited.value };
      } catch (reason) {
        answer = { status: 'rejected', reason };
      }
      state = this.advance(addr, new Answered(state, answer), true);
    }
    return this.result(addr, state);
  }

  /** The start function of an instance. One that is imported from JavaScript need not wait. */
  start(addr: FuncAddr): void {
    const { store } = this.realm;
    if (store.funcs[addr]?.kind === 'wasm') return void this.invoke(addr, []);
    try {
      this.port.start(addr);
    } catch (error) {
      throw this.told(error, store.stack.depth);
    }
  }

  /** Calls a function of the store to its end. */
  invoke(addr: FuncAddr, args: readonly Value[]): Value[] {
    return this.advance(addr, args, false) as Value[];
  }

  /** A call of a function, from the beginning or from where it waited, to its end or to where it waits. */
  private advance(addr: FuncAddr, from: readonly Value[] | Answered, mayWait: boolean): Value[] | Suspended {
    const { port, realm } = this;
    const { store } = realm;
    const { stack } = store;
    const { depth, top } = stack;
    const { waiting } = port;
    port.waiting = mayWait ? 'may' : waiting === 'no' ? 'no' : 'not through JavaScript';
    return onTop(store, () => {
      try {
        checkAtTimes();
        realm.refresh();
        const ended = from instanceof Answered ? this.resume(from) : this.begin(addr, from);
        return ended ? readValues(stack.words, top, store.funcType(addr).results, store) : this.suspended(depth, top);
      } catch (error) {
        throw this.told(error, depth);
      } finally {
        port.waiting = waiting;
      }
    });
  }

  /** False where the guest waits. */
  private begin(addr: FuncAddr, args: readonly Value[]): boolean {
    const { store } = this.realm;
    const { stack } = store;
    const { depth, top } = stack;
    const func = store.funcs[addr] as FuncInst;
    const { params } = store.funcType(addr);
    const locals = top + slotsOfAll(params);
    const end = locals + localSlots(func);
    stack.reserveSlots(end);
    tidyHostValues(store);
    writeValues(stack.words, top, params, args, store, 'argument');
    stack.top = end;
    if (func.kind === 'host') {
      const ended = this.port.call(addr, top);
      stack.top = top;
      return ended;
    }
    stack.words.fill(0, locals * 2, end * 2);
    stack.push(addr, 0, top);
    const { entryCost } = planOf(func.instance.module.context, func.index);
    store.fuelUsed += entryCost;
    store.debt += entryCost;
    return this.realm.engine.run(store, depth, unbounded, this.port) === 'returned';
  }

  private suspended(depth: number, top: number): Suspended {
    const { store } = this.realm;
    const lifted = store.stack.lift(depth, top);
    store.lifted.add(lifted.words);
    return new Suspended(lifted, this.port.takeAwaited());
  }

  private resume({ suspended: { lifted, awaited }, answer }: Answered): boolean {
    const { store, engine } = this.realm;
    const { stack } = store;
    const floor = stack.depth;
    let values: Value[];
    try {
      values = this.port.answer(awaited.func, answer);
    } catch (error) {
      if (!(error instanceof Thrown) || lifted.frames.length === 0) throw error;
      stack.put(lifted);
      return engine.run(store, floor, unbounded, this.port, error) === 'returned';
    }
    stack.put(lifted);
    const { results } = store.funcType(awaited.func);
    stack.reserveSlots(stack.top + slotsOfAll(results));
    writeValues(stack.words, stack.top, results, values, store, 'result');
    stack.top += slotsOfAll(results);
    return engine.run(store, floor, unbounded, this.port) === 'returned';
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
