// Jobs with hostile modules and snapshots and a deadline, each beside a tenant on the same threads: when they end, and how
// long the tenant waits for its jobs meanwhile.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { hostFunction, Module, VM } from 'wasbox';
import { Pool } from 'wasbox/pool';
import { hostileModules } from '../test/pool/hostile.ts';
import { figure } from './measure/measure.ts';
import { cell, type Section } from './measure/table.ts';

const deadline = 200;
const rounds = 3;

const assemble = async (text: string): Promise<Uint8Array> => new Uint8Array(await parse(`(module ${text})`));

interface Attack {
  readonly module: Uint8Array;
  /** Resumed, and not started. */
  readonly snapshot?: Uint8Array;
}

/** A VM that has run for a while in `f`. */
async function saved(text: string, fuel: number, before?: (vm: VM) => void): Promise<Attack> {
  const module = await assemble(text);
  const vm = new VM();
  const instance = vm.instantiate(Module.from(module), { h: { f: hostFunction([], [], () => {}) } });
  before?.(vm);
  vm.start(instance.func('f'));
  vm.run({ fuel });
  const snapshot = vm.save().encode();
  vm.dispose();
  return { module, snapshot };
}

const spin = '(loop $spin (br $spin))';

const snapshots: Readonly<Record<string, () => Promise<Attack>>> = {
  '64 MiB of memory, each page another': () =>
    saved(`(memory (export "m") 1024) (func (export "f") ${spin})`, 1000, (vm) => {
      const { bytes } = vm.instance().memory('m');
      for (let i = 0; i < bytes.length; i += 8) bytes[i] = i % 251;
    }),
  '100,000 frames': () =>
    saved(
      `(func $deep (param i32) (result i32)
        (if (result i32) (local.get 0) (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1))) (else ${spin} (i32.const 0))))
       (func (export "f") (drop (call $deep (i32.const 100000))))`,
      3_000_000,
    ),
  'a million objects': () =>
    saved(
      `(type $list (struct (field (ref null $list)))) (global $g (mut (ref null $list)) (ref.null $list))
       (func (export "f") (local $n i32)
         (loop $l (global.set $g (struct.new $list (global.get $g))) (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000000))))
         ${spin})`,
      30_000_000,
    ),
  'a table of ten million': () => saved(`(table 10000000 funcref) (func (export "f") ${spin})`, 1000),
  'a memory that is filled again and again': () =>
    saved(
      `(memory 4096) (func (export "f") (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x0fffffff)) (br $l)))`,
      20_000,
    ),
};

export async function deadlines(): Promise<Section> {
  const tenant = Module.from(
    await assemble('(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))'),
  );
  const attacks: [string, Attack][] = Object.entries(hostileModules).map(([name, make]) => [name, { module: make() }]);
  for (const [name, make] of Object.entries(snapshots)) attacks.push([`snapshot: ${name}`, await make()]);
  const rows: string[][] = [];
  for (const [name, attack] of attacks) {
    const after: number[] = [];
    const waits: number[] = [];
    const ends = new Set<string>();
    for (let i = 0; i < rounds; i++) {
      const pool = new Pool({ threads: 2 });
      const add = () => pool.submit({ module: tenant, export: 'add', args: [1, 1] }).result;
      await Promise.all([add(), add(), add(), add()]);
      const { module, snapshot } = attack;
      const job =
        snapshot === undefined
          ? pool.submit({ module, export: 'f', deadline })
          : pool.resume(snapshot, { modules: [module], deadline });
      const begun = performance.now();
      let over = false;
      const end = job.result.then(
        () => ends.add('returned'),
        (error: Error) => ends.add(error.name),
      );
      void end.then(() => {
        after.push(performance.now() - begun - deadline);
        over = true;
      });
      while (!over) {
        const asked = performance.now();
        await add();
        waits.push(performance.now() - asked);
      }
      await end;
      await pool.terminate();
    }
    const served = figure(waits);
    rows.push([name, cell(figure(after)), [...ends].join(', '), `${(waits.length / rounds).toFixed(0)}`, cell(served)]);
  }
  return {
    title: 'Deadlines',
    text: `Jobs with a deadline of ${deadline} ms on two threads, ${rounds} times each in a fresh pool that has run other jobs: milliseconds from the deadline to the job's end, its error, and a tenant beside it that has small jobs one after the other: how many were done meanwhile, and how long they took. Median (least to most).`,
    head: ['attack', 'ended after the deadline, ms', 'by', "tenant's jobs", 'each, ms'],
    rows,
  };
}
