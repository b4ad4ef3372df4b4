// Host functions as guest code sees them: a function of the rewritten type, whose code passes the arguments to the engine
// through the scratch memory and takes the results from there.

import { Writer } from '../../binary/writer.ts';
import { bounds, compiledBytes } from '../../runtime/bounds.ts';
import { hostWasm } from '../../runtime/host-wasm.ts';
import { Lru } from '../../runtime/lru.ts';
import type { FuncType } from '../../spec/types.ts';
import { type ScratchFunc, scratchFunc } from '../read/index-spaces.ts';
import {
  functionParams,
  functionResults,
  type LowTypes,
  lowAll,
  slotsOfLow,
  TypeSection,
  writeLocals,
} from '../read/types.ts';
import { Op } from '../write/ops.ts';
import { assemble, Code, type ImportEntry } from '../write/sections.ts';
import { theScratch } from './scratch-memory.ts';

/** Calls the host: depth and fuel of the caller in; out the fuel that is left, or what says why code is to leave. */
export type CallHost = (depth: number, fuel: number) => number;

/** By the rewritten type. */
const modules = new Lru<string, WebAssembly.Module>(() => bounds.hostWrappers);

/** What this thread keeps of them, in bytes. */
export const keptWrappers = (): number => modules.bytes;

/** A function of the type that calls the host. */
export function hostWrapper(type: FuncType, call: CallHost): CallableFunction {
  const params = lowAll(type.params);
  const results = lowAll(type.results);
  const key = `${params.join(' ')}>${results.join(' ')}`;
  const module = modules.get(key) ?? compiled(key, wrapperModule(type, params, results));
  const imports = { scratch: theScratch().exports, host: { call } };
  return new hostWasm.Instance(module, imports).exports.run as CallableFunction;
}

const compiled = (key: string, bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module =>
  modules.set(key, new hostWasm.Module(bytes), compiledBytes(bytes.length));

function wrapperModule(type: FuncType, params: LowTypes, results: LowTypes): Uint8Array<ArrayBuffer> {
  const types = new TypeSection();
  const imports: ImportEntry[] = [];
  const numbers = new Map<ScratchFunc, number>();
  const scratch = (name: ScratchFunc): number => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    const { params, results } = scratchFunc(name);
    const is = { kind: 'func', type: types.index(params, results) } as const;
    const number = imports.push({ module: 'scratch', name, is }) - 1;
    numbers.set(name, number);
    return number;
  };
  const call =
    imports.push({ module: 'host', name: 'call', is: { kind: 'func', type: types.index(['i32', 'i32'], ['i32']) } }) -
    1;
  const bytes = wrapperBody(params, results, scratch, call);
  const index = types.index(functionParams(type), functionResults(type));
  const code = new Code();
  code.add(index, bytes);
  return assemble({
    name: 'host',
    types,
    imports,
    code,
    globals: [],
    exports: [{ name: 'run', kind: 'func', index: imports.length }],
  }).bytes;
}

function wrapperBody(
  params: LowTypes,
  results: LowTypes,
  scratch: (name: ScratchFunc) => number,
  call: number,
): Uint8Array {
  const w = new Writer();
  const fuel = params.length + 1;
  const answer = fuel + 1;
  writeLocals(w, ['i32']);
  let slot = 0;
  params.forEach((type, i) => {
    w.byte(Op.localGet);
    w.u32(i);
    w.byte(Op.i32Const);
    w.s32(slot * 8);
    w.byte(Op.call);
    w.u32(scratch(`set_${type}`));
    slot += slotsOfLow(type);
  });
  w.byte(Op.localGet);
  w.u32(params.length);
  w.byte(Op.localGet);
  w.u32(fuel);
  w.byte(Op.call);
  w.u32(call);
  w.byte(Op.localSet);
  w.u32(answer);
  slot = 0;
  for (const type of results) {
    w.byte(Op.i32Const);
    w.s32(slot * 8);
    w.byte(Op.call);
    w.u32(scratch(`get_${type}`));
    slot += slotsOfLow(type);
  }
  w.byte(Op.localGet);
  w.u32(answer);
  w.byte(Op.end);
  return w.finish();
}
