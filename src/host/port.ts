// Calls host functions for the engines: typed arguments in, checked results out, and whatever they throw made a
// HostError. Which host function stands for which import is found out in vm.ts.

import { tidyHostValues } from '../runtime/collect.ts';
import type { HostPort } from '../runtime/engine.ts';
import { exported } from '../runtime/instance.ts';
import type { MemoryInst } from '../runtime/memory.ts';
import { hostCallsOfThread, inHost } from '../runtime/nesting.ts';
import type { Ref, Value } from '../runtime/ref.ts';
import type { FuncInst, InstanceInst, PendingCall, Store } from '../runtime/store.ts';
import { type ReadTextOptions, readText, type WriteTextOptions, writeText } from '../runtime/text.ts';
import { readValues, writeValues } from '../runtime/value.ts';
import type { DefType } from '../spec/deftypes.ts';
import { CrashError, ExhaustionError, HostError, LinkError, UsageError } from '../spec/errors.ts';
import { calledFrom } from '../spec/stacks.ts';
import { cut, isA, messageOf, quoted, toldThrown } from '../spec/told.ts';
import { type FuncAddr, type FuncType, slotsOfAll, type ValType } from '../spec/types.ts';
import type { HostContext, HostFunction, MemoryNamed } from './define.ts';

/** Guests and host calling each other use the thread's own stack, which is small and not ours to check. */
const maxHostCalls = 100;

/** Calls a function of the store to its end; a host function has the caller that is given. */
export type Invoke = (func: Ref, args: readonly Value[], caller: InstanceInst) => Value[];

export class Port implements HostPort {
  /** Whether the guest may be suspended: not while a host function runs below it. */
  mayWait = false;
  /** The instance that called the innermost host function that is running. */
  private running: InstanceInst | undefined;
  /** By function address. */
  private readonly bound: (HostFunction | undefined)[] = [];
  /** Their addresses, by type and name. */
  private readonly addrs = new Map<HostFunction, Map<string, FuncAddr>>();

  constructor(
    private readonly store: Store,
    private readonly invoke: Invoke,
  ) {}

  /** The address of a host function under this name and type; the same one each time. */
  provide(module: string, name: string, type: DefType, host: HostFunction): FuncAddr {
    const known = this.addrs.get(host)?.get(keyOf({ type, module, name }));
    if (known !== undefined) return known;
    const addr = this.store.addFunc({ kind: 'host', type, module, name });
    this.bind(addr, host);
    return addr;
  }

  bind(addr: FuncAddr, host: HostFunction): void {
    this.bound[addr] = host;
    const addrs = this.addrs.get(host) ?? new Map<string, FuncAddr>();
    const func = this.store.funcs[addr];
    if (func?.kind === 'host') this.addrs.set(host, addrs.set(keyOf(func), addr));
  }

  /** Forgets the functions from an address on, which are no longer in the store. */
  forgetFrom(func: FuncAddr): void {
    if (this.bound.length <= func) return;
    this.bound.length = func;
    for (const addrs of this.addrs.values()) for (const [key, addr] of addrs) if (addr >= func) addrs.delete(key);
  }

  /** Binds what another VM's port has bound, for a store with the same addresses. */
  bindAll(other: Port): void {
    other.bound.forEach((host, addr) => {
      if (host !== undefined) this.bind(addr, host);
    });
  }

  /** What a host function calls is called for its own caller, unless another one is given. */
  call(func: FuncAddr, base: number, caller = this.running ?? this.waiting()): boolean {
    const host = this.hostAt(func);
    const { params, results } = this.store.funcType(func);
    tidyHostValues(this.store);
    const args = readValues(this.store.stack.words, base, params, this.store);
    if (host.kind === 'async') {
      this.wait(func, args);
      return false;
    }
    const values = resultList(this.name(func), results, this.perform(host, func, args, caller));
    this.write(func, base, results, values);
    return true;
  }

  private hostAt(func: FuncAddr): HostFunction {
    const host = this.bound[func];
    if (host === undefined) throw new CrashError(`host function ${func} is not bound`);
    return host;
  }

  private wait(func: FuncAddr, args: readonly Value[]): void {
    if (!this.mayWait)
      throw new UsageError(
        `${this.name(func)} answers later, and this call cannot wait for it: use VM.start and VM.runAsync, not from inside a host function`,
      );
    this.store.pending = { id: ++this.store.calls, func, args };
  }

  private perform(
    host: HostFunction,
    func: FuncAddr,
    args: readonly Value[],
    caller: InstanceInst | undefined,
  ): unknown {
    if (hostCallsOfThread() >= maxHostCalls) throw tooDeep();
    const { running } = this;
    const { inHands } = this.store.references;
    this.running = caller;
    inHands.push(args);
    try {
      return inHost(this.store, () => callBody(host, args, this.context(caller)));
    } catch (cause) {
      throw hostError(this.name(func), cause);
    } finally {
      this.running = running;
      inHands.pop();
    }
  }

  private write(func: FuncAddr, base: number, types: readonly ValType[], values: readonly Value[]): void {
    const { stack } = this.store;
    stack.reserveSlots(base + slotsOfAll(types));
    try {
      writeValues(stack.words, base, types, values, this.store, 'result');
    } catch (cause) {
      throw badResult(this.name(func), cause);
    }
  }

