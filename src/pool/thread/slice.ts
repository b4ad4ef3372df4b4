// A slice of a job: takes the VM out of the order, runs it and the steps of its program, and puts it into the reply.

import type { Outcome, SuspendReason } from '../../runtime/engine.ts';
import type { Value } from '../../runtime/heap/ref.ts';
import type { Module } from '../../runtime/module/module.ts';
import { CrashError, ExitError, LimitError, SnapshotError, UsageError } from '../../spec/errors.ts';
import { withDeadline } from '../../spec/patience.ts';
import { cut, isA } from '../../spec/told.ts';
import { type Imports, VM } from '../../vm.ts';
import type { Wasi } from '../../wasi/index.ts';
import { nextFuel } from '../line/pace.ts';
import { toData } from '../told/errors.ts';
import { type Parcel, pack, unpack } from '../told/parcel.ts';
import { firstStep, lastPlainStep, type Program, plainProgram, runStep } from '../told/program.ts';
import {
  clock,
  type MovingVm,
  type Order,
  type Progress,
  pauses,
  type Reply,
  type Saving,
  type SliceEnd,
  stages,
} from '../told/protocol.ts';
import { checkLeaving } from '../told/values.ts';
import { systemOf, wasiProgram } from '../told/wasi.ts';
import { deliverAnswer } from './answer.ts';
import type { Begun } from './batch.ts';
import { bornAt, shared } from './here.ts';
import { learn } from './modules.ts';
import { checkpointOf, decoded, forgetCheckpoint, saved } from './saving.ts';
import { serviceImports } from './service-imports.ts';
import { loadImports, loadProgram, made } from './user-code.ts';
import { drop, keepWarm, takeWarm } from './warm.ts';

export class Slice {
  private readonly arrivedAt = clock();
  private vm: VM | undefined;
  private system: Wasi | undefined;
  private progress: Progress;
  private memory = 0;
  private charged = 0;
  private paid = 0;
  private guestMs = 0;
  /** What its first call took that had begun before, in ms. */
  private before = 0;
  private movingMs: number;
  /** Of the last grant of fuel: how much it was, and what was charged and had gone by before it. */
  private grant = { fuel: 0, charged: 0, guestMs: 0 };

  constructor(private readonly order: Order) {
    this.progress = order.progress;
    this.movingMs = Math.max(0, this.arrivedAt - Math.max(bornAt, order.sentAt));
  }

  /** Of a VM whose call has begun, all of whose fuel is this slice's. */
  async goOn({ vm, outcome, guestMs }: Begun): Promise<SliceEnd> {
    this.vm = vm;
    this.guestMs = guestMs;
    this.before = guestMs;
    return this.told(() => this.work(vm, plainProgram, outcome));
  }

  end(): Promise<SliceEnd> {
    return this.told(async () => {
      const { order } = this;
      drop(order.drop);
      const held = this.timed(() => learn(order));
      const kept = order.vm.kind === 'warm' ? takeWarm(order.job) : undefined;
      const system = kept?.system ?? (order.wasi && systemOf(order.wasi));
      this.system = system;
      const [host, program] = await Promise.all([
        loadImports(order.host),
        system === undefined ? loadProgram(order.program) : wasiProgram(system),
      ]);
      const given = [system?.imports ?? {}, made(host), made(program.imports ?? {})];
      const imports = () => importsOf(order, held, given);
      const vm = kept?.vm ?? this.moving(() => this.timed(() => enter(order, held, imports)));
      this.vm = vm;
      return this.work(vm, program);
    });
  }

  private async told(act: () => Promise<SliceEnd>): Promise<SliceEnd> {
    try {
      return await act();
    } catch (error) {
      this.vm?.dispose();
      const late = isA(error, LimitError) && error.limit === 'time';
      return { kind: late ? 'late' : 'failed', error: toData(error) };
    }
  }

