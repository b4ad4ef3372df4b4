// What modules of hostile shapes cost, in what can be counted: code that is lowered and rewritten grows as the module
// does, or the module is left to the interpreter, and that is decided alike wherever it is asked. No test measures time.

import { Worker } from 'node:worker_threads';
import test from 'ava';
import { decode } from '../../src/binary/decode.ts';
import { hostFunction, LimitError, Module, UsageError, VM, type VmOptions } from '../../src/index.ts';
import { lower } from '../../src/interpret/lower/lower.ts';
import { type Form, ModuleCode } from '../../src/interpret/machine/code.ts';
import { rewriteBytes } from '../../src/rewrite/module/module.ts';
import { boundless, Growth, GrowthError, mostOf } from '../../src/rewrite/read/growth.ts';
import type { Env } from '../../src/rewrite/read/index-spaces.ts';
import { shapeOf } from '../../src/rewrite/read/shape-reader.ts';
import { supportOf } from '../../src/rewrite/read/support.ts';
import { rewriter } from '../../src/rewrite/run/rewriter.ts';
import { writeRest, writeWhole } from '../../src/rewrite/write/body.ts';
import { BodyWriter } from '../../src/rewrite/write/body-writer.ts';
import { withDeadline } from '../../src/spec/patience.ts';
import { flowOf } from '../../src/validate/flow.ts';
import { validate } from '../../src/validate/module.ts';
import { planOf } from '../../src/validate/safepoints.ts';
import { moduleOf as assembled } from '../wat.ts';
import { constant, funcType, moduleOf, noType, op, type Piece, times } from './assembly.ts';
import { type Shape, shapes } from './shapes.ts';

type EngineName = NonNullable<VmOptions['engine']>;

/** As growth.ts has them. */
const allowed = (bytes: number): number => 24 * bytes + 100_000;
const mostBytes = 4_000_000;

const importsOf = ({ imports }: Shape) =>
  imports === undefined ? {} : { env: { f: hostFunction([], [], () => undefined) } };
const ownFuncs = ({ context }: Module): number[] =>
  Array.from({ length: context.funcs.length - context.importedFuncs }, (_, i) => context.importedFuncs + i);

const nativeFuncs = (module: Module): number[] =>
  ownFuncs(module).filter((func) => supportOf(module).natives[func] === 1);

function loweredWords(module: Module, form: Form): number {
  const code = new ModuleCode(module);
  const start = code.length;
  for (const func of ownFuncs(module)) lower(code, func, form);
  const words = code.length - start;
  code.length = start;
  return words;
}

/** Numbers do not matter where only the size of code does. */
const anyEnv: Env = {
  func: () => 1,
  scratch: () => 1,
  helper: () => 1,
  note: () => 1,
  thunk: () => 1,
  global: () => 1,
  own: () => 1,
  table: () => 1,
  found: () => 1,
  asker: () => 1,
  owed: () => 1,
  type: () => 1,
  heap: () => 0,
  shape: () => 0,
  allocate: () => 0,
  guestType: () => 1,
};

for (const form of ['folded', 'plain'] as const)
  test(`lowered code grows as the module does: ${form}`, (t) => {
    for (const { name, make, unit } of shapes) {
      const [small, large] = [unit >> 3, unit >> 2].map((n) => Module.from(make(n))) as [Module, Module];
      const words = loweredWords(large, form);
      t.true(words <= 6 * large.bytes.length + 1000, `${name}: ${words} words of ${large.bytes.length} bytes`);
      const ratio = Math.max(2, large.bytes.length / small.bytes.length);
      const before = loweredWords(small, form);
      t.true(words <= 1.25 * ratio * before + 100, `${name}: ${before}, then ${words} words`);
    }
  });

test('rewritten code is no larger than the size of the module allows, or the module is refused', (t) => {
  let refused = 0;
  for (const { name, make, unit } of shapes) {
    const module = Module.from(make(unit));
    if (supportOf(module).lacks !== undefined) continue;
    const growth = new Growth(module.bytes.length);
    try {
      const { bytes } = rewriteBytes(module, false, 'a', growth);
      t.true(growth.used <= allowed(module.bytes.length), name);
      t.true(bytes.length <= allowed(module.bytes.length), `${name}: ${bytes.length} bytes`);
      t.true(WebAssembly.validate(bytes), name);
    } catch (error) {
      if (!(error instanceof GrowthError)) throw error;
      refused++;
    }
  }
  t.true(refused >= 15, `${refused} were refused`);
});

