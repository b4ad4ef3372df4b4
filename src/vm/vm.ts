/// <reference lib="esnext.disposable" preserve="true" />
// The composition root: joins a store, an engine, host functions and snapshots to a VM. How calls run is in driver.ts;
// how a VM is scheduled among others is the pool's.

import type { HostModule } from '../host/module.ts';
import type { NotYet } from '../host/not-yet.ts';
import type { NamedState, StateOwner } from '../host/state.ts';
import { allocate, initialise } from '../link/instantiate.ts';
import type { Budget, Engine, Outcome } from '../runtime/engine.ts';
import { type FuncLike, funcRefOf, type Value } from '../runtime/heap/ref.ts';
import { waitResults } from '../runtime/memory/wait.ts';
import type { Module } from '../runtime/module/module.ts';
import { type InstanceInst, type PendingCall, Store } from '../runtime/store.ts';
import { modulesAmong } from '../snapshot/container/whole.ts';
import type { SnapshotData } from '../snapshot/data/format.ts';
import { statesOf } from '../snapshot/data/states.ts';
import { mostOfSnapshot, type RestoreStoreOptions, restoreStore } from '../snapshot/restore.ts';
import { saveStore } from '../snapshot/save.ts';
import { offerStore, receiveStore, type Sent, type SnapshotMessage, sendStore } from '../snapshot/send.ts';
import { Snapshot } from '../snapshot/snapshot.ts';
import { UsageError } from '../spec/errors.ts';
import { aList } from '../spec/options.ts';
import { calledFrom, showCaller } from '../spec/stacks.ts';
import type { FuncAddr } from '../spec/types.ts';
import type { Driver, Status } from './driver.ts';
import { engineNamed } from './engines.ts';
import { type FrameView, viewFrames } from './frames.ts';
import { addImports, bindHosts, findImports, type Imports } from './imports.ts';
import { type Exports, Instance } from './instance.ts';
import { Interrupts, sliceOver } from './interrupts.ts';
import {
  checkAt,
  checkInstantiate,
  checkReceive,
  checkRestore,
  checkVm,
  type InstantiateOptions,
  type ReceiveOptions,
  type RestoreOptions,
  type VmOptions,
} from './making.ts';
import { checkAsyncRun, checkRun, givenLimits, type RunOptions, vmLimits } from './options.ts';
import { type Around, type Body, believe, bodyOver, goBack, letGo, type Rest, restAt, wake } from './rest.ts';
import type { Runner } from './runner.ts';

type Suspended = Extract<Outcome, { status: 'suspended' }>;

/** What a store is restored with. */
type Surroundings = Required<Omit<RestoreStoreOptions, 'trusted'>>;

/**
 * A WebAssembly VM: a store of instances and one stack. A call is started, runs until it ends or is suspended, and goes
 * on, here or wherever it is restored.
 */
export class VM implements Runner {
  private readonly options: VmOptions;
  private readonly engine: Engine;
  private body: Body | undefined;
  /** What it is while it has no body. */
  private rest: Rest | undefined;
  private readonly instances = new Map<number, Instance>();
  /** Why the VM can no longer be used. */
  private gone: string | null = null;
  /** A `runAsync` is under way. */
  private goesOn = false;
  /** What was saved last, or what it was restored from: what has not changed since is shared with the next. */
  private latest: WeakRef<SnapshotData> | undefined;

  /** An empty VM. Throws UsageError for its options. */
  constructor(options?: VmOptions);
  /** For our own rooms: a VM over a store that came from a snapshot, or one at rest. @hidden */
  constructor(options: VmOptions, from: Store | Rest);
  constructor(options: VmOptions = {}, from?: Store | Rest) {
    checkVm(options);
    this.options = options;
    this.engine = engineNamed(options.engine);
    if (from === undefined || from instanceof Store)
      this.body = bodyOver(this.engine, from ?? new Store(vmLimits(options.limits)));
    else this.rest = from;
  }

  /** @hidden */
  get store(): Store {
    return (this.body ?? this.wakeUp()).store;
  }

  private get driver(): Driver {
    return (this.body ?? this.wakeUp()).driver;
  }

