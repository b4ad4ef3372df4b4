// A small module of our own with a memory, through which values pass between guest code and the engine bit by bit. Guest
// code cannot reach two memories, and numbers of JavaScript do not keep all bits of an i64, of a v128 and of a NaN.
// One for each thread is enough: nothing stays in it while other code runs. Values pass without other code in between; and
// no frame is spilled and no exception on its way while code runs that may call the host, nor once a run has ended.
//
// The memory:
//   0 …          what the engine passes to code that it calls, and what it gets back: slots, as in a frame (frame.ts)
//   spillStart … spilled frames, innermost first: each its values, 8 bytes (v128: 16), then address of the instance,
//                function index, pc, and four bytes unused

import { Writer } from '../../binary/writer.ts';
import { hostWasm } from '../../runtime/beneath/host-wasm.ts';
import { refKinds } from '../../runtime/heap/ref.ts';
import { left, mostLeft, type ScratchFunc, scratchFunc, scratchFuncs } from '../read/index-spaces.ts';
import { type Low, TypeSection } from '../read/types.ts';
import { code, Op } from '../write/ops.ts';
import { assemble, Code } from '../write/sections.ts';

const pages = 256;
/** Half of it: a frame has at most 50,000 locals and 100,000 operands, of 16 bytes. */
export const spillStart = (pages * 65536) / 2;
export const spilledFrameBytes = 16;

/** Views of parts of an array cost more than to copy so many words one by one. */
const fewWords = 64;

export function copyWords(from: Int32Array, start: number, to: Int32Array, at: number, count: number): void {
  if (count > fewWords) return to.set(from.subarray(start, start + count), at);
  for (let i = 0; i < count; i++) to[at + i] = from[start + i] as number;
}

export type More = (fuel: number, isRest: number) => number;

const pointerGlobal = 0;
const heldGlobal = 1;
/** The address of the exception that is on its way, and one; or 0. */
const thrownGlobal = 2;
/** The last frame that it passed: address of the instance, function index, pc. */
const placeGlobals = 3;
/** Address of the instance whose code looked last into a table that others may have too. */
const askerGlobal = 6;
/** Fuel that code was charged and had not. */
const owedGlobal = 7;
/** Not 0 where the engine has no more fuel for the code that runs than that has. */
const lastGlobal = 8;
/** The one import: asks the engine. */
const askFunc = 0;

export class Scratch {
  readonly words: Int32Array;
  /** What code that runs has from now on that had so much fuel; whoever runs code says so, and puts back what was said. */
  more: More = (fuel) => fuel;
  private readonly pointer: WebAssembly.Global;
  private readonly heldFuel: WebAssembly.Global;
  private readonly thrownNext: WebAssembly.Global;
  private readonly owedFuel: WebAssembly.Global;
  private readonly lastFuel: WebAssembly.Global;
  private isLast = false;

  constructor(readonly exports: WebAssembly.Exports) {
    this.words = new Int32Array((exports.memory as WebAssembly.Memory).buffer);
    this.pointer = exports.pointer as WebAssembly.Global;
    this.heldFuel = exports.held as WebAssembly.Global;
    this.thrownNext = exports.thrown as WebAssembly.Global;
    this.owedFuel = exports.owed as WebAssembly.Global;
    this.lastFuel = exports.last as WebAssembly.Global;
    this.clear();
  }

  /** Where the spilled frames end. They are the caller's now: the next ones begin in the same place. */
  take(): number {
    const end = this.pointer.value as number;
    this.pointer.value = spillStart;
    return end;
  }
  /** Forgets frames and exception of code that has failed. */
  clear(): void {
    this.pointer.value = spillStart;
    this.thrown = -1;
  }
  /** Fuel that was left where code was left for another reason. */
  get held(): number {
    return this.heldFuel.value as number;
  }
  set held(fuel: number) {
    this.heldFuel.value = fuel;
  }
  /** What code was charged beyond the fuel that it had, since this was last asked. */
  takeOwed(): number {
    const owed = this.owedFuel.value as number;
    if (owed !== 0) this.owedFuel.value = 0;
    return owed;
  }
  /** Whether code asks `more` in vain. Told at each call of the host, where it is mostly as before. */
  set last(none: boolean) {
    if (none !== this.isLast) this.lastFuel.value = none ? 1 : 0;
    this.isLast = none;
  }
  /** Address of the exception that is on its way, or -1. */
  get thrown(): number {
    return (this.thrownNext.value as number) - 1;
  }
  set thrown(exception: number) {
    this.thrownNext.value = exception + 1;
  }
  /** Address of the instance whose code has just called something in a table that others may have too. */
  get asker(): number {
    return (this.exports.asker as WebAssembly.Global).value as number;
  }
  /** The last frame that it passed: address of the instance, function index, pc after what threw. */
  get passed(): [number, number, number] {
    const place = (name: string): number => (this.exports[name] as WebAssembly.Global).value as number;
    return [place('place0'), place('place1'), place('place2')];
  }
}

let known: Scratch | undefined;

export function theScratch(): Scratch {
  const ask: More = (fuel, isRest) => (known as Scratch).more(fuel, isRest);
  known ??= new Scratch(new hostWasm.Instance(new hostWasm.Module(scratchModule()), { engine: { ask } }).exports);
  return known;
}