test('what rewriting keeps of safe points and blocks is in proportion, even of what is refused', (t) => {
  for (const { name, make, unit } of shapes) {
    const module = Module.from(make(unit));
    if (supportOf(module).lacks !== undefined) continue;
    const growth = new Growth(module.bytes.length);
    let values = 0;
    try {
      for (const func of nativeFuncs(module)) {
        const { locals, points, blocks } = shapeOf(module.context, func, growth);
        values += locals.length;
        for (const { own } of points) values += own.length;
        for (const { below } of blocks) values += below.length;
      }
    } catch (error) {
      if (!(error instanceof GrowthError)) throw error;
    }
    t.true(values <= allowed(module.bytes.length), `${name}: ${values}`);
  }
});

test('a continuation has the bounds of the function that it goes on in', (t) => {
  for (const { name, make, unit } of shapes) {
    const module = Module.from(make(Math.ceil(unit / 16)));
    if (supportOf(module).lacks !== undefined || rewriter.supports(module) !== true) continue;
    for (const func of nativeFuncs(module).slice(0, 3)) {
      const shape = shapeOf(module.context, func, boundless);
      const count = shape.points.length;
      for (const i of new Set([1, count >> 2, count >> 1, count - 1])) {
        const point = i === 0 ? undefined : shape.points[i];
        if (point === undefined) continue;
        const { bytes } = writeRest(new BodyWriter(module.context, shape, anyEnv, true, boundless), point);
        const most = Math.min(mostBytes, allowed(module.bytes.length));
        t.true(bytes.length <= most, `${name}, pc ${point.pc}: ${bytes.length} bytes`);
      }
    }
  }
});

/** Notes how large the rest of a function is thought to be at most. */
class Watch extends Growth {
  estimate = 0;
  override body(bytes: number): void {
    this.estimate = bytes;
  }
}

const inLoops = (inside: Piece): Piece =>
  times(6, () => [constant(1), op.loop, noType, op.block, noType, op.try, noType, inside]).concat(
    times(6, () => [op.catchAll, op.loop, noType, inside, op.end, op.end, op.end, op.end, op.drop]),
  );

test('how large the rest of a function may be is known when the function is written', (t) => {
  const loops = moduleOf({ types: [funcType([], [])], funcs: [{ type: 0, code: inLoops([op.call, 0]) }] });
  const small = shapes.map(({ name, make, unit }) => [name, make(Math.ceil(unit / 100))] as const);
  for (const [name, bytes] of [...small, ['loops in blocks and clauses', loops] as const]) {
    const module = Module.from(bytes);
    if (supportOf(module).lacks !== undefined) continue;
    for (const func of nativeFuncs(module).slice(0, 2)) {
      const growth = new Watch(bytes.length);
      const shape = shapeOf(module.context, func, growth);
      writeWhole(new BodyWriter(module.context, shape, anyEnv, false, growth));
      const fetched = 12 * (shape.locals.length + shape.slots) + 100;
      for (const point of shape.points.slice(1)) {
        const rest = writeRest(new BodyWriter(module.context, shape, anyEnv, true, boundless), point);
        const size = rest.bytes.length;
        t.true(size <= 1.2 * growth.estimate + fetched, `${name}, pc ${point.pc}: ${size} of ${growth.estimate} bytes`);
      }
    }
  }
});

test('what is kept of live locals is in proportion to the code', (t) => {
  for (const { name, make, unit } of shapes) {
    const { context } = Module.from(make(unit));
    for (const func of ownFuncs({ context } as Module).slice(0, 100)) {
      const sets = new Set(planOf(context, func).points.map(({ live }) => live));
      const words = [...sets].reduce((sum, { length }) => sum + length, 0);
      const { events, locals } = flowOf(context, func);
      t.true(words <= 32 * events.length + 65_536 + locals, `${name}: ${words} words`);
    }
  }
});

/** Runs in slices of some fuel, each restored from bytes into the next of the engines. */
function hop(shape: Shape, module: Module, engines: readonly EngineName[], fuel: number) {
  const imports = importsOf(shape);
  let vm = new VM({ engine: engines[0] as EngineName });
  vm.start(vm.instantiate(module, imports).func('run'), []);
  for (let i = 1; i < 1000; i++) {
    const { status } = vm.run({ fuel });
    if (status !== 'suspended') return { status, fuel: vm.fuelUsed };
    const bytes = vm.save().encode();
    vm.dispose();
    vm = VM.restore(bytes, { modules: [module], imports, engine: engines[i % engines.length] as EngineName });
  }
  return { status: 'still running', fuel: vm.fuelUsed };
}

function show(act: () => object): unknown {
  try {
    return act();
  } catch (error) {
    return (error as Error).message.replace(/^.*unreachable.*$/, 'unreachable');
  }
}