  /** Throws LimitError where the host has no memory left; then it is at rest as before. */
  private wakeUp(): Body {
    const { rest } = this;
    if (rest === undefined) throw new UsageError(`the VM was ${this.gone}`);
    this.body = wake(rest, this.engine);
    this.latest = new WeakRef(rest.data);
    this.rest = undefined;
    return this.body;
  }

  // Instances

  /**
   * Makes an instance of the module and runs its start function. Throws LinkError, LimitError, or what the start
   * function ends with. After a Trap the instance stays in the store, for others may hold its functions. `E` says of what
   * types its exports are, where that is known: `vm.instantiate<{ add(a: number, b: number): number }>(module)`.
   */
  instantiate<E = Exports>(module: Module, imports: Imports = {}, options: InstantiateOptions = {}): Instance<E> {
    return calledFrom(VM.prototype.instantiate, () => this.instantiated(module, imports, options)) as Instance<E>;
  }

  private instantiated(module: Module, imports: Imports, options: InstantiateOptions): Instance {
    this.checkUsable();
    checkInstantiate(module, imports, options);
    const start = module.syntax.start?.func;
    const deferred = options.start === 'defer' && start !== undefined;
    if (deferred) this.checkIdle();
    this.checkSupported(module);
    const instance = this.allocated(module, findImports(this.store, module, imports));
    initialise(this.store, instance);
    const func = instance.funcs[start ?? -1];
    if (deferred) this.driver.start(func as FuncAddr, [], instance);
    else if (func !== undefined) this.driver.invoke(func, [], instance);
    return this.instance(instance.addr);
  }

  /** Where it fails, the store is as before: no host function stays that no instance imports. */
  private allocated(module: Module, found: ReturnType<typeof findImports>): InstanceInst {
    const { store } = this;
    const { port } = this.driver;
    const before = store.mark();
    try {
      return allocate(store, module, addImports(store, port, module, found), this.options.sharedMemory === true);
    } catch (error) {
      store.rollBack(before);
      port.forgetFrom(store.funcs.length);
      throw error;
    }
  }

  private checkSupported(module: Module): void {
    const shared = this.options.sharedMemory === true && module.context.memories.length > 0;
    const supports = this.engine.supports(module, shared);
    if (supports !== true) throw new UsageError(`the engine cannot run the module: ${supports}`);
  }

  /** The instance at an address, counted in the order of instantiation. */
  instance<E = Exports>(addr = 0): Instance<E> {
    this.checkUsable();
    const inst = this.store.instances[addr];
    if (inst === undefined) throw new UsageError(`the VM has no instance ${addr}`);
    const known = this.instances.get(addr) ?? new Instance(this, inst);
    this.instances.set(addr, known);
    return known as Instance<E>;
  }

  // Calls

  /** Begins a call: `run` goes on with it. Throws UsageError for a busy VM and for wrong arguments. */
  start(func: FuncLike, args: readonly Value[] = []): void {
    calledFrom(VM.prototype.start, () => {
      this.checkIdle();
      aList(args, 'the arguments');
      this.driver.start(this.funcAddr(func), args);
    });
  }

  /**
   * Runs until the call has returned or trapped, or is suspended; after a trap the VM can be used again. One that waits
   * for a host call tells so again. Nothing else of the thread runs meanwhile, so of a `signal` it hears what was aborted
   * before, and what host functions abort. Throws UsageError for an idle VM.
   */
  run(options: RunOptions = {}): Outcome {
    return calledFrom(VM.prototype.run, () => {
      checkRun(options);
      const { fuel = Infinity, steps } = options;
      return this.outcome(VM.prototype.run, { fuel, steps, interrupted: new Interrupts(options).budget });
    });
  }

  /** As `run` with so much fuel, of whoever asks so often that even checks of options, and words of results, count. @hidden */
  runFor(fuel: number): Outcome {
    return this.outcome(VM.prototype.runFor, { fuel }, true);
  }

  /** A trap shows who called the function `entry`. */
  private outcome(entry: object, budget: Budget, isBare = false): Outcome {
    this.checkRunnable();
    const outcome = this.driver.run(budget, isBare);
    if (outcome.status === 'trapped') showCaller(outcome.trap, entry);
    return outcome;
  }