function scratchModule(): Uint8Array<ArrayBuffer> {
  const types = new TypeSection();
  const names = [...scratchFuncs.keys()];
  const code = new Code();
  for (const name of names) {
    const { params, results } = scratchFunc(name);
    code.add(types.index(params, results), body(name));
  }
  return assemble({
    name: 'scratch',
    types,
    imports: [{ module: 'engine', name: 'ask', is: { kind: 'func', type: types.index(['i32', 'i32'], ['i32']) } }],
    code,
    memory: pages,
    globals: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    exports: [
      { name: 'memory', kind: 'memory', index: 0 },
      { name: 'pointer', kind: 'global', index: pointerGlobal },
      { name: 'held', kind: 'global', index: heldGlobal },
      { name: 'thrown', kind: 'global', index: thrownGlobal },
      { name: 'asker', kind: 'global', index: askerGlobal },
      { name: 'owed', kind: 'global', index: owedGlobal },
      { name: 'last', kind: 'global', index: lastGlobal },
      ...[0, 1, 2].map((i) => ({ name: `place${i}`, kind: 'global' as const, index: placeGlobals + i })),
      ...names.map((name, i) => ({ name, kind: 'func' as const, index: askFunc + 1 + i })),
    ],
  }).bytes;
}

function body(name: ScratchFunc): Uint8Array {
  const w = new Writer();
  w.byte(0);
  if (name === 'put') {
    storeValues(w, mostLeft);
    advance(w, mostLeft * 8);
  } else if (name === 'caught') {
    caught(w);
  } else if (name === 'more') {
    more(w);
  } else if (name.startsWith('leave_')) {
    leaveFrame(w, scratchFunc(name).params.length - 4);
  } else {
    const [verb, type] = name.split('_') as ['get' | 'set', Low];
    accessors[verb](w, type);
  }
  w.byte(Op.end);
  return w.finish();
}

/** Stores the parameters from the first on. */
function storeValues(w: Writer, count: number): void {
  for (let i = 0; i < count; i++) {
    w.bytes(Uint8Array.of(Op.globalGet, pointerGlobal, Op.localGet, i, ...stores.i64, 0));
    w.u32(i * 8);
  }
}

/** Parameters: the values, then address of the instance, function index, pc, and fuel. */
function leaveFrame(w: Writer, values: number): void {
  const [place, fuel] = [values, values + 3];
  w.bytes(Uint8Array.of(Op.globalGet, thrownGlobal, Op.if, Op.noType));
  for (let i = 0; i < 3; i++) w.bytes(Uint8Array.of(Op.localGet, place + i, Op.globalSet, placeGlobals + i));
  w.byte(Op.i32Const);
  w.s32(spillStart);
  w.bytes(Uint8Array.of(Op.globalSet, pointerGlobal, Op.localGet, fuel, Op.return, Op.end));
  storeValues(w, values);
  for (let i = 0; i < 3; i++) {
    w.bytes(Uint8Array.of(Op.globalGet, pointerGlobal, Op.localGet, place + i, 0x36, 2));
    w.u32(values * 8 + i * 4);
  }
  advance(w, values * 8 + spilledFrameBytes);
  w.bytes(Uint8Array.of(Op.localGet, fuel, Op.i32Const, 0, code['i32.ge_s'], Op.if, Op.noType));
  w.bytes(Uint8Array.of(Op.localGet, fuel, Op.globalSet, heldGlobal, Op.i32Const));
  w.s32(left);
  w.bytes(Uint8Array.of(Op.localSet, fuel, Op.end, Op.localGet, fuel));
}

/** Asking takes a while: not where it is in vain. */
function more(w: Writer): void {
  w.bytes(Uint8Array.of(Op.globalGet, lastGlobal, code['i32.eqz'], Op.if, Op.noType));
  w.bytes(Uint8Array.of(Op.localGet, 0, Op.localGet, 1, Op.call, askFunc, Op.localSet, 0, Op.end, Op.localGet, 0));
}

/** A reference is its address and kind, low word first. */
function caught(w: Writer): void {
  w.bytes(Uint8Array.of(Op.globalGet, thrownGlobal, Op.i32Const, 1, code['i32.sub'], code['i64.extend_i32_u']));
  w.byte(code['i64.const']);
  w.s64(0, refKinds.exn);
  w.bytes(Uint8Array.of(code['i64.or'], Op.globalGet, heldGlobal, Op.i32Const, 0, Op.globalSet, thrownGlobal));
}

const accessors = {
  get: (w: Writer, type: Low) => {
    w.bytes(Uint8Array.of(Op.localGet, 0, ...loads[type], 0, 0));
  },
  set: (w: Writer, type: Low) => {
    w.bytes(Uint8Array.of(Op.localGet, 1, Op.localGet, 0, ...widen[type], ...stores[type], 0, 0));
  },
};

function advance(w: Writer, bytes: number): void {
  w.bytes(Uint8Array.of(Op.globalGet, pointerGlobal, Op.i32Const));
  w.s32(bytes);
  w.bytes(Uint8Array.of(code['i32.add'], Op.globalSet, pointerGlobal));
}

const loads: Record<Low, readonly number[]> = {
  i32: [code['i32.load']],
  i64: [code['i64.load']],
  f32: [code['f32.load']],
  f64: [code['f64.load']],
  v128: [0xfd, 0],
};
const stores: Record<Low, readonly number[]> = {
  i32: [code['i64.store']],
  i64: [code['i64.store']],
  f32: [code['i64.store']],
  f64: [code['f64.store']],
  v128: [0xfd, 11],
};
/** Numbers of 32 bits fill their slot, the high word is zero. */
const widen: Record<Low, readonly number[]> = {
  i32: [code['i64.extend_i32_u']],
  i64: [],
  f32: [code['i32.reinterpret_f32'], code['i64.extend_i32_u']],
  f64: [],
  v128: [],
};