  report(): Reply['report'] {
    const { charged, paid, memory, guestMs, movingMs, arrivedAt } = this;
    const sentAt = clock();
    return { charged, paid, memory, guestMs, movingMs, busyMs: sentAt - arrivedAt + this.before, sentAt };
  }

  private async work(vm: VM, steps: Program, begun?: Outcome): Promise<SliceEnd> {
    const { order } = this;
    this.memory = vm.store.memories.reduce((sum, { size }) => sum + size, 0);
    if (order.task.kind === 'save') return this.saved(vm);
    if (order.vm.kind === 'saved' && order.vm.foreign) checkBusy(vm, order);
    const account = accountOf(vm, begun !== undefined);
    if (order.answer !== undefined) deliverAnswer(vm, order.answer);
    const end = await this.run(vm, steps, order.task, begun).finally(() => {
      this.charged = account().charged;
      this.paid = account().paid;
    });
    if (end.kind === 'done') {
      forgetCheckpoint(order.job);
      vm.dispose();
      return end;
    }
    if (this.asked === pauses.save || this.asked === pauses.drop) return this.given(vm);
    const { task } = order;
    const checkpoint = wantsSaving(task.checkpoint, end)
      ? this.timed(() => checkpointOf(vm, order.job, task.last), 'save')
      : undefined;
    // A VM that waits stands in this thread's list of those that do, where it must not be once it is elsewhere.
    // Nor is one kept whose memories would be copied each time: it comes back with such as need not be.
    const kept = order.keep && vm.store.wait === null && vm.store.memories.every(({ shared }) => shared);
    const moving = this.moving(() => leave(vm, kept));
    if (kept) keepWarm(order.job, { vm, system: this.system });
    return { ...end, checkpoint, kept, vm: moving, progress: this.progress };
  }

  /** One of `pauses`. */
  private get asked(): number {
    return Atomics.load(shared.pause, this.order.slot);
  }

  /** Whoever stops a slice wants the job's state, or nothing more of the job: it need not come back for that. */
  private given(vm: VM): SliceEnd {
    Atomics.store(shared.stage, this.order.slot, stages.stopped);
    if (this.asked === pauses.save) return this.saved(vm);
    vm.dispose();
    return { kind: 'dropped' };
  }

  private saved(vm: VM): SliceEnd {
    const bytes = this.timed(() => saved(vm), 'save');
    vm.dispose();
    return { kind: 'saved', bytes, progress: this.progress };
  }

  /** Runs calls and steps in turn, until one of them cannot go on here and now. */
  private async run(vm: VM, steps: Program, task: RunTask, begun?: Outcome): Promise<Stopped> {
    const account = accountOf(vm, begun !== undefined);
    let { fuel } = task;
    let first = begun;
    this.grant.fuel = fuel;
    let results: readonly Value[] = [];
    for (;;) {
      if (first === undefined && vm.status === 'idle') {
        const done = await this.step(vm, steps, results);
        if (done !== undefined) return done;
      }
      const outcome = first ?? this.guest(() => this.go(vm, Math.max(0, fuel - account().paid)));
      first = undefined;
      if (outcome.status === 'trapped') throw outcome.trap;
      if (outcome.status === 'exited') {
        if (this.order.wasi === undefined) throw new ExitError(outcome.code);
        results = [outcome.code];
        continue;
      }
      if (outcome.status === 'returned') {
        results = outcome.values;
        continue;
      }
      const more = outcome.reason.kind === 'fuel' ? this.more(task, fuel, account().charged) : 0;
      fuel += more;
      const stopped = more > 0 ? undefined : await this.suspended(vm, outcome.reason);
      if (stopped !== undefined) return stopped;
    }
  }

