// A program that goes on in more than one way. The guest asks the host to choose a column for a queen; the host answers
// with all of them: it saves the VM once where it waits, and restores a twin for each answer. What the guest never
// wrote, searching and backtracking, comes of forking.
//
//     node examples/fork/main.js [SIZE]

import { readFile } from 'node:fs/promises';
import { asyncHostFunction, Module, VM } from 'wasbox';

const size = Number(process.argv[2] ?? 6);
const module = Module.from(await readFile(new URL('queens.wasm', import.meta.url)));

/** An async host function suspends the guest. Its body is never called here: the answers are delivered below. */
const choose = asyncHostFunction(['i32'], ['i32'], () => {
  throw new Error('each twin has its answer delivered');
});
const imports = { env: { choose } };
const options = { modules: [module], imports };

const first = new VM();
const instance = first.instantiate(module, imports);
first.start(instance.func('queens'), [size]);

const open = [first];
const boards = /** @type {bigint[]} */ ([]);
let made = 1;
for (let vm = open.pop(); vm !== undefined; vm = open.pop()) {
  const outcome = vm.run();
  if (outcome.status === 'trapped') throw outcome.trap;
  if (outcome.status === 'returned') {
    const [board] = outcome.values;
    if (typeof board === 'bigint' && board !== -1n) boards.push(board);
  } else if (outcome.reason?.kind === 'host') {
    const snapshot = vm.save();
    for (let column = size - 1; column >= 0; column--) {
      const twin = VM.restore(snapshot, options);
      twin.deliver(outcome.reason.id, [column]);
      open.push(twin);
      made++;
    }
  }
  vm.dispose();
}

const columnOf = (/** @type {bigint} */ board, /** @type {number} */ row) => Number((board >> BigInt(4 * row)) & 15n);
const rows = Array.from({ length: size }, (_, row) => row);
for (const row of rows)
  console.log(boards.map((board) => rows.map((c) => (c === columnOf(board, row) ? 'Q' : '.')).join(' ')).join('    '));
console.log(`${boards.length} solutions, ${made} VMs`);