  private context(caller: InstanceInst | undefined, callId?: number): HostContext {
    return new Context(this.store, caller, this.invoke, callId);
  }

  /** How messages call a host function. */
  name(func: FuncAddr): string {
    const inst = this.store.funcs[func];
    return inst?.kind === 'host' ? `host function ${cut(inst.module)}.${cut(inst.name)}` : `function ${func}`;
  }

  /** Runs the host function of a pending call to its end; rejects with HostError. The results are checked on delivery. */
  async answer({ id, func, args }: PendingCall): Promise<Value[]> {
    const host = this.hostAt(func);
    const name = this.name(func);
    try {
      const value = await callBody(host, args, this.context(this.waiting(), id));
      return resultList(name, this.store.funcType(func).results, value);
    } catch (cause) {
      throw isA(cause, HostError) ? cause : hostError(name, cause);
    }
  }

  /** The instance whose call of a host function is pending: its code waits in the top frame. */
  private waiting(): InstanceInst | undefined {
    const { stack, funcs, pending } = this.store;
    const inst = stack.depth === 0 || pending === null ? undefined : funcs[stack.func(stack.depth - 1)];
    return inst?.kind === 'wasm' ? inst.instance : undefined;
  }

  failed(func: FuncAddr, cause: unknown): HostError {
    return hostError(this.name(func), cause);
  }

  /** Puts the results of the pending call on the stack, where its caller goes on. Throws UsageError. */
  deliver({ func }: PendingCall, values: readonly Value[]): void {
    const { stack } = this.store;
    const { results }: FuncType = this.store.funcType(func);
    stack.reserveSlots(stack.top + slotsOfAll(results));
    writeValues(stack.words, stack.top, results, values, this.store, `result of ${this.name(func)}`);
    stack.top += slotsOfAll(results);
  }
}

const tooDeep = (): ExhaustionError =>
  new ExhaustionError(`${maxHostCalls} host functions call each other`, {
    limit: 'host functions within each other',
    value: maxHostCalls,
  });

const keyOf = ({ type, module, name }: Pick<FuncInst & { kind: 'host' }, 'type' | 'module' | 'name'>): string =>
  JSON.stringify([type.id, module, name]);

const hostError = (name: string, cause: unknown): HostError =>
  new HostError(`${name} threw ${toldThrown(cause)}`, { cause });

/** Named, so that errors can tell their readers where the host function's own stack ends (spec/errors.ts). */
function callBody(host: HostFunction, args: readonly Value[], context: HostContext): unknown {
  return host.body(...args, context);
}

const badResult = (name: string, cause: unknown): HostError =>
  new HostError(`${name} returned what it must not: ${messageOf(cause)}`, { cause });

/** None, one as it is, several as an array. What a function without results returns is not looked at. */
function resultList(name: string, types: readonly ValType[], value: unknown): Value[] {
  if (types.length === 1) return [value];
  if (types.length > 1) {
    if (Array.isArray(value)) return value;
    throw badResult(name, new UsageError(`${types.length} results are given as an array`));
  }
  if (isA(value, Promise)) {
    value.catch(() => undefined);
    throw badResult(name, new UsageError('a promise, for which asyncHostFunction is made'));
  }
  return [];
}

class Context implements HostContext {
  constructor(
    private readonly store: Store,
    private readonly caller: InstanceInst | undefined,
    private readonly invoke: Invoke,
    readonly callId: number | undefined,
  ) {}

  memory(name?: string): Uint8Array {
    return this.memoryOf(name).show();
  }

  readString(address: number | bigint, { memory, ...options }: ReadTextOptions & MemoryNamed = {}): string {
    return readText(this.memoryOf(memory).bytes, address, options);
  }

  writeString(
    address: number | bigint,
    text: string,
    { memory, ...options }: WriteTextOptions & MemoryNamed = {},
  ): number {
    return writeText(this.memoryOf(memory).bytes, address, text, options);
  }

  private memoryOf(name: string | undefined): MemoryInst {
    const caller = this.instance();
    if (name === undefined && caller.memories.length === 0) throw new UsageError('the caller has no memory');
    const addr = name === undefined ? caller.memories[0] : this.export('memory', name);
    const memory = this.store.memories[addr as number];
    if (memory === undefined) throw new UsageError('the VM was disposed of or sent away');
    return memory;
  }

  call(name: string, ...args: Value[]): Value[] {
    return calledFrom(Context.prototype.call, () =>
      this.invoke(this.store.ref('func', this.export('func', name)), args, this.instance()),
    );
  }

  private instance(): InstanceInst {
    return this.caller ?? fail('this host function was not called by a module');
  }

  private export(kind: 'func' | 'memory', name: string): number {
    const found = exported(this.instance(), name);
    if (found === undefined) throw new LinkError(`unknown export ${quoted(name)}`);
    return found.kind === kind ? found.addr : fail(`export ${quoted(name)} is a ${found.kind}, not a ${kind}`);
  }
}

function fail(message: string): never {
  throw new UsageError(message);
}
