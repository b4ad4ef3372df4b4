// Kernels and real programs use the same fuel on both engines, in slices of any size, and on every host: the totals are
// written down here.

import test from 'ava';
import { type Job, type Program, packageFile } from '../../bench/demo/program.ts';
import { asSha256 } from '../../bench/demo/programs/as-sha256.ts';
import { gofmt } from '../../bench/demo/programs/gofmt.ts';
import { hashWasm } from '../../bench/demo/programs/hash-wasm.ts';
import { lodepng } from '../../bench/demo/programs/lodepng.ts';
import { secp256k1 } from '../../bench/demo/programs/secp256k1.ts';
import { assemble } from '../../bench/measure/work.ts';
import { closedWorld, runEsbuild } from '../../bench/ratios/esbuild.ts';
import { packageTasks } from '../../bench/ratios/packages.ts';
import type { Task } from '../../bench/ratios/task.ts';
import { type Imports, Module, type Value, VM } from '../../src/index.ts';
import { namespaceOf } from '../../src/js-api/namespace.ts';
import { Realm } from '../../src/js-api/realm.ts';
import { firstStep, runStep } from '../../src/pool/told/program.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { type EngineName, engineNamed } from '../../src/vm/engines.ts';
import { vmLimits } from '../../src/vm/options.ts';

const engines: readonly EngineName[] = ['interpreter', 'native'];

/** By kernel: its argument, and the fuel that it takes. */
const kernels: Readonly<Record<string, readonly [size: number, fuel: number]>> = {
  bintree: [6, 6_494],
  collatz: [300, 335_951],
  copy: [3, 737_358],
  fib: [15, 33_541],
  indirect: [5000, 112_097],
  matmul: [12, 60_988],
  mix: [5000, 205_001],
  nbody: [50, 297_575],
  sha: [5000, 401_035],
  sieve: [5000, 258_004],
  straight: [1, 148_634],
  switch: [5000, 110_016],
};

function usedBy(module: Module, size: number, engine: EngineName, slice: number): number {
  const vm = new VM({ engine });
  const instance = vm.instantiate(module);
  vm.start(instance.func('run'), [size]);
  while (vm.run({ fuel: slice }).status === 'suspended');
  const { fuelUsed } = vm;
  vm.dispose();
  return fuelUsed;
}

for (const [name, [size, fuel]] of Object.entries(kernels))
  test(`kernel: ${name}`, async (t) => {
    const module = Module.from(await assemble(name));
    for (const engine of engines)
      for (const slice of [Infinity, 10_007, 997])
        t.is(usedBy(module, size, engine, slice), fuel, `${engine}, slices of ${slice}`);
  });

/** By program of the demo: the fuel that its first job takes. */
const sliced: ReadonlyMap<Program, number> = new Map([
  [asSha256, 2_021_851],
  [gofmt, 2_145_901],
  [hashWasm, 1_775_291],
  [lodepng, 6_458_446],
  [secp256k1, 11_376_693],
]);

/** Runs a job as a thread of a pool would, but for the pool. */
async function workedOn({ steps }: Program, { module, input }: Job, engine: EngineName, slice: number): Promise<VM> {
  const program = (await import(steps.href)) as Record<string, unknown>;
  const { imports } = program as { imports?: Imports };
  const vm = new VM({ engine });
  // The demo's module is one of the built package.
  const guest = vm.instantiate(Module.from(module.bytes), imports);
  let [name, state, results]: [string, unknown, readonly Value[]] = [firstStep, input, []];
  for (;;) {
    const step = await runStep(program, name, guest, state, results);
    if ('done' in step) return vm;
    vm.start(guest.func(step.call), step.args ?? []);
    let outcome = vm.run({ fuel: slice });
    while (outcome.status === 'suspended') outcome = vm.run({ fuel: slice });
    if (outcome.status === 'trapped') throw outcome.trap;
    if (outcome.status === 'exited') throw new Error(outcome.status);
    [name, state, results] = [step.next, step.state, outcome.values];
  }
}

for (const [program, fuel] of sliced)
  test.serial(`in slices: ${program.name}`, async (t) => {
    for (const engine of engines)
      for (const slice of [Infinity, 1_000_003, 100_003]) {
        const vm = await workedOn(program, program.jobs[0] as Job, engine, slice);
        t.is(vm.fuelUsed, fuel, `${engine}, slices of ${slice}`);
        vm.dispose();
      }
  });

const scripted: Readonly<Record<string, number>> = {
  brotli: 472_775_969,
  zstd: 286_260_589,
  quickjs: 422_578_211,
  'sql.js': 319_890_066,
};

/** SQLite begins with the time, its script names the file by chance, and QuickJS's tells the guest its own name. */
test.before(() => {
  process.argv[1] = 'program';
  Date.now = () => 1.7e12;
  Math.random = () => 0.5;
});

/** Each slice begins in another engine than the one before. Scripts see nothing of that. */
function inTurns(fuel: number): Engine {
  const each = engines.map(engineNamed);
  let slices = 0;
  return {
    supports: (module) => each.every((engine) => engine.supports(module) === true) || 'it is for one engine only',
    run(store, floor, budget, host) {
      for (;;) {
        const stop = (each[slices++ % each.length] as Engine).run(store, floor, { ...budget, fuel }, host);
        if (stop !== 'fuel') return stop;
      }
    },
  };
}

/** What runs the programs that their packages' own scripts drive. */
const ways: Readonly<Record<string, () => Engine>> = {
  interpreted: () => engineNamed('interpreter'),
  native: () => engineNamed('native'),
  'in slices of both': () => inTurns(50_000_017),
};

const realmOf = (engine: Engine): Realm => new Realm(vmLimits({ memory: 2 ** 31, tables: 10_000_000 }), engine);

for (const [name, fuel] of Object.entries(scripted))
  test.serial(`by its scripts: ${name}`, async (t) => {
    const task = packageTasks.find((it) => it.name === name) as Task;
    const answers = new Set<unknown>();
    for (const [way, engine] of Object.entries(ways)) {
      const realm = realmOf(engine());
      const run = await task.prepare(namespaceOf(realm));
      answers.add(await run());
      t.is(realm.store.fuelUsed, fuel, way);
    }
    t.is(answers.size, 1);
  });

/** What Go does depends on the time, on chance and on the files that there are: it gets none of them. */
test.serial('by its scripts: esbuild', async (t) => {
  const args = ['--bundle', '--minify', '--format=esm', '--external:*'];
  const source = packageFile('commander', 'lib/command.js');
  const outputs = new Set<string>();
  for (const [way, engine] of Object.entries(ways)) {
    const realm = realmOf(engine());
    const wasm = namespaceOf(realm);
    const module = new wasm.Module(packageFile('esbuild-wasm', 'esbuild.wasm') as BufferSource);
    const { code, output } = await runEsbuild(wasm, module, args, closedWorld(source));
    const text = Buffer.from(output).toString();
    t.is(code, 0, text);
    t.is(realm.store.fuelUsed, 300_693_026, way);
    t.regex(text, /class \w+ extends/);
    outputs.add(text);
  }
  t.is(outputs.size, 1);
});
