// Module.compile: the same modules and failures as Module.from, on a thread of its own and in pieces; limits, AbortSignals, and
// threads that die or cannot begin.

import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { encode } from '../../src/binary/encode.ts';
import {
  hostFunction,
  LimitError,
  Module,
  Snapshot,
  UsageError,
  VM,
  WasboxError,
  WorkerError,
} from '../../src/index.ts';
import { aside, threadCount } from '../../src/runtime/module/aside.ts';
import { lodepng } from '../binary/modules.ts';
import { assembleText } from '../spec/script/assemble.ts';

const text = (functions: number): string => `(module
  (import "env" "log" (func (param i32)))
  (memory (export "memory") 1) (global (export "g") (mut i64) (i64.const 7)) (table (export "t") 3 funcref)
  (data (i32.const 8) "kept in the module") (elem (i32.const 1) func $fib)
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  ${Array.from({ length: functions }, (_, i) => `(func (result f64) (f64.const ${i}))`).join('\n')})`;

const small = await assembleText(text(1));
const large = await assembleText(text(4000));
/** Takes a thread some tenths of a second: lodepng's functions again and again. */
const long = encodeCopies(60);

function encodeCopies(count: number): Uint8Array {
  const { syntax } = Module.from(lodepng.bytes);
  return encode({ ...syntax, funcs: Array.from({ length: count }, () => syntax.funcs).flat(), customs: [] });
}

async function untilNoThreads(): Promise<void> {
  for (let i = 0; threadCount() > 0; i++) {
    if (i > 3000) throw new Error(`${threadCount()} threads do not end`);
    await sleep(10);
  }
}

/** All threads of the test begin with these options of Node's. */
async function withOptions(t: ExecutionContext, options: object): Promise<void> {
  const { idleMs } = aside;
  aside.idleMs = 0;
  await Module.compile(large);
  await untilNoThreads();
  aside.options = options;
  t.teardown(() => {
    aside.options = {};
    aside.idleMs = idleMs;
  });
}

const ways = {
  'on a thread': async () => {},
  'in pieces': (t: ExecutionContext) => withOptions(t, { execArgv: ['--import=data:text/javascript,throw 1'] }),
};

const failureIn = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

function failureOf(bytes: Uint8Array): unknown {
  try {
    Module.from(bytes);
    return undefined;
  } catch (error) {
    return error;
  }
}

const imports = { env: { log: hostFunction(['i32'], [], () => {}) } };

/** What a call comes to that is saved and goes on on the other engine again and again, and how often it was. */
function hopped(module: Module): unknown[] {
  let vm = new VM({ engine: 'interpreter' });
  vm.start(vm.instantiate(module, imports).func('fib'), [15]);
  for (let hops = 0; ; hops++) {
    const outcome = vm.run({ fuel: 2000 });
    if (outcome.status === 'returned') return [...outcome.values, hops];
    if (outcome.status !== 'suspended') throw new Error(outcome.status);
    const saved = vm.save().encode();
    vm.dispose();
    const engine = hops % 2 === 0 ? 'native' : 'interpreter';
    vm = VM.restore(Snapshot.decode(saved), { modules: [module], imports, engine });
  }
}

