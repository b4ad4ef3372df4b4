// Rewritten modules in a cache: used again, and ignored where they are damaged.

import test from 'ava';
import { Module, useCodeCache, VM, WasboxError } from '../../src/index.ts';
import { bringAlong, keptOr, moduleFrom } from '../../src/rewrite/module/code-cache.ts';
import { codeName, rewriteBytes } from '../../src/rewrite/module/module.ts';
import { bytesOf, moduleOf } from '../wat.ts';
import { show } from './differential.ts';

const entries = new Map<string, Uint8Array>();
const seen: string[] = [];
const cache = {
  get: (key: string) => entries.get(key),
  set: (key: string, bytes: Uint8Array) => {
    seen.push(key);
    entries.set(key, bytes);
  },
};

/** Each mark is another module. */
const guest = (mark: number) => `(memory 1) (func $f (param i32) (result i32)
  (if (i32.eqz (local.get 0)) (then unreachable)) (call $f (i32.sub (local.get 0) (i32.const 1))))
  (func (export "run") (param i32) (result i32) (i32.add (i32.const ${mark}) (call $f (local.get 0))))`;

function outcome(module: Module, engine: 'native' | 'interpreter', sharedMemory = false): string {
  const vm = new VM({ engine, sharedMemory });
  vm.start(vm.instantiate(module).func('run'), [9]);
  return show(vm.run());
}

/** What another thread would have put there. */
function put(module: Module): [string, Uint8Array] {
  keptOr(module, false, () => rewriteBytes(module, false, codeName(module, false)));
  return [...entries].at(-1) as [string, Uint8Array];
}

test.before(() => useCodeCache(cache));
test.after.always(() => useCodeCache(undefined));

test.serial('what is rewritten is put there, by hash and kind of memory, once', async (t) => {
  const module = await moduleOf(guest(1));
  const expected = outcome(module, 'interpreter');
  t.regex(expected, /unreachable/);
  const before = seen.length;
  for (const shared of [false, false, true, true]) t.is(outcome(module, 'native', shared), expected);
  t.is(seen.length, before + 2);
  t.is(new Set(seen).size, seen.length);
});

test.serial('what is there is used, and damaged entries are made again', async (t) => {
  const damages: ((good: Uint8Array) => Uint8Array)[] = [0, 33, 400, -1].map((at) => (good) => {
    const bad = good.slice();
    const i = at < 0 ? bad.length - 1 : at;
    bad[i] = (bad[i] as number) ^ 4;
    return bad;
  });
  for (const length of [0, 31, 40, -1]) damages.push((good) => good.slice(0, length));
  for (const [i, damage] of [(good: Uint8Array) => good, ...damages].entries()) {
    const module = await moduleOf(guest(10 + i));
    const [key, good] = put(module);
    entries.set(key, damage(good));
    const before = seen.length;
    t.is(outcome(module, 'native'), outcome(module, 'interpreter'), `damage ${i}`);
    t.is(seen.length, before + (i === 0 ? 0 : 1));
    t.deepEqual(entries.get(key), good);
  }
});

test.serial('an entry of another module, or for other memories, is as good as none', async (t) => {
  const module = await moduleOf(guest(40));
  const others = [await moduleOf(guest(41)), await moduleOf(guest(42))];
  const [, entry] = put(module);
  for (const [i, other] of others.entries()) {
    const sharedMemory = i === 1;
    const key = put(other)[0].replace('plain', sharedMemory ? 'shared' : 'plain');
    entries.set(key, sharedMemory ? (entries.get(put(other)[0]) as Uint8Array) : entry);
    const before = seen.length;
    t.is(outcome(other, 'native', sharedMemory), outcome(other, 'interpreter'));
    t.is(seen.length, before + 1);
    t.is(seen.at(-1), key);
  }
});

test.serial('what came along with a module is used once, and put nowhere', async (t) => {
  for (const [mark, sharedMemory] of [
    [50, false],
    [51, true],
  ] as const) {
    const module = await moduleOf(guest(mark));
    let reads = 0;
    bringAlong(module, () => {
      reads++;
      return rewriteBytes(module, false, codeName(module, false));
    });
    const before = seen.length;
    for (let i = 0; i < 2; i++) t.is(outcome(module, 'native', sharedMemory), outcome(module, 'interpreter'));
    t.is(reads, sharedMemory ? 0 : 1);
    t.is(seen.length, before + (sharedMemory ? 1 : 0));
  }
});

/** Of a size that is worth it. */
const long = (mark: number): string =>
  `${guest(mark)} ${Array.from({ length: 500 }, (_, i) => `(func (result f64) (f64.const ${i}))`).join(' ')}`;
/** What it declares is read when somebody asks, and no body. */
const isKnown = (module: Module): boolean => Reflect.get(module, 'whole') === undefined;

test.serial('what was validated is known by its hash, and is the same module', async (t) => {
  const bytes = await bytesOf(long(60));
  const before = seen.length;
  t.false(isKnown(moduleFrom(bytes)));
  const whole = Module.from(bytes);
  t.deepEqual(seen.slice(before), [`${whole.hash}-1-valid`]);
  const known = moduleFrom(bytes);
  t.true(isKnown(known));
  t.is(known.hash, whole.hash);
  t.deepEqual(known.codes, whole.codes);
  t.deepEqual(known.context, { ...whole.context, syntax: known.syntax });
  for (const engine of ['interpreter', 'native'] as const)
    t.is(outcome(moduleFrom(bytes), engine), outcome(whole, engine));
  t.true(isKnown(moduleFrom(bytes, whole.hash)));
});

test.serial('nothing else is taken for valid', async (t) => {
  const [bytes, other] = [await bytesOf(long(61)), await bytesOf(long(62))];
  const [key, otherKey] = [bytes, other].map((each) => `${Module.from(each).hash}-1-valid`) as [string, string];
  moduleFrom(bytes);
  const good = entries.get(key) as Uint8Array;
  entries.set(otherKey, good);
  t.false(isKnown(moduleFrom(other)));
  for (const damaged of [good.slice(0, 31), good.slice(0, -1), good.with(40, 77), new Uint8Array(0)]) {
    entries.set(key, damaged);
    t.false(isKnown(moduleFrom(bytes)));
    t.deepEqual(entries.get(key), good);
  }
  const invalid = await bytesOf(long(63));
  invalid[invalid.lastIndexOf(0x44)] = 0x01;
  const before = seen.length;
  for (let i = 0; i < 2; i++) t.true(t.throws(() => moduleFrom(invalid)) instanceof WasboxError);
  const small = await bytesOf(guest(64));
  for (let i = 0; i < 2; i++) t.false(isKnown(moduleFrom(small)));
  useCodeCache(undefined);
  t.false(isKnown(moduleFrom(bytes)));
  useCodeCache(cache);
  t.is(seen.length, before);
});
