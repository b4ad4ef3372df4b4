// Calls host functions for the engines: typed arguments in, checked results out, and whatever they throw made a
// HostError. Which host function stands for which import is found out in vm.ts.

import { tidyHostValues } from '../runtime/collect.ts';
import type { HostPort } from '../runtime/engine.ts';
import { Ref, type Value } from '../runtime/heap/ref.ts';
import { exported } from '../runtime/instance.ts';
import type { MemoryInst } from '../runtime/memory/memory.ts';
import { type ReadTextOptions, readText, type WriteTextOptions, writeText } from '../runtime/memory/text.ts';
import { enterHost, hostCallsOfThread, leaveHost } from '../runtime/nesting.ts';
import type { FuncInst, InstanceInst, PendingCall, Store } from '../runtime/store.ts';
import { readValues, writeValue, writeValues } from '../runtime/value.ts';
import type { DefType } from '../spec/deftypes.ts';
import {
  CrashError,
  ExhaustionError,
  ExitError,
  HostError,
  LimitError,
  LinkError,
  UsageError,
  type WasboxError,
} from '../spec/errors.ts';
import { calledFrom, trimThrown } from '../spec/stacks.ts';
import { cut, isA, messageOf, quoted, toldThrown } from '../spec/told.ts';
import { type FuncAddr, type FuncType, slotsOf, slotsOfAll, type ValType } from '../spec/types.ts';
import type { HostContext, HostFunction, MemoryNamed } from './define.ts';
import { NotYet } from './not-yet.ts';
import type { NamedState, StateOwner } from './state.ts';
import { HostStates } from './states.ts';

/** Guests and host calling each other use the thread's own stack, which is small and not ours to check. */
const maxHostCalls = 100;

/** Calls a function of the store to its end; a host function has the caller that is given. */
export type Invoke = (func: Ref, args: readonly Value[], caller: InstanceInst) => Value[];

type HostFunc = Extract<FuncInst, { kind: 'host' }>;
/** Host functions of a store, by address. */
export type Hosts = readonly ((HostFunc & { readonly host: HostFunction }) | undefined)[];

export class Port implements HostPort {
  /** Whether the guest may be suspended: not while a host function runs below it. */
  mayWait = false;
  /** The instance that called the innermost host function that is running. */
  private running: InstanceInst | undefined;
  /** By function address. */
  private readonly bound: (HostFunction | undefined)[] = [];
  /** Their addresses, by type and name. */
  private readonly addrs = new Map<HostFunction, Map<string, FuncAddr>>();
  /** All that is bound, as it was told last. */
  private told: Hosts | undefined;
  /** Whose state the VM has, by name. */
  private owners = new Map<string, StateOwner>();
  private readonly states: HostStates;
  /** Tells who waits to try the pending call again that it is no longer pending. */
  private giveUp: (() => void) | null = null;

  constructor(
    private readonly store: Store,
    private readonly invoke: Invoke,
  ) {
    this.states = new HostStates(store.limits.hostState);
  }

  /** The address of a host function under this name and type; the same one each time. */
  provide(module: string, name: string, type: DefType, host: HostFunction): FuncAddr {
    const known = this.addrs.get(host)?.get(keyOf({ type, module, name }));
    if (known !== undefined) return known;
    const addr = this.store.addFunc({ kind: 'host', type, module, name });
    this.bind(addr, host);
    return addr;
  }

  /** Throws LinkError where its host module has the name of another one. */
  bind(addr: FuncAddr, host: HostFunction): void {
    this.own(host);
    this.bound[addr] = host;
    this.told = undefined;
    const addrs = this.addrs.get(host) ?? new Map<string, FuncAddr>();
    const func = this.store.funcs[addr];
    if (func?.kind === 'host') this.addrs.set(host, addrs.set(keyOf(func), addr));
  }

  /** Forgets the functions from an address on, which are no longer in the store. */
  forgetFrom(func: FuncAddr): void {
    if (this.bound.length <= func) return;
    this.bound.length = func;
    this.told = undefined;
    for (const addrs of this.addrs.values()) for (const [key, addr] of addrs) if (addr >= func) addrs.delete(key);
    this.owners = new Map(this.bound.flatMap((host) => (host?.owner ? [[host.owner.name, host.owner]] : [])));
    this.states.keep(new Set(this.owners.values()));
  }

