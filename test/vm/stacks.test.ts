// What errors tell those who read or print them: the guest's frames and their own caller, and none of our functions.

import { inspect } from 'node:util';
import test from 'ava';
import {
  asyncHostFunction,
  ExhaustionError,
  HostError,
  hostFunction,
  LimitError,
  LinkError,
  MalformedError,
  Module,
  Snapshot,
  SnapshotError,
  Trap,
  UsageError,
  VM,
  type VmOptions,
  WasboxError,
} from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const guest = await moduleOf(`
  (import "env" "throws" (func $throws (param i32) (result i32)))
  (import "env" "later" (func $later (result i32)))
  (func $divide (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func $outer (export "outer") (param i32) (result i32) (call $divide (local.get 0)))
  (func $ask (export "ask") (param i32) (result i32) (call $throws (local.get 0)))
  (func $wait (export "wait") (result i32) (call $later))
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func $spin (export "spin") (loop $l (br $l)))`);
const starting = await moduleOf('(func $begin (unreachable)) (start $begin)');
const broken = new Error('broken');

const fail = (error: unknown): never => {
  throw error;
};

function made(engine: VmOptions['engine'], limits = {}, breaks = () => fail(broken)) {
  const vm = new VM({ engine, limits });
  const throws = hostFunction(['i32'], ['i32'], function asked(what, context) {
    if (what === 0) breaks();
    context.call(what === 1 ? 'outer' : 'spin', ...(what === 1 ? [0] : []));
    return 0;
  });
  const later = asyncHostFunction([], ['i32'], async () => {
    throw broken;
  });
  return {
    vm,
    instance: vm.instantiate<{ outer(n: unknown): number; ask(n: number): number }>(guest, { env: { throws, later } }),
  };
}

