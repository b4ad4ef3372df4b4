// The image that all programs begin with: QuickJS, booted, with the library loaded. Every host makes the same bytes of the
// same package, for clocks and random numbers stand still meanwhile; so a token holds only what differs from it, and names
// it by its hash. What is made once can be kept as bytes: image.ts.

import { hashOf } from '../../runtime/beneath/sha256.ts';
import { Module } from '../../runtime/module/module.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { CrashError, LinkError } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';
import type { EngineName } from '../../vm/engines.ts';
import { VM } from '../../vm/vm.ts';
import { librarySource } from '../guest/library.ts';
import { type Entry, entries, libraryFile } from '../guest/ops.ts';
import { imports, programs } from './imports.ts';
import { GuestMemory, type Handle } from './memory.ts';
import { ProgramState } from './state.ts';
import { sortFreeItems } from './tidy.ts';

/** Bytes of the guest's own stack, of which QuickJS may use so many: then code that recurses ends with its RangeError. */
export const mostStack = 512 * 1024;

export interface Base {
  readonly module: Module;
  readonly snapshot: Snapshot;
  /** The memory's bytes. */
  readonly image: Uint8Array;
  /** Where the library's functions stand. */
  readonly entries: Readonly<Record<Entry, Handle>>;
  /** Where the eight bytes stand that `Math.random` goes on from. */
  readonly seedAt: number;
  /** A place of four bytes for results. */
  readonly scratch: number;
  /** What booting used. */
  readonly fuel: number;
  /** SHA-256 of it, hexadecimal. */
  readonly hash: string;
}

/**
 * Units of fuel that a call of an export may take, and for each page of the memory besides: what is asked of QuickJS looks at
 * each byte some times at most, but a forged token may have it go round for ever.
 */
const callFuel = 2 ** 26;
const pageFuel = 2 ** 24;

/** How calls of exports and the memory are reached from outside of host functions. */
export const reachOf = (vm: VM) => {
  const instance = vm.instance();
  const memory = instance.memory('memory');
  const call = (name: string, args: readonly number[]) =>
    vm.invokeWithin(instance.func(name), args, callFuel + pageFuel * memory.pages)[0];
  return {
    call: (name: string, ...args: number[]) => call(name, args) as number,
    callLong: (name: string, ...args: number[]) => call(name, args) as bigint,
    bytes: () => memory.bytes,
  };
};

const utf8 = new TextEncoder();

const evaluation = { global: 0, script: 1 << 7, module: 1 } as const;

/** All that makes a base what it is, but for the module and for how it is made here. */
export const recipe = (): readonly unknown[] => [mostStack, entries, librarySource, rehearsal, lastRehearsal];

/** Throws LinkError for bytes that are no module. */
export function quickjsModule(bytes: Uint8Array): Module {
  try {
    return Module.from(bytes);
  } catch (cause) {
    throw new LinkError(`the bytes are not those of quickjs-wasi: ${messageOf(cause)}`, { cause });
  }
}

/** Throws LinkError for a module that is not the QuickJS of the package. */
export function makeBase(module: Module, engine: EngineName): Base {
  const vm = new VM({ engine });
  const instance = vm.instantiate(module, imports);
  const missing = ['_initialize', 'qjs_init', 'qjs_eval', 'qjs_call', 'memory'].find(
    (name) => !module.exportNamed(name),
  );
  if (missing !== undefined) throw new LinkError(`the module is not quickjs-wasi: it has no export ${missing}`);
  vm.invoke(instance.func('_initialize'));
  const memory = new GuestMemory(reachOf(vm));
  if (memory.call('qjs_init') !== 0) throw new CrashError('QuickJS does not begin');
  memory.call('qjs_set_max_stack_size', mostStack);
  memory.call('qjs_set_module_loader', 1);
  const found = loadLibrary(memory);
  const scratch = memory.allocate(4);
  const state = vm.state(programs);
  state.owner = { print: () => {}, source: () => undefined, mostBytes: 2 ** 20, mostOutput: 0, answer: '+null' };
  rehearse(memory, found);
  Object.assign(state, new ProgramState());
  const seedAt = findSeed(memory, () => instance.memory('memory').bytes);
  memory.call('qjs_run_gc');
  sortFreeItems(instance.memory('memory').bytes);
  const image = instance.memory('memory').bytes.slice();
  const base = { module, entries: found, seedAt, scratch, image, fuel: vm.fuelUsed, snapshot: vm.save() };
  vm.dispose();
  return { ...base, hash: hashOfBase(module, image) };
}