  /** Fuel to go on with where the guest has used up what it had: none where others wait for the thread. */
  private more(task: RunTask, given: number, charged: number): number {
    const { guestMs, grant } = this;
    const left = task.fuel + task.more - given;
    if (left <= 0 || guestMs > longestMs || this.asked !== pauses.none || Atomics.load(shared.crowded, 0) !== 0)
      return 0;
    const fuel = nextFuel(grant.fuel, charged - grant.charged, guestMs - grant.guestMs, task.sliceMs);
    this.grant = { fuel, charged, guestMs };
    return Math.min(left, fuel);
  }

  /** A guest is paused when its time is over; what cannot be, such as rewriting its code, ends with LimitError. */
  private go(vm: VM, fuel: number): Outcome {
    const pause = shared.pause.subarray(this.order.slot, this.order.slot + 1);
    return this.timed(() => vm.run({ fuel, pause }));
  }

  private timed<T>(act: () => T, until: 'run' | 'save' = 'run'): T {
    const { times } = this.order;
    return times === undefined ? act() : withDeadline(times[until] - performance.timeOrigin, act);
  }

  /** Begins the next call; or the output, where there is none. */
  private async step(vm: VM, steps: Program, results: readonly Value[]): Promise<Stopped | undefined> {
    const { next, state } = this.progress;
    const startedAt = performance.now();
    const guest = vm.instance(0);
    const result = await runStep(steps, next, guest, unpack(state), results);
    this.guestMs += performance.now() - startedAt;
    if ('done' in result) {
      if (Array.isArray(result.done)) checkLeaving(result.done, 'output');
      return { kind: 'done', output: outputOf(result.done, this.order) };
    }
    vm.start(guest.func(result.call), result.args ?? []);
    this.progress = { next: result.next, state: pack(result.state, `the state for step ${result.next}`) };
    return undefined;
  }

  /** What stops the slice; undefined where it goes on. */
  private async suspended(vm: VM, reason: SuspendReason): Promise<Stopped | undefined> {
    switch (reason.kind) {
      case 'fuel':
      case 'pause':
        return { kind: 'rested', reason: reason.kind };
      case 'host':
        if (this.order.services.includes(reason.module)) return called(vm, reason);
        return asked(vm);
      case 'wait':
        return waits(reason.timeout);
      case 'step':
      case 'timeout':
      case 'signal':
        throw new CrashError(`a slice is bounded by its fuel and its pause word, and by no ${reason.kind}`);
      default:
        return reason satisfies never;
    }
  }

  private guest<T>(act: () => T): T {
    const startedAt = performance.now();
    try {
      return act();
    } finally {
      this.guestMs += performance.now() - startedAt;
    }
  }

  private moving<T>(act: () => T): T {
    const startedAt = performance.now();
    const done = act();
    this.movingMs += performance.now() - startedAt;
    return done;
  }
}

/** Throws UsageError, and LimitError where it is more than the job may have. */
function outputOf(done: unknown, { mostOutput = Number.POSITIVE_INFINITY }: Order): Parcel {
  const output = pack(done, 'the output');
  if (output.length <= mostOutput) return output;
  const told = `the output has ${output.length} bytes, and may have ${mostOutput}`;
  throw new LimitError(told, { limit: 'output', value: mostOutput });
}

/** So long a slice may go on where no job waits for its thread: after that its owner is told how far it has come. */
const longestMs = 100;

type RunTask = Order['task'] & { readonly kind: 'run' };
/** A slice's end, without what all ends that give the VM back have in common. */
type Bare<T> = T extends { vm: unknown } ? Omit<T, 'vm' | 'kept' | 'progress' | 'checkpoint'> : never;
type Stopped = Bare<SliceEnd> | Extract<SliceEnd, { kind: 'done' }>;

/** How much was charged and paid since now, or since it was made. */
function accountOf({ store }: VM, isWhole: boolean): () => { charged: number; paid: number } {
  const [used, debt] = isWhole ? [0, 0] : [store.fuelUsed, store.debt];
  return () => ({ charged: store.fuelUsed - used, paid: store.fuelUsed - used - (store.debt - debt) });
}

