// A VM with QuickJS in it, as the room above uses it: entries of the library and the few exports that a program needs. A
// machine whose program is over is set back to the image and used again: that takes a fraction of a new instance.

import type { Snapshot } from '../../snapshot/snapshot.ts';
import { HostError } from '../../spec/errors.ts';
import type { EngineName } from '../../vm/engines.ts';
import { examine } from '../../vm/rest.ts';
import type { VM } from '../../vm/vm.ts';
import type { Entry } from '../guest/ops.ts';
import { encodeValue } from '../values/encode.ts';
import type { Message } from '../values/format.ts';
import { type Base, reachOf, vmOf } from './base.ts';
import { type Asked, askedOf, programs, readMessage } from './imports.ts';
import { GuestMemory, type Handle } from './memory.ts';
import type { ProgramState } from './state.ts';
import { tidyMemory } from './tidy.ts';

/** Machines that wait for their next program, of all bases; each has about 2 MiB. */
const mostIdle = 8;

/** `shown`: a script whose value is only to be looked at: what cannot be copied is a text. */
export type SourceType = 'script' | 'module' | 'shown';
/** How source is evaluated: bits of QuickJS's. `await` may stand anywhere in a script. */
const evaluation = { script: 1 << 7, module: 1, shown: 1 << 7 } as const satisfies Record<SourceType, number>;

const utf8 = new TextEncoder();

export class Machine {
  readonly memory: GuestMemory;

  constructor(
    readonly base: Base,
    readonly vm: VM,
    /** What it was made with: another program may have it if it asks for the same. */
    readonly kind: string,
  ) {
    this.memory = new GuestMemory(reachOf(vm));
  }

  get state(): ProgramState {
    return this.vm.state(programs);
  }

  // What the guest is to do

  /** Gives the guest its globals, with the clock and the random numbers that the state has; nothing of it runs yet. */
  begin(
    tools: readonly { readonly name: string; readonly awaited: boolean }[],
    values: { readonly input?: unknown },
  ): void {
    const { state, vm, memory } = this;
    state.fuelBefore = vm.fuelUsed;
    this.seed();
    const origin = Number(state.clock.realtime() / 1_000_000n);
    const { text, blobs } = encodeValue({ tools, values, origin }, 'the options');
    this.callNow('start', [memory.message({ text: `+${text}`, blobs })]);
  }

  /** Begins to evaluate; what it comes to is a handle, of a promise unless it is an exception. */
  evaluate(code: string, file: string, type: SourceType): void {
    const source = utf8.encode(code);
    const [text, name] = [this.memory.put(source), this.memory.put(utf8.encode(file))];
    this.state.source = [text, name];
    Object.assign(this.state, { phase: type, isEvaluating: true });
    this.vm.start(this.export('qjs_eval'), [text, source.length, name, evaluation[type]]);
  }

  /** Begins to call an entry; its arguments are taken. */
  enter(entry: Entry, args: readonly Handle[]): void {
    const { memory, base } = this;
    const self = memory.call('qjs_get_undefined');
    const list = memory.allocate(4 * args.length + 4);
    args.forEach((arg, i) => {
      memory.setWord(list + 4 * i, arg);
    });
    this.state.source = [list];
    this.state.handles = [self, ...args];
    this.vm.start(this.export('qjs_call'), [base.entries[entry], self, args.length, list]);
  }

  /** Gives back what the call that is over was made with. */
  release(): void {
    const { state, memory } = this;
    for (const handle of state.handles) memory.drop(handle);
    for (const address of state.source) memory.free(address);
    state.handles = [];
    state.source = [];
  }

  /** Begins the next job of promises. False where there is none. */
  nextJob(): boolean {
    if (this.memory.call('qjs_is_job_pending') === 0) return false;
    this.vm.start(this.export('qjs_execute_pending_job'));
    return true;
  }

  private export(name: string) {
    return this.vm.instance().func(name);
  }

  /** Calls an entry to its end: for what runs no code of the program. */
  private callNow(entry: Entry, args: readonly Handle[]): void {
    const { memory, base } = this;
    const self = memory.call('qjs_get_undefined');
    const list = memory.allocate(4 * args.length + 4);
    args.forEach((arg, i) => {
      memory.setWord(list + 4 * i, arg);
    });
    const result = memory.call('qjs_call', base.entries[entry], self, args.length, list);
    for (const handle of [result, self, ...args]) memory.drop(handle);
    memory.free(list);
  }

