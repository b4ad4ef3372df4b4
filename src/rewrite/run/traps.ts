// What the host throws for a trap in guest code, as a trap of ours: its kind from the host's message, and where it came
// from, out of the host's stack trace. V8 says `wasm://wasm/<module name>-<hash>:wasm-function[<index>]:0x<byte offset>`.

import { InstructionReader } from '../../binary/instruction.ts';
import { ExhaustionError, HostError, Trap } from '../../spec/errors.ts';
import { bytesAccessed, instructions } from '../../spec/instructions.ts';
import type { TrapKind } from '../../spec/traps.ts';
import type { FuncIdx } from '../../spec/types.ts';
import { bodyOf, type ModuleContext } from '../../validate/context.ts';
import { slotOfCode } from '../../validate/rules.ts';
import { planOf } from '../../validate/safepoints.ts';
import { keptShape, restOrigins } from '../module/continuation.ts';
import { originsOf } from '../module/module.ts';
import { resolve } from '../module/thunks.ts';
import { type BlockShape, type FunctionShape, firstFrom } from '../read/shape.ts';
import { supportOf } from '../read/support.ts';
import type { Origins } from '../write/body-writer.ts';
import { truncations } from '../write/plain.ts';
import type { NativeInstance, NativeStore } from './native.ts';

const kinds: readonly (readonly [RegExp, TrapKind])[] = [
  [/unreachable/, 'unreachable'],
  [/memory access out of bounds/, 'out of bounds memory access'],
  [/divide result unrepresentable/, 'integer overflow'],
  [/by zero/, 'integer divide by zero'],
  [/float unrepresentable/, 'integer overflow'],
  [/table index is out of bounds|table access out of bounds/, 'undefined element'],
  [/null function or function signature|signature mismatch/, 'indirect call type mismatch'],
  [/unaligned/, 'unaligned atomic'],
];

/** What `unreachable` stands for in instructions on objects. */
const objectTraps: readonly (readonly [RegExp, TrapKind])[] = [
  [/^struct\./, 'null structure reference'],
  [/^array\./, 'null array reference'],
  [/^i31\./, 'null i31 reference'],
  [/^ref\.cast/, 'cast failure'],
];

/** A place in the guest's code. */
export interface Place {
  readonly native: NativeInstance;
  readonly func: FuncIdx;
  readonly pc: number;
  /** The host has told another place, and there are several that this may be. */
  readonly isGuess?: boolean;
}

const frameLine = /wasm:\/\/wasm\/(wasbox\.[\w.]+)-[0-9a-f]+:wasm-function\[(\d+)\]:0x([0-9a-f]+)/;

/** Frames of the guest that an error's stack trace names, innermost first. */
export function placesOf(store: NativeStore, error: unknown): Place[] {
  const stack = error instanceof Error ? String(error.stack) : '';
  const places: Place[] = [];
  const known = new Map<string, Origins>();
  for (const line of nativeLines(stack.split('\n'))) {
    const [, name = '', index, offset = ''] = frameLine.exec(line) ?? [];
    const place = placeOf(store, known, name, Number(index), Number.parseInt(offset, 16));
    if (place !== undefined) places.push(place);
  }
  const [top] = places;
  if (top !== undefined && outOfBounds.test(String(error))) places[0] = accessAt(top);
  return places;
}

const outOfBounds = /memory access out of bounds/;
/** Of these V8 11 tells the place of other code (findings/simd-loads-trap-elsewhere). */
const misplaced = /^v128\.(load\d+x\d+_[su]|load\d+_(splat|zero)|(load|store)\d+_lane)$/;

/** Where the memory was accessed: at that place, or, where nothing there does so, by one of those that are told elsewhere. */
function accessAt(place: Place): Place {
  const { context } = place.native.inst.module;
  const { row } = instructionAt(context, place.func, place.pc);
  if (bytesAccessed(row) > 0 || row.name.startsWith('memory.')) return place;
  const { start, end } = bodyOf(context, place.func);
  const reader = new InstructionReader(context.syntax.bytes, start, end);
  const pcs: number[] = [];
  while (reader.pos < reader.end) {
    reader.next();
    if (misplaced.test(reader.row.name)) pcs.push(reader.start - start);
  }
  const pc = pcs.find((pc) => pc >= place.pc) ?? pcs.at(-1) ?? place.pc;
  return { ...place, pc, isGuess: pcs.length > 1 };
}

/** Those of the run that failed. Below them there may be others, of code that called a host function that called this. */
function nativeLines(lines: readonly string[]): readonly string[] {
  const isNative = (line: string) => line.includes('wasm://wasm/');
  const first = lines.findIndex(isNative);
  if (first < 0) return [];
  const end = lines.findIndex((line, i) => i > first && !isNative(line));
  return lines.slice(first, end < 0 ? lines.length : end);
}

/** Functions are written again to find places in them: each once, however often it stands on the stack. */
function placeOf(
  store: NativeStore,
  known: Map<string, Origins>,
  name: string,
  index: number,
  offset: number,
): Place | undefined {
  const code = store.code(name);
  if (code === undefined) return undefined;
  const { module, rest } = code;
  const native = store.running(code);
  if (rest !== undefined) {
    if (rest.pc === 0) return undefined;
    const origins = known.get(name) ?? restOrigins(module, rest);
    known.set(name, origins);
    return { native, func: rest.func, pc: originAt(origins, offset - rest.offset) };
  }
  const { firstFunc, offsets } = native.rewritten;
  const i = index - firstFunc;
  const start = offsets[i];
  const func = module.context.importedFuncs + i;
  if (start === undefined || supportOf(module).natives[func] !== 1) return undefined;
  const key = `${name} ${func}`;
  const origins = known.get(key) ?? originsOf(module, func);
  known.set(key, origins);
  return { native, func, pc: originAt(origins, offset - start) };
}