  private own({ owner }: HostFunction): void {
    if (owner === undefined) return;
    const known = this.owners.get(owner.name) ?? owner;
    if (known !== owner) throw new LinkError(`two host modules with state are called ${quoted(owner.name)}`);
    this.owners.set(owner.name, owner);
  }

  /** The state of a host module, some of whose functions are bound. Throws UsageError. */
  state<S>(owner: StateOwner<S>): S {
    if (this.owners.get(owner.name) !== owner)
      throw new UsageError(`no instance of the VM imports from the host module ${quoted(owner.name)}`);
    return this.states.of(owner);
  }

  /** The states of all host modules, for a snapshot, or for a move or a fork. Throws SnapshotError where one cannot be copied. */
  saveStates(how: 'save' | 'send'): NamedState[] {
    return this.states.save(new Set(this.owners.values()), how);
  }

  /** The VM is gone: nothing is pending, and nothing is kept. */
  dispose(): void {
    this.settled();
    this.states.dispose();
  }

  /** Throws LinkError where the host module of one is not bound, SnapshotError. */
  restoreStates(saved: readonly NamedState[]): void {
    this.states.restore(saved, new Set(this.owners.values()));
  }

  /** All that is bound. */
  get hosts(): Hosts {
    this.told ??= this.bound.map((host, addr) => host && { ...(this.store.funcs[addr] as HostFunc), host });
    return this.told;
  }

