// A debugger that goes back. The guest runs with a checkpoint every so often; when it traps, the last checkpoint is
// restored and gone on with instruction by instruction, as often as you like, each time to the same trap.
//
//     node examples/rewind/main.js

import { readFile } from 'node:fs/promises';
import { Module, VM } from 'wasbox';

const module = Module.from(await readFile(new URL('average.wasm', import.meta.url)));
const vm = new VM();
vm.start(vm.instantiate(module).func('shrink'), [50]);

let checkpoint = vm.save();
let taken = 1;
let outcome = vm.run({ fuel: 1000 });
for (; outcome.status === 'suspended'; outcome = vm.run({ fuel: 1000 })) {
  checkpoint = vm.save();
  taken++;
}
if (outcome.status !== 'trapped') throw new Error('it should have trapped');
console.log(`trapped after ${vm.fuelUsed} units of fuel: ${outcome.trap.message}`);
for (const { name, offset } of outcome.trap.frames) console.log(`  in ${name} at 0x${offset.toString(16)}`);

const past = VM.restore(checkpoint, { modules: [module] });
console.log(`back to checkpoint ${taken}, at ${past.fuelUsed} units`);
/** The innermost frame, as it was before each instruction. */
const seen = [];
do {
  const [frame] = past.frames();
  if (frame !== undefined) seen.push(frame);
  outcome = past.run({ steps: 1 });
} while (outcome.status === 'suspended');
console.log(`${seen.length} instructions later, the last of them:`);
for (const { name, offset, locals, operands } of seen.slice(-4)) {
  const named = locals.map((local) => `${local.name} ${local.value}`).join(', ');
  console.log(
    `  ${name} at 0x${offset.toString(16)}: ${named}; operands ${operands.map(({ value }) => value).join(' ')}`,
  );
}
