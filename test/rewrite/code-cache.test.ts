// Rewritten modules in a cache: used again, and ignored where they are damaged.

import test from 'ava';
import { type Module, useCodeCache, VM } from '../../src/index.ts';
import { bringAlong, keptOr } from '../../src/rewrite/module/code-cache.ts';
import { codeName, rewriteBytes } from '../../src/rewrite/module/module.ts';
import { moduleOf } from '../wat.ts';
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