  /** When the first timer is due, in ms since 1970; undefined where there is none. Nothing of the program runs. */
  due(): number | undefined {
    const { memory, base } = this;
    const self = memory.call('qjs_get_undefined');
    const result = memory.call('qjs_call', base.entries.due, self, 0, 0);
    const due = this.vm.invoke(this.export('qjs_get_float64'), [result])[0] as number;
    memory.drop(result);
    memory.drop(self);
    if (Number.isNaN(due)) throw new HostError('the library told no time');
    return due < 0 ? undefined : due;
  }

  isException(handle: Handle): boolean {
    return this.memory.call('qjs_is_exception', handle) !== 0;
  }

  /** What was thrown and nobody has caught. */
  takeException(): Handle {
    return this.memory.call('qjs_get_exception');
  }

  /** Whether no code of the program can catch it: its memory is used up. */
  isUncatchable(handle: Handle): boolean {
    return this.memory.call('qjs_is_uncatchable_error', handle) !== 0;
  }

  numberOf(value: number): Handle {
    return this.vm.invoke(this.export('qjs_new_number'), [value])[0] as Handle;
  }

  // What the guest asks for

  /** The call of the host that it waits for. */
  asked(): Asked {
    const args = this.vm.store.pending?.args ?? [];
    return askedOf(this.memory, args[3] as number, args[4] as number);
  }

  readMessage(asked: Asked, check: (bytes: number) => void) {
    return readMessage(this.memory, asked, check);
  }

  answer(handle: Handle): void {
    this.vm.deliver(this.vm.store.pending?.id ?? 0, [handle]);
  }

  reply(message: Message): void {
    this.answer(this.memory.message(message));
  }

  // What it has

  /** All of it as data; where the guest is where it may be looked into, without what means nothing. */
  save(): Snapshot {
    const { vm, base } = this;
    if (vm.status === 'idle' || vm.status === 'waiting') {
      const stackPointer = vm.instance().global('__stack_pointer').value as number;
      tidyMemory(vm.instance().memory('memory').bytes, base.image, stackPointer);
    }
    return vm.save();
  }

  /**
   * Bounds what QuickJS takes; tells how many bytes it has. The program does not pay for that: however often it is resumed,
   * it uses the same fuel.
   */
  limit(memory: number, stack: number): number {
    const { store } = this.vm;
    const { fuelUsed } = store;
    this.memory.call('qjs_set_max_stack_size', stack);
    this.memory.call('qjs_set_memory_limit', Math.min(memory, 2 ** 32 - 1) | 0);
    const allocated = this.memory.call('qjs_get_allocated_size') >>> 0;
    store.fuelUsed = fuelUsed;
    return allocated;
  }

  /** What `Math.random` goes on from. */
  seed(): void {
    const bytes = new Uint8Array(8);
    this.state.random.fill(bytes);
    // Zero would stay zero.
    bytes[0] = (bytes[0] as number) | 1;
    this.vm.instance().memory('memory').bytes.set(bytes, this.base.seedAt);
  }
}

// Machines that are used again

const idle: Machine[] = [];

/** A machine in the state of a snapshot: of the image, unless told. Throws as `VM.restore` does. */
export function takeMachine(base: Base, engine: EngineName, memory: number, at: Snapshot = base.snapshot): Machine {
  const kind = `${engine} ${memory}`;
  const place = idle.findIndex((machine) => machine.base === base && machine.kind === kind);
  if (place < 0 || pagesIn(at) !== pagesIn(base.snapshot))
    return new Machine(base, vmOf(base, at, engine, memory), kind);
  const isThere = at === base.snapshot;
  // What is refused costs no machine.
  if (!isThere) examine(at.data, [base.module], { memory });
  const [known] = idle.splice(place, 1) as [Machine];
  if (isThere) return known;
  try {
    known.vm.rewind(at);
  } catch (error) {
    known.vm.dispose();
    throw error;
  }
  return known;
}

/** Of the one memory. */
const pagesIn = ({ data }: Snapshot): number | undefined => data.memories[0]?.size;

/** The machine's program is over, or has been saved. */
export function giveMachine({ base, vm, kind }: Machine): void {
  if (idle.length >= mostIdle || vm.instance().memory('memory').pages !== pagesIn(base.snapshot)) return vm.dispose();
  vm.rewind(base.snapshot);
  idle.push(new Machine(base, vm, kind));
}