export const hashOfBase = (module: Module, image: Uint8Array): string =>
  hashOf(utf8.encode(`${module.hash} ${hashOf(image)}`));

function loadLibrary(memory: GuestMemory): Readonly<Record<Entry, Handle>> {
  const evaluated = evaluate(memory, librarySource);
  const host = memory.with(utf8.encode('host'), (name, length) =>
    memory.call('qjs_new_host_function', name, length, 0),
  );
  const list = callOf(memory, evaluated, [host]);
  checkMade(memory, list);
  const found = entries.map((_, i) => memory.call('qjs_get_prop_uint32', list, i));
  for (const handle of [evaluated, host, list]) memory.drop(handle);
  return Object.fromEntries(entries.map((name, i) => [name, found[i]])) as Record<Entry, Handle>;
}

function evaluate(memory: GuestMemory, text: string, file = libraryFile, flags = evaluation.global as number): Handle {
  const result = memory.with(utf8.encode(text), (source, length) =>
    memory.with(utf8.encode(file), (name) => memory.call('qjs_eval', source, length, name, flags)),
  );
  checkMade(memory, result);
  return result;
}

function callOf(memory: GuestMemory, func: Handle, args: readonly Handle[]): Handle {
  const self = memory.call('qjs_get_undefined');
  const list = memory.allocate(4 * args.length);
  args.forEach((arg, i) => {
    memory.setWord(list + 4 * i, arg);
  });
  const result = memory.call('qjs_call', func, self, args.length, list);
  memory.free(list);
  memory.drop(self);
  return result;
}

function checkMade(memory: GuestMemory, handle: Handle): void {
  if (memory.call('qjs_is_exception', handle) === 0) return;
  const error = memory.call('qjs_get_exception');
  const scratch = memory.allocate(4);
  throw new CrashError(`the library does not load: ${memory.readText(error, scratch, () => {})}`);
}

/**
 * Runs a program as programs are run, and lets go of it. What it leaves in freed memory is much like what the next one
 * writes there, so that a token has less to tell.
 */
function rehearse(memory: GuestMemory, found: Readonly<Record<Entry, Handle>>): void {
  const call = (entry: Entry, ...args: Handle[]) => {
    memory.drop(callOf(memory, found[entry], args));
    for (const arg of args) memory.drop(arg);
  };
  call('start', memory.text('+{"tools":[{"name":"tool","awaited":false}],"values":{"input":1},"origin":0}'));
  const evaluateScript = (code: string) => evaluate(memory, code, 'main.js', evaluation.script);
  const jobs = () => {
    while (memory.call('qjs_is_job_pending') !== 0) memory.call('qjs_execute_pending_job');
  };
  call('watch', evaluateScript(rehearsal));
  jobs();
  call('fire');
  jobs();
  // Last, so that what it leaves on the stack is what a program has there that waits for a tool.
  memory.drop(evaluateScript(lastRehearsal));
}

/** It leaves no name behind. */
const rehearsal = `{
  const order = { id: 7, items: [1, 2, 3], total: 42.5 };
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const main = (value) => [order].map((each) => each.total * 2 + value);
  await Promise.all([wait(0)]);
  main(1);
}`;
const lastRehearsal = `{
  delete globalThis.input;
  const order = tool(7);
  delete globalThis.tool;
}`;

const bits64 = (value: bigint) => BigInt.asUintN(64, value);
/** What QuickJS makes of its state with each random number: xorshift64*. https://prng.di.unimi.it/xorshift64star.c */
function nextState(state: bigint): bigint {
  const a = state ^ (state >> 12n);
  const b = bits64(a ^ (a << 25n));
  return b ^ (b >> 27n);
}

/**
 * QuickJS keeps the state of `Math.random` in its context, and no export tells where. So a number is drawn: it is where
 * the next state stands then.
 */
function findSeed(memory: GuestMemory, bytes: () => Uint8Array): number {
  const context = memory.call('qjs_get_context_ptr');
  const states = () => [...new BigUint64Array(bytes().slice(context, context + 1024).buffer)];
  const before = states();
  memory.drop(evaluate(memory, 'Math.random()'));
  const places = states().flatMap((state, i) =>
    state !== before[i] && state === nextState(before[i] ?? 0n) ? [i] : [],
  );
  const [place] = places;
  if (place === undefined || places.length > 1) throw new CrashError('the seed of QuickJS is not where it should be');
  return context + 8 * place;
}

/** A VM in the state of a snapshot. */
export const vmOf = (base: Base, at: Snapshot, engine: EngineName, memory: number): VM =>
  VM.restore(at, { modules: [base.module], imports, engine, limits: { memory } });