for (const { name } of shapes)
  test(`all engines do the same: ${name}`, (t) => {
    const shape = shapes.find((it) => it.name === name) as Shape;
    const module = Module.from(shape.make(Math.max(4, Math.ceil(shape.unit / 100))));
    const want = show(() => hop(shape, module, ['interpreter'], 1_000_000));
    t.deepEqual(
      show(() => hop(shape, module, ['auto'], 1_000_000)),
      want,
    );
    if (rewriter.supports(module) !== true) return;
    t.deepEqual(
      show(() => hop(shape, module, ['native'], 1_000_000)),
      want,
    );
    t.deepEqual(
      show(() => hop(shape, module, ['native', 'interpreter', 'native'], 40)),
      show(() => hop(shape, module, ['interpreter'], 40)),
    );
  });

const nestedLoops = shapes.find(({ name }) => name.startsWith('loops in loops, an operand')) as Shape;
const tooLarge = /^the rewritten code would/;

test('a module is refused for the same reason by every thread, for every memory, and again', async (t) => {
  const bytes = nestedLoops.make(nestedLoops.unit);
  const reason = rewriter.supports(Module.from(bytes));
  t.regex(String(reason), tooLarge);
  t.is(rewriter.supports(Module.from(bytes)), reason);
  t.is(rewriter.supports(Module.from(bytes), true), reason);
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     import(${url('../tsx.mjs')})
       .then(() => Promise.all([import(${url('../../src/rewrite/run/rewriter.ts')}), import(${url('../../src/index.ts')})]))
       .then(([{ rewriter }, { Module }]) => parentPort.postMessage(rewriter.supports(Module.from(workerData))));`,
    { eval: true, workerData: bytes },
  );
  t.is(await new Promise((resolve) => worker.once('message', resolve)), reason);
  await worker.terminate();
});

test('what is refused is interpreted by default, also where it is restored; native says why it is not', (t) => {
  const module = Module.from(nestedLoops.make(nestedLoops.unit));
  const refused = { instanceOf: UsageError, message: /^the engine cannot run the module: the rewritten code would/ };
  t.throws(() => new VM({ engine: 'native' }).instantiate(module), refused);
  const vm = new VM();
  vm.start(vm.instantiate(module).func('run'), []);
  t.is(vm.run({ fuel: 10 }).status, 'suspended');
  const bytes = vm.save().encode();
  t.throws(() => VM.restore(bytes, { modules: [module], engine: 'native' }), refused);
  t.is(VM.restore(bytes, { modules: [module] }).run({ fuel: 10_000_000 }).status, 'returned');
});

test('a module of more types than the host can compare in time is interpreted', async (t) => {
  const withTypes = (count: number) =>
    assembled(
      Array.from({ length: count }, (_, i) => {
        const params = Array.from({ length: 12 }, (_, bit) => ((i >> bit) & 1 ? 'i64' : 'i32')).join(' ');
        return `(func (param ${params}))`;
      }).join(' '),
    );
  t.is(
    rewriter.supports(await withTypes(mostOf.types)),
    `the rewritten code would have more than ${mostOf.types} types`,
  );
  t.true(rewriter.supports(await withTypes(mostOf.types >> 1)));
});

test('a deadline ends decoding, validating, lowering, rewriting and linking, and nothing of that is remembered', (t) => {
  const line = shapes.find(({ name }) => name === 'one straight line') as Shape;
  const bytes = line.make(line.unit);
  const late = <T>(act: () => T): T => withDeadline(performance.now() - 1, act);
  const ended = (during: string) => ({
    instanceOf: LimitError,
    message: `time: the deadline has passed while ${during}`,
  });
  t.throws(() => late(() => decode(bytes)), ended('decoding'));
  const syntax = decode(bytes);
  t.throws(() => late(() => validate(syntax)), ended('validating'));
  const module = Module.from(bytes);
  t.throws(() => late(() => lower(new ModuleCode(module), 0, 'plain')), { instanceOf: LimitError, message: /^time: / });
  t.throws(() => late(() => rewriter.supports(module)), { instanceOf: LimitError, message: /^time: / });
  t.true(rewriter.supports(module));
  const data = shapes.find(({ name }) => name === 'data segments') as Shape;
  const segments = Module.from(data.make(data.unit));
  t.throws(() => late(() => new VM().instantiate(segments)), ended('linking'));
  for (const engine of ['interpreter', 'native'] as const) {
    const vm = new VM({ engine });
    t.is(vm.invoke(vm.instantiate(module).func('run'), []).length, 0);
  }
});