  /**
   * As `run`, but awaits the host functions that answer later and the guest's waits, and goes on. Fuel and time are for
   * all of it, also for what is awaited; a call that is awaited when they are over or the signal aborts goes on, and the
   * next `runAsync` takes its answer. With a `signal` the thread is given free every 20 ms, so that others can abort it.
   * Rejects with UsageError while another `runAsync` of the VM is under way: each host call is made once.
   */
  async runAsync(options: Omit<RunOptions, 'steps'> = {}): Promise<Outcome> {
    checkAsyncRun(options);
    if (this.goesOn) throw new UsageError('runAsync is under way already, and makes all host calls of the VM');
    this.goesOn = true;
    try {
      const interrupts = new Interrupts(options);
      for (let { fuel = Infinity } = options; ; ) {
        const before = this.paid;
        interrupts.beginSlice();
        const outcome = this.outcome(VM.prototype.runAsync, { fuel, interrupted: interrupts.budget });
        fuel = Math.max(0, fuel - (this.paid - before));
        const end = outcome.status === 'suspended' ? await this.between(outcome, interrupts) : outcome;
        if (end !== undefined) return end;
      }
    } finally {
      this.goesOn = false;
    }
  }

  /** Awaits what a suspended run waits for; undefined where it goes on then. */
  private async between(outcome: Suspended, interrupts: Interrupts): Promise<Outcome | undefined> {
    const { kind } = outcome.reason;
    if (outcome.reason === sliceOver) await interrupts.pass();
    else if (kind === 'host') await interrupts.orUntil(this.driver.answered());
    else if (kind === 'wait') await interrupts.orUntil(this.driver.awaitWake());
    else return outcome;
    const reason = interrupts.why();
    return reason === undefined || this.status !== 'waiting' ? undefined : { status: 'suspended', reason };
  }

  /**
   * Runs the host function that the VM waits for, and delivers what it answers. Rejects with UsageError where no call is
   * pending, or one is being answered already.
   */
  async answer(): Promise<void> {
    this.checkUsable();
    await this.driver.answer();
  }

  /**
   * Asks the host function that the VM waits for again, where it is one that is asked until it answers. Tells what it
   * still waits for; undefined where the VM can go on, or waits for another kind of answer. Throws UsageError where no
   * call is pending.
   */
  retry(): NotYet | undefined {
    this.checkUsable();
    this.checkNoHost('retry');
    if (this.store.pending === null) throw new UsageError('no host call is pending');
    return this.driver.retry();
  }

  /**
   * Calls a function of the guest to its end and returns its results. It cannot be suspended; host functions may call
   * back in this way. Throws Trap or HostError; UsageError where it would have to wait for an async host function.
   */
  invoke(func: FuncLike, args: readonly Value[] = []): Value[] {
    return this.invokeWithin(func, args);
  }

  /** As `invoke`; throws LimitError for a call that takes more units of fuel than `most`, which leaves it midway. @hidden */
  invokeWithin(func: FuncLike, args: readonly Value[], most = Number.POSITIVE_INFINITY): Value[] {
    return calledFrom(VM.prototype.invoke, () => {
      this.checkUsable();
      aList(args, 'the arguments');
      return this.driver.invoke(this.funcAddr(func), args, undefined, most);
    });
  }

  /** Gives the pending host call its results. Throws UsageError for another id and for results of the wrong type. */
  deliver(id: number, results: readonly Value[]): void {
    aList(results, 'the results');
    this.driver.deliver(this.pendingCall(id), results);
  }

  /** Lets the pending host call fail: the next run ends trapped, with a HostError whose cause is `error`. */
  fail(id: number, error: unknown): void {
    this.driver.fail(this.pendingCall(id), error);
  }

  /** Ends the guest's wait as if it had been notified. Throws UsageError where it does not wait. */
  wake(): void {
    this.checkUsable();
    if (this.store.wait === null) throw new UsageError('the guest waits for no memory');
    this.driver.endWait(waitResults.woken);
  }

  private pendingCall(id: number): PendingCall {
    this.checkUsable();
    const { pending } = this.store;
    if (pending === null) throw new UsageError('no host call is pending');
    if (pending.id !== id) throw new UsageError(`host call ${id} is not pending, ${pending.id} is`);
    return pending;
  }

  /** Whether a call is under way, and what it waits for. */
  get status(): Status {
    return this.driver.status;
  }

  /** Of whom the host function is that the VM waits for; undefined where it waits for none, or for nobody's. @hidden */
  get waitsFor(): StateOwner | undefined {
    const { pending } = this.store;
    return pending === null ? undefined : this.driver.port.ownerOf(pending);
  }