// ---- what the order brings

function enter({ vm, isBrief, limits, engine }: Order, held: readonly Module[], imports: () => Imports): VM {
  const options = { limits, engine, sharedMemory: true };
  switch (vm.kind) {
    case 'new': {
      // Shared memories, which go to other threads as they are, take longer to make, to clear and to grow.
      const fresh = new VM({ ...options, sharedMemory: !isBrief });
      fresh.instantiate(held.find(({ hash }) => hash === vm.module) as Module, imports(), { start: 'defer' });
      return fresh;
    }
    case 'moving':
      return VM.receive(vm.message, { ...options, modules: held, imports: imports(), trusted: true });
    case 'warm':
      throw new CrashError('a VM that was kept is not entered');
    case 'saved':
      return VM.restore(decoded(vm, limits), { ...options, modules: held, imports: imports() });
    default:
      return vm satisfies never;
  }
}

/** A VM from outside of the pool must be in a call, or be told one, but not both. */
function checkBusy(vm: VM, { program, progress }: Order): void {
  if (vm.store.instances.length === 0) throw new SnapshotError('the VM has no instance', 'instances');
  if (program !== undefined) return;
  if (vm.status === 'idle' && progress.next === lastPlainStep)
    throw new UsageError('the snapshot is in no call: say which `export` to call');
  if (vm.status !== 'idle' && progress.next === firstStep)
    throw new UsageError('the snapshot is in the middle of a call: it cannot begin another one');
}

// ---- what the reply takes

function leave(vm: VM, kept: boolean): MovingVm {
  const { message, transfer } = kept ? vm.offer() : vm.send();
  return { kind: 'moving', message, transfer };
}

/** A wait that is shorter is not worth a checkpoint of its own. */
const longWaitMs = 1000;

function wantsSaving(saving: Saving, end: Stopped): boolean {
  if (saving !== 'calls') return saving === 'always';
  return end.kind === 'called' || (end.kind === 'waits' && end.timeout >= longWaitMs);
}

/** Host functions of the thread answer. One that waits for nothing but a time gives the thread back until then. */
async function asked(vm: VM): Promise<Stopped | undefined> {
  const waits = vm.retry();
  const { left } = waits ?? {};
  if (left !== undefined && waits?.events.length === 0 && left > shortestMs) return { kind: 'waits', timeout: left };
  if (vm.status === 'waiting') await vm.answer();
  return undefined;
}
/** To give the thread back for less would take longer. */
const shortestMs = 2;

/** No other thread has the memory of a job: only time can end its wait. */
function waits(timeout: number | null): Stopped {
  if (timeout === null)
    throw new LimitError('the job waits without a timeout, and nobody else has its memory', { limit: 'wait' });
  return { kind: 'waits', timeout };
}

function called(vm: VM, { id, module, name, args }: SuspendReason & { kind: 'host' }): Stopped | undefined {
  try {
    const what = `${cut(module)}.${cut(name)}`;
    checkLeaving(args, `argument of ${what}`);
    return { kind: 'called', id, module, name, args: pack(args, `arguments of ${what}`) };
  } catch (error) {
    vm.fail(id, error);
    return undefined;
  }
}

type Given = Imports | Readonly<Record<string, unknown>>;

/** Host functions by module and name: those of the services, of the host module, and of the job module. */
function importsOf({ services }: Order, held: readonly Module[], given: readonly Given[]): Imports {
  const served = Object.fromEntries(
    services.map((service) => [service, serviceImports(service, held, () => unanswerable)]),
  );
  const find = (module: string) => served[module] ?? given.map((imports) => imports[module]).find(Boolean);
  return new Proxy({}, { get: (_, module) => (typeof module === 'string' ? find(module) : undefined) }) as Imports;
}

const unanswerable = (): never => {
  throw new CrashError('a service was called on a worker');
};
