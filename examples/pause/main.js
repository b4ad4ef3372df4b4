// A program that outlives its process. Each time this file is run, the guest gets a little fuel; then all of it, in the
// middle of whatever it was doing, goes to a file, and the process ends. The next process goes on from there.
//
//     node examples/pause/main.js        # again and again, until it is done

import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostFunction, Module, VM } from 'wasbox';

const file = 'primes.wbx';
const module = Module.from(await readFile(new URL('primes.wasm', import.meta.url)));

/** Host functions are not saved: whoever goes on gives them again, by the same names. */
const primes = /** @type {number[]} */ ([]);
const imports = { env: { found: hostFunction(['i32'], [], (prime) => primes.push(prime)) } };

function begin() {
  const vm = new VM();
  const instance = vm.instantiate(module, imports);
  vm.start(instance.func('primes'), [500]);
  return vm;
}

const vm = existsSync(file) ? VM.restore(await readFile(file), { modules: [module], imports }) : begin();
const outcome = vm.run({ fuel: 25_000 });

console.log(`process ${process.pid}: ${primes.join(' ')}`);
if (outcome.status === 'suspended') {
  const bytes = vm.save().encode();
  await writeFile(file, bytes);
  const stack = vm.frames().map(({ name, locals }) => `${name}(${locals.map((local) => local.value).join(', ')})`);
  console.log(`  stopped in ${stack.join(' < ')}; saved ${bytes.length} bytes`);
} else if (outcome.status === 'returned') {
  await rm(file, { force: true });
  console.log(`  done: ${outcome.values[0]} primes`);
} else throw outcome.trap;
