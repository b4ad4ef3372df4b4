// What the loop and the slow path share while a store's frames run: views, places and budgets of the current instance.

import type { Mixing } from '../../runtime/engine.ts';
import { frameWords } from '../../runtime/frame.ts';
import type { MemoryInst } from '../../runtime/memory/memory.ts';
import type { PendingWait } from '../../runtime/memory/wait.ts';
import type { FuncInst, InstanceInst, Store } from '../../runtime/store.ts';
import { globalWords } from '../../runtime/store.ts';
import type { TableInst } from '../../runtime/table.ts';
import { codeOf, type Form, type ModuleCode } from './code.ts';
import { threadArrays } from './thread-arrays.ts';

/** Why the loop was left. */
export const Exit = {
  /** Fuel fell below zero, just after a charge. */
  fuel: 0,
  /** The frame at the floor returned. */
  returned: 1,
  /** A call that is no plain call within the instance: `pc` is at the op. */
  call: 2,
  callIndirect: 3,
  callRef: 4,
  tailCall: 5,
  /** The stack's slots are used up: `pc` is at `enter`. */
  stack: 6,
  step: 7,
  /** Plain code reached a loop and nobody counts steps. */
  handover: 8,
  unreachable: 9,
  outOfBounds: 10,
  throw: 11,
  throwRef: 12,
  unknown: 13,
  /** A wait whose cell holds the expected value: `pc` is at the op. */
  wait: 14,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

const noMemory = new DataView(new ArrayBuffer(0));
const noWords: Int32Array = new Int32Array(0);

/** Where the index spaces of an instance are. */
interface Places {
  readonly tables: TableInst[];
  readonly memories: MemoryInst[];
  readonly globalAt: Int32Array;
  readonly funcDelta: number;
}

const places = new WeakMap<InstanceInst, Places>();

/** Computed once: an instance's addresses never change, and calls of the host into small functions are many. */
function placesOf(store: Store, instance: InstanceInst): Places {
  const known = places.get(instance) ?? placesIn(store, instance);
  places.set(instance, known);
  return known;
}

function placesIn(store: Store, instance: InstanceInst): Places {
  const { importedFuncs } = instance.module.context;
  return {
    tables: instance.tables.map((addr) => store.tables[addr] as TableInst),
    memories: instance.memories.map((addr) => store.memories[addr] as MemoryInst),
    globalAt: Int32Array.from(instance.globals, (addr) => addr * globalWords),
    funcDelta: (instance.funcs[importedFuncs] ?? 0) - importedFuncs,
  };
}

export class Machine {
  I!: Int32Array;
  F!: Float32Array;
  D!: Float64Array;
  B!: Int8Array;
  S!: Int16Array;
  G: Int32Array;
  FR!: Int32Array;
  mem: DataView = noMemory;
  /** Infinity until it is known, and `steps` too: V8 then sees doubles, and not shapes of machines that change later. */
  memLen = Infinity;

  code = noWords;
  entries = noWords;
  /** Tables of the instance, by index. */
  tables: TableInst[] = [];
  memories: MemoryInst[] = [];
  funcs: FuncInst[];
  instance!: InstanceInst;
  moduleCode!: ModuleCode;
  /** Word offset in `G` by global index. */
  globalAt = noWords;
  /** Function address minus function index, for functions of the instance itself. */
  funcDelta = 0;

  /** Place in the code; the current frame's first word in `I`; its place in `FR`. */
  pc = 0;
  fp = 0;
  fi = 0;
  /** Place in `FR` of the lowest frame that this machine has taken over; those below are canonical. */
  floor = 0;
  /** A call from a frame at or above this place in `FR` needs more room there. */
  lastFrame = 0;
  /** A frame that ends past this word needs more room in `I`. */
  lastWord = 0;
  fuel = 0;
  /** The wait that the loop was left for. */
  wait: PendingWait | null = null;
  steps = Infinity;

  constructor(
    readonly store: Store,
    /** Instructions are counted: only plain code runs. */
    readonly stepping: boolean,
    /** Where native code runs some functions, and nobody counts. */
    private readonly mix?: Mixing,
  ) {
    this.G = store.globalWords;
    this.funcs = store.funcs;
    this.refreshStack();
  }

  get form(): Form {
    return this.stepping ? 'plain' : 'folded';
  }

  /** Views of the stack, which moves when it grows and when another store's stack runs. */
  refreshStack(): void {
    const { stack } = this.store;
    threadArrays.hold(stack);
    const { words, floats, doubles, bytes, shorts, frames } = threadArrays.stack;
    this.I = words;
    this.F = floats;
    this.D = doubles;
    this.B = bytes;
    this.S = shorts;
    this.FR = frames;
    this.lastWord = Math.min(words.length, stack.limits.slots * 2);
    this.lastFrame = Math.min(frames.length, stack.limits.frames * frameWords) - frameWords;
  }

  refreshMemory(): void {
    const memory = this.memories[0];
    this.mem = memory?.view ?? noMemory;
    this.memLen = memory?.size ?? 0;
    this.G = this.store.globalWords;
  }

  refreshCode(): void {
    this.code = this.moduleCode.words;
    const { moduleCode, mix } = this;
    this.entries =
      mix === undefined ? moduleCode.entries[this.form] : moduleCode.entriesBeside(mix.nativesOf(moduleCode.module));
  }

  enterInstance(instance: InstanceInst): void {
    const moduleCode = codeOf(instance.module);
    if (this.instance === instance && this.moduleCode === moduleCode) return;
    const { tables, memories, globalAt, funcDelta } = placesOf(this.store, instance);
    this.instance = instance;
    this.moduleCode = moduleCode;
    this.tables = tables;
    this.memories = memories;
    this.globalAt = globalAt;
    this.funcDelta = funcDelta;
    this.refreshCode();
    this.refreshMemory();
  }
}