function originAt(origins: Origins, offset: number): number {
  let low = 0;
  let high = origins.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((origins[2 * middle] as number) <= offset) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : (origins[2 * low - 1] as number);
}

/** A trace of fewer frames is whole, whatever JavaScript is on top of it. */
const wholeTrace = 40;

/**
 * What the frames of a trap were charged beyond the entered one's own entry, where they tell that: no loop, no call and no
 * bulk work came before in any of them, so that there was nothing to charge but entries and the ways to where they are. What is out of bounds is so
 * before any of the work. A tail call leaves no frame to tell.
 */
export function entryCosts(native: NativeStore, places: readonly Place[]): number | undefined {
  const { instances } = native.store;
  const bottom = places.at(-1);
  if (bottom === undefined || places.length >= wholeTrace || places[0]?.isGuess) return undefined;
  if (bottom.native.inst.funcs[bottom.func] !== native.runner?.fresh) return undefined;
  if (instances.some(({ module }) => hasTailCalls(module.context))) return undefined;
  let cost = 0;
  for (const place of places) {
    const { module } = place.native.inst;
    const { entryCost, points } = planOf(module.context, place.func);
    if (points.some(({ pc, kind }) => pc > 0 && (pc < place.pc || (pc === place.pc && kind !== 'bulk'))))
      return undefined;
    const onTheWay = chargesUpTo(keptShape(module, place.func), place.pc);
    if (onTheWay === undefined) return undefined;
    cost += onTheWay + (place === bottom ? 0 : entryCost);
  }
  return cost;
}

/** What was charged on the way to a place; undefined where there is more than one way and they are not charged alike. */
function chargesUpTo({ blocks, charges }: FunctionShape, place: number): number | undefined {
  const pcs = Float64Array.from([...charges.keys()].filter((pc) => pc <= place)).sort();
  if (pcs.length === 0) return 0;
  // There may be very many of either: each block is looked at once.
  const isCharged = (from: number, to: number) => (pcs[firstFrom(pcs, from, Number)] ?? Number.POSITIVE_INFINITY) <= to;
  const mayBePassed = ({ start, end, elsePc }: BlockShape): boolean => {
    if (start > place) return false;
    if (place > end) return isCharged(start, end);
    return elsePc >= 0 && elsePc < place && isCharged(start, elsePc);
  };
  if (blocks.some(mayBePassed)) return undefined;
  return pcs.reduce((sum, pc) => sum + (charges.get(pc) as number), 0);
}

const tailCalls = instructions.filter(({ name }) => name.startsWith('return_call')).map(({ code }) => slotOfCode(code));
const hasTailCalls = ({ used }: ModuleContext): boolean => tailCalls.some((slot) => used[slot] === 1);

/** The error as the VM knows it. */
export function trapOf(store: NativeStore, error: unknown, places: readonly Place[]): unknown {
  if (error instanceof Trap || error instanceof HostError) return error;
  if (error instanceof RangeError && /call stack/i.test(error.message))
    return new ExhaustionError('the thread has no stack left', { limit: 'stack of the thread' });
  if (!(error instanceof WebAssembly.RuntimeError)) return error;
  const { message } = error;
  const kind = kinds.find(([pattern]) => pattern.test(message))?.[1];
  if (kind === undefined) return error;
  const place = places[0];
  return (place === undefined ? undefined : ownTrap(store, place, kind)) ?? new Trap(kind);
}

/** The trap of an instruction for whose reasons the host has but one message. */
function ownTrap(store: NativeStore, place: Place, kind: TrapKind): Trap | undefined {
  const { row, x, y } = instructionAt(place.native.inst.module.context, place.func, place.pc);
  if (row.special === 'call_indirect' || row.special === 'return_call_indirect') return calledTrap(store, place, x, y);
  if (kind === 'integer divide by zero' && row.name.startsWith('array.')) return new Trap('out of bounds array access');
  if (kind !== 'unreachable') return undefined;
  const ofObjects = objectTraps.find(([pattern]) => pattern.test(row.name))?.[1];
  if (ofObjects !== undefined) return new Trap(ofObjects);
  if (truncations.has(row.code)) return new Trap('invalid conversion to integer');
  if (row.name === 'ref.as_non_null') return new Trap('null reference');
  if (row.feature === 'threads' && bytesAccessed(row) > 1) return new Trap('unaligned atomic');
  if (row.name.startsWith('table.')) return new Trap('out of bounds table access');
  return row.special === 'unreachable' ? undefined : new Trap('out of bounds memory access');
}

function instructionAt(context: ModuleContext, func: FuncIdx, pc: number): InstructionReader {
  const body = bodyOf(context, func);
  const reader = new InstructionReader(context.syntax.bytes, body.start + pc, body.end);
  reader.next();
  return reader;
}

/** The host does not tell all reasons apart: the instance knows which element it was. */
function calledTrap({ store }: NativeStore, { native }: Place, type: number, table: number): Trap | undefined {
  try {
    resolve(store, native.inst, native.element.value as number, type, table);
    return undefined;
  } catch (error) {
    return error instanceof Trap ? error : undefined;
  }
}

/** The instruction before a pc. */
export function instructionBefore(context: ModuleContext, func: FuncIdx, pc: number): number {
  const body = bodyOf(context, func);
  const reader = new InstructionReader(context.syntax.bytes, body.start, body.end);
  while (reader.pos < body.start + pc) reader.next();
  return pc === 0 ? 0 : reader.start - body.start;
}

/** The pc of a frame that waits for a call at `pc`. */
export function instructionAfter(context: ModuleContext, func: FuncIdx, pc: number): number {
  return instructionAt(context, func, pc).pos - bodyOf(context, func).start;
}
