// One VM in which a script lives, and how its calls are run: at once, or in slices, where after each slice the VM is
// saved, thrown away and restored from bytes. What the commands of a script mean is runner.ts's business.

import { createHash } from 'node:crypto';
import type { Outcome } from '../../../src/runtime/engine.ts';
import type { Value } from '../../../src/runtime/heap/ref.ts';
import { exported } from '../../../src/runtime/instance.ts';
import type { Module } from '../../../src/runtime/module/module.ts';
import { globalWords, type InstanceInst, type VmLimits } from '../../../src/runtime/store.ts';
import { CrashError, type HostError, LinkError, type Trap } from '../../../src/spec/errors.ts';
import { type GlobalType, slotsOf, slotsOfAll } from '../../../src/spec/types.ts';
import type { EngineName } from '../../../src/vm/engines.ts';
import { VM } from '../../../src/vm.ts';
import type { Value as Argument, Vec } from '../script/script.ts';
import type { Results } from './expect.ts';
import { fuelOfAll, type Mode, Pace } from './pace.ts';
import { hostImports } from './spectest.ts';

/** Small enough that a runaway recursion ends soon. */
const limits: Partial<VmLimits> = { frames: 600, stack: 2 ** 18, memory: 1024 ** 3 };

/** How a call ended. */
export type Ending =
  | { readonly status: 'returned'; readonly results: Results }
  | { readonly status: 'trapped'; readonly error: Trap | HostError };

export class World {
  vm: VM;
  /** All that instances were made of, by hash: what a restore needs. */
  private readonly modules = new Map<string, Module>();

  private readonly pace: Pace;
  private made = 0;
  /** What was saved since `takeTrail`, as digests. */
  private trail: string[] = [];

  /** Each VM has the next of the engines. */
  constructor(
    private readonly mode: Mode,
    private readonly engines: readonly EngineName[] = ['interpreter'],
  ) {
    this.pace = new Pace(mode);
    this.vm = new VM({ limits, engine: this.engine });
  }

  private get engine(): EngineName | undefined {
    return this.engines[this.made++ % this.engines.length];
  }

  /** How many times the VM was saved and restored. */
  get hops(): number {
    return this.pace.hops;
  }

  /** The address of the new instance. Throws what instantiating throws, and what the start function ends with. */
  instantiate(module: Module, registered: ReadonlyMap<string, number>): number {
    this.modules.set(module.hash, module);
    const instances = [...registered].map(([name, addr]) => [name, this.vm.instance(addr)]);
    const imports = { ...hostImports, ...Object.fromEntries(instances) };
    if (this.mode === 'whole') return this.vm.instantiate(module, imports).addr;
    const { addr } = this.vm.instantiate(module, imports, { start: 'defer' });
    const ending = this.vm.status === 'idle' ? undefined : this.finish();
    if (ending?.status === 'trapped') throw ending.error;
    return addr;
  }

  invoke(instance: number, field: string, args: readonly Argument[]): Ending {
    const func = this.vm.instance(instance).func(field);
    const { results } = this.vm.store.funcType(func.payload);
    this.vm.start(func, args.map(vmValue));
    this.writeBits(args);
    const outcome = this.finish();
    if (outcome.status === 'trapped') return outcome;
    return { status: 'returned', results: { types: results, words: outcome.words, store: this.vm.store } };
  }

  get(instance: number, field: string): Ending {
    const { store } = this.vm;
    const found = exported(store.instances[instance] as InstanceInst, field);
    if (found?.kind !== 'global') throw new LinkError(`unknown export: there is no global ${field}`);
    const { type } = (store.globals[found.addr] as { type: GlobalType }).type;
    const start = found.addr * globalWords;
    const words = store.globalWords.slice(start, start + slotsOf(type) * 2);
    return { status: 'returned', results: { types: [type], words, store } };
  }

  /** Numbers of JavaScript do not keep all bits of a NaN, the first frame's locals do. */
  private writeBits(args: readonly Argument[]): void {
    const { stack } = this.vm.store;
    if (stack.depth === 0) return;
    let at = 0;
    for (const arg of args) {
      if (arg.type === 'f32' && typeof arg.bits === 'number') stack.words[at] = arg.bits;
      if (arg.type === 'f64' && typeof arg.bits === 'bigint') stack.words.set(wordsOf(arg.bits), at);
      at += slotsOfAll(arg.type === 'v128' ? ['v128'] : ['i32']) * 2;
    }
  }

  /** Runs the call that was started to its end. */
  private finish(): Exclude<Ending, { status: 'returned' }> | (Outcome & { status: 'returned' }) {
    if (this.pace.begin()) this.hop();
    for (;;) {
      const outcome = this.vm.run(this.pace.next(this.vm.store.debt));
      if (outcome.status === 'returned') return outcome;
      if (outcome.status === 'trapped') return { status: 'trapped', error: outcome.trap };
      if (this.mode === 'whole') throw new CrashError(`the call is not done after ${fuelOfAll} units of fuel`);
      this.hop();
    }
  }

  private hop(): void {
    // A host function that was called straight away has no frame, and cannot be saved.
    if (this.vm.store.stack.depth === 0) return;
    const bytes = this.vm.save().encode();
    this.trail.push(createHash('sha1').update(bytes).digest('hex'));
    this.vm.dispose();
    this.vm = VM.restore(bytes, {
      modules: [...this.modules.values()],
      imports: hostImports,
      limits,
      engine: this.engine,
    });
    this.pace.hopped(this.vm.store.memoryBudget.used);
  }

  /** Digests of what was saved since the last time. */
  takeTrail(): string[] {
    const { trail } = this;
    this.trail = [];
    return trail;
  }

  /** What was used is as in the other world. */
  takeFuel({ vm }: World): void {
    this.vm.store.fuelUsed = vm.store.fuelUsed;
    this.vm.store.debt = vm.store.debt;
  }

  /** Number of instances. */
  get size(): number {
    return this.vm.store.instances.length;
  }

  /** Begins anew, without any instance. */
  renew(): void {
    this.vm.dispose();
    this.modules.clear();
    this.vm = new VM({ limits, engine: this.engine });
  }

  dispose(): void {
    this.vm.dispose();
  }
}

const words = new DataView(new ArrayBuffer(16));

function wordsOf(bits: bigint): [number, number] {
  words.setBigInt64(0, bits, true);
  return [words.getInt32(0, true), words.getInt32(4, true)];
}

/** An argument as the VM takes it. */
function vmValue(arg: Argument): Value {
  switch (arg.type) {
    case 'v128':
      return bytesOf(arg);
    case 'ref':
      return arg.kind === 'null' ? null : arg.value;
    case 'f32':
    case 'f64':
      // writeBits gives it its value.
      return 0;
    default:
      return arg.bits;
  }
}

/** https://webassembly.github.io/spec/core/exec/numerics.html#storage */
function bytesOf({ shape, lanes }: Vec): Uint8Array {
  const width = 128 / lanes.length;
  const bits = lanes.reduceRight<bigint>((sum, lane) => {
    if (typeof lane === 'string') throw new RangeError(`${shape}: a NaN pattern is no argument`);
    return (sum << BigInt(width)) | BigInt.asUintN(width, BigInt(lane));
  }, 0n);
  words.setBigUint64(0, BigInt.asUintN(64, bits), true);
  words.setBigUint64(8, bits >> 64n, true);
  return new Uint8Array(words.buffer.slice(0));
}
