// What the compiler says of a program that uses the package: this file compiles, and each line that must not is marked.
// test/package.test.ts compiles it against the packed package, with every setting that a strict program may have.

import {
  asyncHostFunction,
  type FuncType,
  GlobalRef,
  hostFunction,
  LimitError,
  type MemoryRef,
  Module,
  type Ref,
  type RunOptions,
  Trap,
  type TypeName,
  VM,
  WasboxError,
} from 'wasbox';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_yes: Same<A, B>): void => {};

// Parameters have the types of the signature, and so have results.
hostFunction(['i32', 'i64', 'f32', 'f64', 'v128', 'externref', 'funcref'], [], (a, b, c, d, e, f, g, context) => {
  same<typeof a, number>(true);
  same<typeof b, bigint>(true);
  same<typeof c, number>(true);
  same<typeof d, number>(true);
  same<typeof e, Uint8Array>(true);
  same<typeof f, unknown>(true);
  same<typeof g, Ref<'func'> | null>(true);
  return context.readString(a, { length: 4 });
});
hostFunction(['i32'], ['i64'], (a) => BigInt(a));
hostFunction(['i32'], ['i64', 'i32'], (a) => [BigInt(a), a]);
hostFunction([], ['externref'], () => ({ anything: true }));
hostFunction(['(ref func)'], ['funcref'], (f) => f);
hostFunction([{ heap: 'any', nullable: true }], [], (value) => value);
asyncHostFunction(['i32'], ['i64'], async (a) => BigInt(a));
asyncHostFunction(['i32'], ['i64', 'f64'], async (a) => [BigInt(a), a]);
asyncHostFunction([], [], async () => 'whatever');
asyncHostFunction([], ['i32'], () => 5);
// @ts-expect-error: there is no such type
hostFunction(['i33'], [], () => {});
// @ts-expect-error: nor here
hostFunction([], ['int'], () => 0);
// @ts-expect-error: an i64 is a bigint
hostFunction([], ['i64'], () => 5);
// @ts-expect-error: of two results one is missing
hostFunction([], ['i32', 'i32'], () => [1]);
// @ts-expect-error: the second is none of the type
hostFunction([], ['i32', 'i64'], () => [1, 2]);
// @ts-expect-error: one result is returned as it is
hostFunction([], ['i32'], () => [1]);
// @ts-expect-error: an i32 is a number
hostFunction(['i32'], [], (a: bigint) => a);
// @ts-expect-error: it answers later
hostFunction([], ['i32'], async () => 5);
// @ts-expect-error: later, and with the wrong type
asyncHostFunction([], ['i32'], async () => 5n);
// @ts-expect-error: there is no such type
asyncHostFunction(['i33'], [], async () => {});

/** Where the signature is known at run time only, anything goes. */
export const any = (params: TypeName[], results: TypeName[]) => hostFunction(params, results, (...args) => args[0]);

interface Guest {
  add(a: number, b: number): number;
  memory: MemoryRef;
}

export function used(bytes: Uint8Array, signal: AbortSignal): void {
  const module = Module.from(bytes);
  for (const { module: from, name, kind, type } of module.imports) console.log(from, name, kind, type);
  for (const each of module.exports) if (each.kind === 'func') same<typeof each.type, FuncType>(true);
  const vm = new VM();
  const { exports } = vm.instantiate<Guest>(module);
  const sum: number = exports.add(1, 2);
  // @ts-expect-error: it takes numbers
  exports.add('1', 2);
  // @ts-expect-error: it is not exported
  exports.sub(sum, 1);
  same<typeof exports.add.type.params, FuncType['params']>(true);
  exports.memory.writeString(0, exports.memory.readString(16, { encoding: 'utf-16' }), { terminated: true });
  vm.start(exports.add, [1, 2]);
  const options: RunOptions = { fuel: 10, timeout: 5, signal };
  const outcome = vm.run(options);
  if (outcome.status === 'returned') same<typeof outcome.values, unknown[]>(true);
  const trap: string | undefined = vm.run().trap?.stack;
  // @ts-expect-error: a run that is asynchronous counts no steps
  void vm.runAsync({ steps: 1 });
  const plain = vm.instance().exports.add;
  if (typeof plain === 'function') plain(1, 2);
  else if (plain instanceof GlobalRef) plain.value = trap;
  same<ReturnType<typeof used>, void>(true);
  vm[Symbol.dispose]();
}

export function told(error: unknown): string | number | undefined {
  if (error instanceof LimitError) return error.limit satisfies string;
  if (error instanceof Trap) return error.frames[0]?.name;
  return error instanceof WasboxError ? error.code : undefined;
}
