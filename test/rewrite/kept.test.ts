// Rewritten modules in a cache: used again, and ignored where they are damaged.

import test from 'ava';
import { Module, useCodeCache, VM } from '../../src/index.ts';
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

function outcome(bytes: Uint8Array, engine: 'native' | 'interpreter', sharedMemory = false): string {
  const vm = new VM({ engine, sharedMemory });
  vm.start(vm.instantiate(Module.from(bytes)).func('run'), [9]);
  return show(vm.run());
}

test.serial(
  'what was rewritten is taken from the cache, by hash and kind of memory; damaged entries are made again',
  async (t) => {
    const { bytes } = await moduleOf(`(memory 1) (func $f (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable)) (call $f (i32.sub (local.get 0) (i32.const 1))))
    (func (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0))))`);
    const expected = outcome(bytes, 'interpreter');
    t.regex(expected, /unreachable/);
    useCodeCache(cache);
    try {
      t.is(outcome(bytes, 'native'), expected);
      t.is(seen.length, 1);
      t.is(outcome(bytes, 'native'), expected);
      t.is(seen.length, 1);
      t.is(outcome(bytes, 'native', true), expected);
      t.is(new Set(seen).size, 2);
      const [key, good] = [...entries][0] as [string, Uint8Array];
      for (const at of [0, 33, good.length >> 1, good.length - 1]) {
        const bad = good.slice();
        bad[at] = (bad[at] as number) ^ 4;
        entries.set(key, bad);
        const before = seen.length;
        t.is(outcome(bytes, 'native'), expected, `byte ${at}`);
        t.is(seen.length, before + 1);
      }
      for (const length of [0, 31, 40, good.length - 1]) {
        entries.set(key, good.slice(0, length));
        t.is(outcome(bytes, 'native'), expected, `${length} bytes`);
        t.is(entries.get(key)?.length, good.length);
      }
    } finally {
      useCodeCache(undefined);
    }
  },
);