for (const [way, prepare] of Object.entries(ways)) {
  test.serial(`the same module as Module.from makes, ${way}`, async (t) => {
    await prepare(t);
    for (const bytes of [small, large]) {
      const module = await Module.compile(bytes);
      const other = Module.from(bytes);
      t.is(module.hash, other.hash);
      t.deepEqual([...module.bytes], [...bytes]);
      t.deepEqual([module.imports, module.exports], [other.imports, other.exports]);
      t.deepEqual(module.importList, other.importList);
      t.deepEqual(module.codes, other.codes);
      t.deepEqual(module.context, { ...other.context, syntax: module.syntax });
      t.is(module.funcName(1), 'fib');
      const end = hopped(module);
      t.deepEqual(end, hopped(other));
      t.is(end[0], 610);
      t.true((end[1] as number) > 3);
    }
  });

  test.serial(`the same failures as Module.from has, ${way}`, async (t) => {
    await prepare(t);
    const { bytes } = lodepng;
    const kinds = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const damaged = i < 50 ? bytes.slice() : bytes.slice(0, 40_000 + i);
      if (i < 50) {
        const at = Math.floor(((i + 0.5) * damaged.length) / 50);
        damaged[at] = (damaged[at] as number) ^ (1 << (i % 8));
      }
      const expected = failureOf(damaged);
      const error = await failureIn(Module.compile(damaged));
      t.is(error?.constructor, expected?.constructor);
      if (!(error instanceof WasboxError) || !(expected instanceof WasboxError)) continue;
      t.is(error.message, expected.message);
      t.deepEqual(error.toJSON(), expected.toJSON());
      t.regex(error.stack ?? '', new RegExp(`^${error.name}: .*\n.*compile.test`));
      t.notRegex(error.stack ?? '', /src.runtime/);
      kinds.add(error.name);
    }
    t.deepEqual([...kinds].sort(), ['InvalidError', 'MalformedError']);
  });

  test.serial(`limits of size and time, ${way}`, async (t) => {
    await prepare(t);
    await t.throwsAsync(Module.compile(large, { size: large.length - 1 }), {
      instanceOf: LimitError,
      message: `size: the module has ${large.length} bytes, and may have ${large.length - 1}`,
    });
    await t.notThrowsAsync(Module.compile(large, { size: large.length, timeout: 120_000 }));
    for (const timeout of [0, 20]) {
      const error = await t.throwsAsync(Module.compile(long, { timeout }), {
        instanceOf: LimitError,
        message: `timeout: the module was not compiled within ${timeout} ms`,
      });
      t.is(error.limit, 'timeout');
      t.is(error.value, timeout);
    }
    t.is((await Module.compile(large)).hash, Module.from(large).hash);
  });

  test.serial(`an AbortSignal, ${way}`, async (t) => {
    await prepare(t);
    const reason = new Error('not wanted any more');
    t.is(await failureIn(Module.compile(long, { signal: AbortSignal.abort(reason) })), reason);
    for (const wait of [0, 5, 50]) {
      const controller = new AbortController();
      const compiling = failureIn(Module.compile(long, { signal: controller.signal }));
      await sleep(wait);
      controller.abort(reason);
      t.is(await compiling, reason);
    }
    const unnamed = new AbortController();
    const compiling = Module.compile(long, { signal: unnamed.signal });
    unnamed.abort();
    t.is(((await failureIn(compiling)) as Error).name, 'AbortError');
    const late = new AbortController();
    const module = await Module.compile(large, { signal: late.signal });
    late.abort(reason);
    t.is(hopped(module)[0], 610);
  });

  test.serial(`other code has its turns, ${way}`, async (t) => {
    await prepare(t);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    const compiling = Module.compile(long).finally(() => {
      isOver = true;
    });
    count();
    await compiling;
    t.true(turns > 10, `${turns} turns`);
  });

  test.serial(`the caller may use the bytes again at once, ${way}`, async (t) => {
    await prepare(t);
    for (const bytes of [small, large])
      for (const mine of [bytes.slice(), Buffer.from(bytes), new Uint8Array(bytes).buffer]) {
        const compiling = Module.compile(mine);
        new Uint8Array(mine instanceof ArrayBuffer ? mine : mine.buffer, 0, 8).fill(1);
        if (!(mine instanceof ArrayBuffer)) mine.fill(0);
        t.is((await compiling).hash, Module.from(bytes).hash);
      }
  });
}

test.serial('what is asked for wrongly', async (t) => {
  const wrong = async (bytes: unknown, options: unknown, message: RegExp) =>
    t.throwsAsync(Module.compile(bytes as Uint8Array, options as object), { instanceOf: UsageError, message });
  await wrong('fib.wasm', {}, /^a module is made from/);
  await wrong(small, { signal: 1 }, /^signal must be an AbortSignal/);
  await wrong(small, { timeout: -1 }, /^timeout must be/);
  await wrong(small, { size: 1.5 }, /^size must be/);
  await wrong(small, { limit: 1 }, /^there is no option "limit"/);
});

/** Before it says what has become of a module. */
const dying = (how: string) => `data:text/javascript,
  import { parentPort } from 'node:worker_threads';
  const say = parentPort.postMessage.bind(parentPort);
  parentPort.postMessage = (answer) => {
    if (answer.kind === 'ready') say(answer);
    else ${how};
  };`;
const deaths = {
  'process.exit': ['process.exit(5)', undefined],
  'an uncaught error': ['setImmediate(() => { throw new RangeError("harm"); })', 'harm'],
  'want of memory': ['for (const all = [];;) all.push(new Array(1e5).fill({}))', /reaching memory limit/],
} as const;

for (const [name, [how, cause]] of Object.entries(deaths))
  test.serial(`a thread that dies: ${name}`, async (t) => {
    await withOptions(t, {
      execArgv: [...process.execArgv, '--import', dying(how)],
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    const compiling = Array.from({ length: 3 }, () => failureIn(Module.compile(large)));
    for (const each of compiling) {
      const error = await each;
      if (!(error instanceof WorkerError)) return t.fail(String(error));
      t.is(error.code, 'worker');
      t.is(error.message, 'the thread that compiled the module died');
      t.regex(error.stack ?? '', /^WorkerError: .*\n.*compile.test/);
      if (cause === undefined) t.is(error.cause, undefined);
      else t.regex((error.cause as Error).message, new RegExp(cause));
    }
    await untilNoThreads();
    aside.options = {};
    t.is((await Module.compile(large)).hash, Module.from(large).hash);
  });

test.serial('many at once: a few threads, which end when there is nothing to do', async (t) => {
  await withOptions(t, {});
  const compiling = Array.from({ length: 9 }, () => Module.compile(long));
  const counts: number[] = [];
  const controller = new AbortController();
  const given = Array.from({ length: 9 }, () => failureIn(Module.compile(long, { signal: controller.signal })));
  for (const each of compiling) {
    counts.push(threadCount());
    await each;
    // The others are still in line.
    controller.abort('enough');
  }
  for (const each of given) t.is(await each, 'enough');
  t.is(Math.max(...counts), aside.most);
  await untilNoThreads();
  t.is((await Module.compile(large)).hash, Module.from(large).hash);
});

test.serial('a process ends while a thread waits for more', (t) => {
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const args = ['--import', path('../tsx.mjs'), path('fixtures/compile-once.ts'), lodepng.path];
  const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 300_000 });
  t.is(stdout.trim(), `${Module.from(lodepng.bytes).hash} 1`, stderr);
  t.is(status, 0);
});