function thrownBy(act: () => unknown): WasboxError {
  try {
    act();
  } catch (error) {
    if (error instanceof WasboxError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The functions of a stack, and for a line with none the file. */
const functionsOf = (error: Error): string[] =>
  String(error.stack)
    .split('\n')
    .slice(1)
    .map((line) => /^ {4}at (?:async )?([^ (]+)/.exec(line)?.[1] ?? line.trim());

const ours = new URL('../../src/', import.meta.url).pathname;
const ofOurs = (text: string | undefined) => text?.includes(ours) || text?.includes('(node:');

type Act = (how: ReturnType<typeof made>) => WasboxError | Promise<WasboxError>;
const caller = (act: () => unknown) => {
  const called = () => act();
  return thrownBy(called);
};
const guests: readonly (readonly [what: string, frames: readonly string[], act: Act])[] = [
  ['invoke', ['divide', 'outer'], ({ vm, instance }) => caller(() => vm.invoke(instance.func('outer'), [0]))],
  ['an exported function', ['divide', 'outer'], ({ instance }) => caller(() => instance.exports.outer(0))],
  [
    'run',
    ['divide', 'outer'],
    ({ vm, instance }) =>
      caller(() => {
        vm.start(instance.func('outer'), [0]);
        throw vm.run().trap;
      }),
  ],
  [
    'runAsync',
    ['wait'],
    async ({ vm, instance }) => {
      vm.start(instance.func('wait'));
      const awaited = async () => (await vm.runAsync()).trap as HostError;
      return awaited();
    },
  ],
  ['a host function', ['ask'], ({ vm, instance }) => caller(() => vm.invoke(instance.func('ask'), [0]))],
];

for (const engine of ['interpreter', 'native', 'auto'] as const) {
  for (const [what, frames, act] of guests)
    test(`a stack begins with the guest's frames, then comes who called: ${what} (${engine})`, async (t) => {
      const error = await act(made(engine));
      t.deepEqual(functionsOf(error).slice(0, frames.length), frames);
      t.regex(String(error.stack).split('\n')[1 + frames.length] as string, /stacks\.test\.ts/);
      t.false(ofOurs(error.stack));
      t.regex(error.stack as string, new RegExp(`^${error.name}: `));
    });

  test(`a call from inside a host function shows that as its caller (${engine})`, (t) => {
    const { vm, instance } = made(engine);
    const error = thrownBy(() => vm.invoke(instance.func('ask'), [1]));
    t.deepEqual(functionsOf(error)[0], 'ask');
    const { cause } = error;
    if (!(cause instanceof Trap)) return t.fail();
    t.deepEqual(functionsOf(cause).slice(0, 2), ['divide', 'outer']);
    t.regex(String(cause.stack).split('\n')[3] as string, /asked/);
    t.is(functionsOf(cause).length, 3);
  });

  test(`a limit that a guest meets tells the guest's frames (${engine})`, (t) => {
    const { vm, instance } = made(engine, { innerFuel: 1000 });
    const { cause } = thrownBy(() => vm.invoke(instance.func('ask'), [2]));
    if (!(cause instanceof LimitError)) return t.fail(String(cause));
    t.like(cause, { limit: 'innerFuel', value: 1000 });
    t.deepEqual(
      cause.frames.map(({ name }) => name),
      ['spin'],
    );
    t.is(functionsOf(cause)[0], 'spin');
  });

  test(`deep recursion is told in some lines (${engine})`, (t) => {
    const { vm, instance } = made(engine, { frames: 1000 });
    const error = thrownBy(() => vm.invoke(instance.func('deep')));
    t.true(error instanceof ExhaustionError);
    t.like(error, { limit: 'frames', value: 1000, omitted: 1000 - 64 });
    const lines = functionsOf(error);
    t.deepEqual(lines.slice(0, 9), [...Array(8).fill('deep'), '... 992 more frames of the guest']);
    t.true(inspect(error, { customInspect: false }).split('\n').length < 20);
  });

  test(`what host functions threw is printed without what is ours (${engine})`, (t) => {
    const { vm, instance } = made(engine);
    const error = thrownBy(() => vm.invoke(instance.func('ask'), [0]));
    t.is(error.cause, broken);
    const own = new TypeError('of a host function');
    const other = thrownBy(() => made(engine, {}, () => fail(own)).instance.exports.ask(0));
    t.is(other.cause, own);
    for (const printed of [error, other].map((each) => inspect(each, { customInspect: false }))) {
      t.notRegex(printed, /callBody|Port\./);
      t.regex(printed, /\[cause\]: /);
      t.true(printed.split('\n').length < 25, printed);
    }
    t.regex(own.stack as string, /^TypeError: of a host function\n +at /);
    const frozen = Object.freeze(new Error('as it is'));
    t.is(thrownBy(() => made(engine, {}, () => fail(frozen)).instance.exports.ask(0)).cause, frozen);
  });
}

/** Errors of each kind, as a caller meets them. */
const kinds: readonly (readonly [abstract new (...args: never[]) => WasboxError, () => unknown])[] = [
  [MalformedError, () => Module.from(Uint8Array.of(0))],
  [SnapshotError, () => VM.restore(new Uint8Array(9), { modules: [] })],
  [SnapshotError, () => Snapshot.decode(new Uint8Array(9))],
  [LinkError, () => new VM().instantiate(guest)],
  [UsageError, () => made('auto').vm.start(5 as never)],
  [UsageError, () => made('auto').vm.run({ fuel: -1 })],
  [UsageError, () => made('auto').instance.exports.outer('text')],
  [LimitError, () => new VM({ limits: { instances: 0 } }).instantiate(starting)],
  [Trap, () => new VM().instantiate(starting)],
];

for (const [type, act] of kinds)
  test(`an error is printed in some ten lines, and is its own JSON: ${type.name}, ${act}`, (t) => {
    const error = thrownBy(act);
    t.true(error instanceof type);
    const printed = [inspect(error), inspect(error, { customInspect: false })];
    for (const text of printed) t.true(text.split('\n').length < 18, text);
    const { name, code, message } = error;
    t.like(JSON.parse(JSON.stringify(error)), { name, code, message });
    for (const [key, value] of Object.entries(error)) t.deepEqual(JSON.parse(JSON.stringify(error))[key], value);
  });

test('JSON has the frames and what the cause is, and no stack', (t) => {
  const { vm, instance } = made('interpreter');
  const told = JSON.parse(JSON.stringify({ error: thrownBy(() => vm.invoke(instance.func('ask'), [0])) }));
  t.is(told.error.cause, 'Error: broken');
  t.is(told.error.frames[0].name, 'ask');
  t.false('stack' in told.error);
  const circle: { self?: unknown; big: bigint } = { big: 5n };
  circle.self = circle;
  t.is(typeof JSON.stringify(new HostError('odd', { cause: circle })), 'string');
});

test('names of guests do not break lines nor steer a terminal', async (t) => {
  const odd = await moduleOf('(func $f (export "a\\0a\\1b[31mb") (unreachable))');
  const names = { ...odd.syntax.names, funcs: new Map([[0, 'a\n\u001b[31mb']]) };
  Object.assign(odd.syntax, { names });
  const vm = new VM();
  const error = thrownBy(() => vm.invoke(vm.instantiate(odd).func('a\n\u001b[31mb')));
  t.is(
    String(error.stack).split('\n')[1],
    `    at a\\u{a}\\u{1b}[31mb (wasm-function[0]:0x${(error as Trap).frames[0]?.offset.toString(16)})`,
  );
});

test('a host that does not tell where a stack begins shows all of it, below the guest', (t) => {
  const { captureStackTrace } = Error;
  let error: WasboxError;
  try {
    Reflect.deleteProperty(Error, 'captureStackTrace');
    const { vm, instance } = made('interpreter');
    error = thrownBy(() => vm.invoke(instance.func('outer'), [0]));
  } finally {
    Error.captureStackTrace = captureStackTrace;
  }
  t.deepEqual(functionsOf(error).slice(0, 2), ['divide', 'outer']);
  t.true(ofOurs(error.stack));
  t.is((error as Trap).frames.length, 2);
});