  /** Binds what was bound at the same addresses of another store. Throws UsageError where they are other functions. */
  bindAll(hosts: Hosts): void {
    this.store.funcs.forEach((func, addr) => {
      if (func.kind !== 'host') return;
      const known = hosts[addr];
      if (known !== undefined && this.bound[addr] === known.host) return;
      if (known === undefined || keyOf(known) !== keyOf(func))
        throw new UsageError(`the host function ${quoted(func.name)} is not what the VM has there`);
      this.bind(addr, known.host);
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
    const value = this.perform(host, func, args, caller);
    if (host.kind === 'retry' && isA(value, NotYet)) {
      this.wait(func, args);
      return false;
    }
    if (results.length === 1) this.writeOne(func, base, results[0] as ValType, value);
    else this.write(func, base, results, this.resultList(func, results, value));
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
    callId?: number,
  ): unknown {
    if (hostCallsOfThread() >= maxHostCalls) throw tooDeep();
    const { running } = this;
    const { inHands } = this.store.references;
    this.running = caller;
    const refers = args.some(isReference);
    if (refers) inHands.push(args);
    const context = this.context(caller, host.owner, callId);
    enterHost(this.store);
    try {
      return callBody(host, args, context);
    } catch (cause) {
      throw context.ends(cause) ? cause : hostError(this.name(func), cause);
    } finally {
      leaveHost(this.store);
      this.running = running;
      if (refers) inHands.pop();
    }
  }

  private writeOne(func: FuncAddr, base: number, type: ValType, value: Value): void {
    const { stack } = this.store;
    stack.reserveSlots(base + slotsOf(type));
    try {
      writeValue(stack.words, base, type, value, this.store, 'result', 0);
    } catch (cause) {
      throw badResult(this.name(func), cause);
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

  /** None, one as it is, several as an array. What a function without results returns is not looked at. */
  private resultList(func: FuncAddr, types: readonly ValType[], value: unknown): Value[] {
    if (types.length === 1) return [value];
    if (types.length > 1) {
      if (Array.isArray(value)) return value;
      throw badResult(this.name(func), new UsageError(`${types.length} results are given as an array`));
    }
    if (isA(value, Promise)) {
      value.catch(() => undefined);
      throw badResult(this.name(func), new UsageError('a promise, for which asyncHostFunction is made'));
    }
    return [];
  }

  private context(
    caller: InstanceInst | undefined,
    owner: StateOwner | undefined,
    callId: number | undefined,
  ): Context {
    const state = owner && this.states.of(owner);
    return new Context(this.store, caller, this.invoke, callId, state, owner?.keepsViews ?? true);
  }

  /** How messages call a host function. */
  name(func: FuncAddr): string {
    const inst = this.store.funcs[func];
    return inst?.kind === 'host' ? `host function ${cut(inst.module)}.${cut(inst.name)}` : `function ${func}`;
  }

  /** Runs the host function of a pending call to its end; rejects with HostError. The results are checked on delivery. */
  async answer(pending: PendingCall): Promise<Value[]> {
    const { id, func, args } = pending;
    const host = this.hostAt(func);
    if (host.kind === 'retry') return this.answerInTime(pending);
    const name = this.name(func);
    const context = this.context(this.waiting(), host.owner, id);
    try {
      const value = await callBody(host, args, context);
      return this.resultList(func, this.store.funcType(func).results, value);
    } catch (cause) {
      throw isA(cause, HostError) || context.ends(cause) ? cause : hostError(name, cause);
    }
  }

  /** Tries until there is an answer; an answer that nobody waits for any more is none. */
  private async answerInTime(pending: PendingCall): Promise<Value[]> {
    for (;;) {
      const tried = this.retry(pending);
      if (!isA(tried, NotYet)) return tried;
      await tried.come(
        new Promise((resolve) => {
          this.giveUp = resolve;
        }),
      );
      this.giveUp = null;
      if (this.store.pending !== pending) return [];
    }
  }

  /** Whether a pending call is answered by asking its function again. */
  isRetried({ func }: PendingCall): boolean {
    return this.hostAt(func).kind === 'retry';
  }

  /** Whose state the function of a pending call works on. */
  ownerOf({ func }: PendingCall): StateOwner | undefined {
    return this.hostAt(func).owner;
  }

  /** Asks the function of a pending call again. Throws as a call does. */
  retry({ id, func, args }: PendingCall): Value[] | NotYet {
    const value = this.perform(this.hostAt(func), func, args, this.waiting(), id);
    return isA(value, NotYet) ? value : this.resultList(func, this.store.funcType(func).results, value);
  }

  /** Nothing is pending any more. */
  settled(): void {
    this.giveUp?.();
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

const isReference = (value: Value): boolean => typeof value === 'object' && isA(value, Ref);

const tooDeep = (): ExhaustionError =>
  new ExhaustionError(`${maxHostCalls} host functions call each other`, {
    limit: 'host functions within each other',
    value: maxHostCalls,
  });

const keyOf = ({ type, module, name }: Pick<FuncInst & { kind: 'host' }, 'type' | 'module' | 'name'>): string =>
  JSON.stringify([type.id, module, name]);

function hostError(name: string, cause: unknown): HostError {
  trimThrown(cause);
  return new HostError(`${name} threw ${toldThrown(cause)}`, { cause });
}

/** Named, so that stacks can be cut off where the host function's own part ends (spec/stacks.ts). */
function callBody(host: HostFunction, args: readonly Value[], context: HostContext): unknown {
  switch (args.length) {
    // Each of these is a list and a copy of it less.
    case 0:
      return host.body(context);
    case 1:
      return host.body(args[0], context);
    case 2:
      return host.body(args[0], args[1], context);
    case 3:
      return host.body(args[0], args[1], args[2], context);
    case 4:
      return host.body(args[0], args[1], args[2], args[3], context);
    default:
      return host.body(...args, context);
  }
}

const badResult = (name: string, cause: unknown): HostError =>
  new HostError(`${name} returned what it must not: ${messageOf(cause)}`, { cause });

class Context implements HostContext {
  /** What ends the call that the guest is in, once the function has said so. */
  private ending: WasboxError | undefined;

  constructor(
    private readonly store: Store,
    private readonly caller: InstanceInst | undefined,
    private readonly invoke: Invoke,
    readonly callId: number | undefined,
    readonly state: unknown,
    private readonly keepsViews: boolean,
  ) {}

  exit(code: number): never {
    throw this.end(new ExitError(code >>> 0));
  }

  overLimit(limit: string, value: number): never {
    throw this.end(new LimitError(`the guest is over the limit ${limit} of ${value}`, { limit, value }));
  }

  /** What is charged while no engine waits for the function is owed. */
  spend(units: number): void {
    const more = Math.max(0, Math.floor(units));
    this.store.fuelUsed += more;
    if (this.callId !== undefined) this.store.debt += more;
  }

  private end(error: WasboxError): WasboxError {
    this.ending = error;
    return error;
  }

  ends(thrown: unknown): boolean {
    return this.ending !== undefined && thrown === this.ending;
  }

  memory(name?: string): Uint8Array {
    const memory = this.memoryOf(name);
    return this.keepsViews ? memory.show() : memory.bytes;
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