  /** Until the guest's wait at its memory has ended. @hidden */
  awaitWake(): Promise<void> {
    return this.driver.awaitWake();
  }

  /** Whether it has to run before it can be saved. @hidden */
  get isTorn(): boolean {
    return this.body !== undefined && !this.body.driver.isPlain;
  }

  /** Fuel that all calls of this VM have used so far. */
  get fuelUsed(): number {
    return this.store.fuelUsed;
  }

  /** Fuel that was charged and granted. */
  private get paid(): number {
    return this.store.fuelUsed - this.store.debt;
  }

  /** The frames of a suspended call, innermost first. */
  frames(): FrameView[] {
    this.checkUsable();
    this.checkNoHost('frames');
    return viewFrames(this.store);
  }

  /** The VM's state of a host module. Throws UsageError where no instance imports any of its functions. */
  state<S>(of: HostModule<S>): S {
    this.checkUsable();
    return this.driver.port.state(of);
  }

  // Snapshots

  /**
   * All of the VM as data. The VM itself goes on unharmed. It takes the time that reading its memories takes; pages that
   * are as they were in the snapshot before, while somebody has that, are shared with it.
   */
  save(): Snapshot {
    this.checkSavable('save');
    return new Snapshot(this.saved('save'));
  }

  private saved(how: 'save' | 'send'): SnapshotData {
    const data = saveStore(this.store, this.driver.port.saveStates(how), this.latest?.deref());
    this.latest = new WeakRef(data);
    believe(data);
    return data;
  }

  /**
   * A VM out of a snapshot, or out of whatever else wasbox has saved; calls that are to follow in it, and what it says of
   * a job, are in `Snapshot.decode(from).extras`. Throws SnapshotError, LimitError, LinkError for a host function that is
   * missing, MalformedError and InvalidError for a module that came along.
   */
  static restore(from: Uint8Array | Snapshot, options: RestoreOptions = {}): VM {
    return calledFrom(VM.restore, () => {
      checkRestore(options);
      const limits = givenLimits(options.limits);
      const snapshot = from instanceof Snapshot ? from : Snapshot.decode(from, mostOfSnapshot(limits));
      const modules = modulesAmong(options.modules ?? [], snapshot.data.modules, snapshot.extras);
      const vm = VM.over(
        { ...options, modules },
        () => statesOf(snapshot.data),
        (where) => restoreStore(snapshot.data, where),
      );
      vm.latest = new WeakRef(snapshot.data);
      believe(snapshot.data);
      return vm;
    });
  }

  /**
   * A second VM in the same state; `at`: in that of an earlier snapshot of this VM, or of what it was forked from. It takes
   * no memory of its own until it is used, unless host modules keep something for it. Throws UsageError for a snapshot of
   * another VM.
   */
  fork(at?: Snapshot): VM {
    if (at !== undefined) checkAt(at);
    this.checkSavable('fork');
    const rest = this.resting(at);
    const vm = new VM(this.options, rest);
    if (rest.data.states !== undefined) vm.wakeUp();
    return vm;
  }

  /**
   * Goes back to a snapshot of this VM, or of what it was forked from; nobody gets the answer of a host call that is under
   * way. Where it has grown since, or has made instances, handles that were asked for before are of no use any more. Throws
   * UsageError for a snapshot of another VM, and where a memory is shared with others.
   */
  rewind(at: Snapshot): void {
    checkAt(at);
    this.checkUsable();
    this.checkNoHost('rewind');
    this.checkNotUnderWay('rewind');
    this.checkNotLent('rewind');
    const rest = this.resting(at);
    let isThere = false;
    try {
      isThere = this.body !== undefined && goBack(this.body, rest);
    } finally {
      if (!isThere) this.layDown(rest);
      this.latest = new WeakRef(rest.data);
    }
  }

  /**
   * Gives up the memories and all else but what it is as data, until it is used again: for VMs that wait for long. Handles
   * that were asked for before are of no use any more. Throws UsageError where a memory is shared with others, and while a
   * host call is being answered.
   */
  park(): void {
    this.checkSavable('park');
    this.checkNotUnderWay('park');
    if (this.body?.driver.isAnswering === true) throw new UsageError('park: a host call of the VM is being answered');
    this.checkNotLent('park');
    this.layDown(this.resting());
  }

  private resting(at?: Snapshot): Rest {
    if (at !== undefined) return restAt(this.around, at.data);
    return this.rest ?? { ...this.around, data: this.saved('send') };
  }

  private get around(): Around {
    if (this.rest !== undefined) return this.rest;
    const { store, driver } = this;
    return {
      modules: [...new Set(store.instances.map(({ module }) => module))],
      limits: store.limits,
      sharedMemory: this.options.sharedMemory === true,
      hosts: driver.port.hosts,
    };
  }

  private layDown(rest: Rest): void {
    if (this.body !== undefined) letGo(this.body);
    this.body = undefined;
    this.rest = rest;
    this.instances.clear();
  }

  /** Moves the VM: what is returned is posted to another thread, which receives it. This VM cannot be used any more. */
  send(): Sent {
    this.checkSavable('send');
    const sent = sendStore(this.store, this.driver.port.saveStates('send'));
    this.driver.port.dispose();
    this.driver.leave();
    this.gone = 'sent away';
    return sent;
  }

  /**
   * As `send`, but this VM stays, for the case that it is to go on here after all. Once another one has received the
   * message, this one must not run any more: they have the same shared memories.
   */
  offer(): Sent {
    this.checkSavable('offer');
    return offerStore(this.store, this.driver.port.saveStates('send'));
  }

  /** A VM out of a message that `send` or `offer` made. Throws as `restore` does. */
  static receive(message: SnapshotMessage, given: ReceiveOptions): VM {
    checkReceive(given);
    const { trusted = false, ...options } = given;
    return VM.over(
      options,
      () => statesOf(message.data),
      (where) => receiveStore(message, { ...where, trusted }),
    );
  }

  private static over(
    { modules, imports = {}, ...options }: RestoreOptions & { readonly modules: readonly Module[] },
    states: () => readonly NamedState[],
    restored: (where: Surroundings) => Store,
  ): VM {
    const sharedMemory = options.sharedMemory === true;
    const vm = new VM(options, restored({ modules, limits: givenLimits(options.limits), sharedMemory }));
    for (const { module } of vm.store.instances) vm.checkSupported(module);
    bindHosts(vm.store, vm.driver.port, imports);
    vm.driver.port.restoreStates(states());
    return vm;
  }

  /** Gives the memories back for reuse. The VM and all handles to it cannot be used any more. */
  dispose(): void {
    if (this.gone !== null) return;
    this.checkNoHost('dispose');
    if (this.body !== undefined) letGo(this.body);
    this.rest = undefined;
    this.gone = 'disposed of';
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  // What may be asked when

  private checkUsable(): void {
    if (this.gone !== null) throw new UsageError(`the VM was ${this.gone}`);
  }

  private checkIdle(): void {
    this.checkUsable();
    if (this.status !== 'idle') throw new UsageError(`the VM is busy: it is ${this.status}`);
  }

  private checkNoHost(act: string): void {
    if (this.body === undefined || !this.body.driver.isRunning) return;
    const what = this.body.store.hostDepth > 0 ? 'a host function of the VM' : 'the VM';
    throw new UsageError(`${act}: ${what} is running`);
  }

  private checkRunnable(): void {
    this.checkUsable();
    this.checkNoHost('run');
    if (this.status === 'idle') throw new UsageError('there is nothing to run: start a call first');
  }

  private checkNotUnderWay(act: string): void {
    if (this.goesOn) throw new UsageError(`${act}: runAsync is under way`);
  }

  private checkNotLent(act: string): void {
    if (this.body?.store.memories.some(({ isLent }) => isLent))
      throw new UsageError(`${act}: a memory of the VM is shared with others`);
  }

  private checkSavable(act: string): void {
    this.checkUsable();
    this.checkNoHost(act);
    if (this.body !== undefined && !this.body.driver.isPlain)
      throw new UsageError(`${act}: the call is in no function of the guest; run it first`);
  }

  private funcAddr(func: FuncLike): FuncAddr {
    const ref = funcRefOf(func);
    if (ref === undefined) throw new UsageError('only a function can be called');
    if (ref.store !== this.store) throw new UsageError('the function belongs to another VM');
    return ref.payload;
  }
}
