import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { decode } from '../../src/binary/decode.ts';
import { isBulk } from '../../src/spec/fuel.ts';
import { BodyValidator } from '../../src/validate/body.ts';
import type { ModuleContext } from '../../src/validate/context.ts';
import { validate } from '../../src/validate/module.ts';
import { isLive, type LocalSet, liveAt, planOf } from '../../src/validate/safepoints.ts';
import { contextOf, linesOf, pcAfter, pcOf } from './assembly.ts';
import { liveLocals } from './oracle.ts';

const localsIn = (live: LocalSet | undefined): number[] =>
  live === undefined ? [-1] : Array.from({ length: live.length * 32 }, (_, i) => i).filter((i) => isLive(live, i));

test('costs: instructions belong to the innermost loop around them', async (t) => {
  const context = await contextOf(`(func (param i32)
    nop nop
    (loop $outer
      nop
      (loop $inner (br_if $inner (local.get 0)))
      (br_if $outer (local.get 0)))
    nop)`);
  const plan = planOf(context, 0);
  t.is(plan.entryCost, 3);
  t.deepEqual(
    [...plan.loopCosts],
    [
      [pcOf(context, 'loop', 0), 4],
      [pcOf(context, 'loop', 1), 3],
    ],
  );
});

test('costs: unreachable code costs nothing, and an empty function costs something', async (t) => {
  const context = await contextOf('(func) (func return (loop nop) nop)');
  t.is(planOf(context, 0).entryCost, 1);
  t.is(planOf(context, 1).entryCost, 1);
  t.is(planOf(context, 1).loopCosts.size, 0);
});

const long = 'nop '.repeat(70);
const ways: Readonly<
  Record<string, readonly [body: string, entry: number, loops: readonly number[], charges?: readonly number[]]>
> = {
  'the longer arm of an if': ['local.get 0 if nop nop nop else nop end', 6, []],
  'an if without else': ['local.get 0 if nop nop end', 4, []],
  'an arm that does not come back': ['local.get 0 if nop nop nop return else nop end nop', 6, []],
  'one case of a switch': [
    'block block block local.get 0 br_table 0 1 2 end nop nop nop br 1 end nop br 0 end nop',
    // The dispatch, the three of the first case and its branch, and what comes after the outermost.
    2 + 4 + 1,
    [],
  ],
  'a case that falls through to the next': ['block block local.get 0 br_table 0 1 end nop nop end nop', 2 + 2 + 1, []],
  'a loop inside, left to what is around it': [
    'block nop loop nop local.get 0 br_if 1 nop nop br 0 end end nop',
    // What is before the loop, and what comes after the block.
    2,
    [7],
  ],
  'loops within each other': [
    'loop nop loop nop local.get 0 br_if 1 local.get 0 br_if 0 end nop nop end',
    // Nothing, which is at least one.
    1,
    [4, 6],
  ],
  // A clause costs four units.
  'what is after a handler’s label, whatever threw': [
    'block try_table (catch_all 0) nop call $g nop end return end nop',
    // The block that catches and its clause, what is in it, and the return; then what is at the label.
    1 + 4 + 3 + 1,
    [],
    [1],
  ],
  'a legacy clause too': ['try nop call $g nop catch_all nop end nop', 1 + 4 + 4 + 1, [], [2]],
  'a long arm of an if': [`local.get 0 if ${long} else nop end nop`, 2 + 1 + 1, [], [70]],
  'a long else': [`local.get 0 if nop else ${long} end nop`, 2 + 2 + 1, [], [68]],
  'two long arms that are alike': [`local.get 0 if ${long} else ${long} end nop`, 2 + 71 + 1, []],
  'what follows a branch that may be taken': [`block local.get 0 br_if 0 ${long} end nop`, 2 + 1, [], [70]],
  'what is long where ways meet': [
    `block local.get 0 br_if 0 nop end ${long}`,
    // The branch, and what it may go round.
    2 + 1,
    [],
    [70],
  ],
  'the long one of two cases': [`block block local.get 0 br_table 0 1 end ${long} return end nop`, 2 + 1, [], [71]],
  'a long way within a long way': [
    `block local.get 0 br_if 0 ${long} local.get 0 br_if 0 ${long} end nop`,
    2 + 1,
    [],
    [72, 70],
  ],
  'a long way within a loop, and one out of it': [
    `block loop local.get 0 br_if 1 ${long} local.get 0 br_if 0 end ${long} end ${long}`,
    // The loop’s end goes on, and its branch out goes to where all of that is charged.
    70,
    [3],
    [72, 70],
  ],
  'what is named in the table of prices': ['(drop (memory.grow (i32.const 1)))', 402, []],
  'values that are carried': [
    `block (result ${'i32 '.repeat(17)}) ${'local.get 0 '.repeat(17)} br 0 end ${'drop '.repeat(17)}`,
    // The reads, the branch and two units more for what it carries, and what drops.
    17 + 3 + 17,
    [],
  ],
};

for (const [name, [body, entry, loops, charges = []]] of Object.entries(ways))
  test(`costs: ${name}`, async (t) => {
    const context = await contextOf(`(memory 1) (func (param i32) ${body}) (func $g)`);
    const plan = planOf(context, 0);
    t.is(plan.entryCost, entry);
    t.deepEqual([...plan.loopCosts.values()], loops);
    t.deepEqual(
      [...plan.charges].sort(([a], [b]) => a - b).map(([, cost]) => cost),
      charges,
    );
  });

test('points: entry, after loop, after calls, and none in unreachable code', async (t) => {
  const context = await contextOf(`(type $f (func)) (table 1 funcref)
    (func call 0 (loop (call_indirect (type $f) (i32.const 0)) (call_ref $f (ref.null $f))) return_call 0 (loop call 0))`);
  t.deepEqual(
    planOf(context, 0).points.map(({ pc, kind }) => [pc, kind]),
    [
      [0, 'entry'],
      [pcAfter(context, 'call'), 'call'],
      [pcAfter(context, 'loop'), 'loop'],
      [pcAfter(context, 'call_indirect'), 'call'],
      [pcAfter(context, 'call_ref'), 'call'],
    ],
  );
  t.is(liveAt(planOf(context, 0), pcOf(context, 'loop', 1)), undefined);
});

test('points: bulk instructions are one, where none is yet', async (t) => {
  const context = await contextOf(`(memory 1) (func $g (result i32 i32 i32) unreachable)
    (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 9)) (memory.copy (call $g))
      (call $g) (loop (param i32 i32 i32) memory.fill))`);
  t.deepEqual(
    planOf(context, 1).points.map(({ kind }) => kind),
    ['entry', 'bulk', 'call', 'call', 'loop'],
  );
});

test('a frame with many locals costs more', async (t) => {
  const cost = async (locals: number) => {
    const context = await contextOf(`(func (param i32) (local ${'v128 '.repeat(locals)}))`);
    return planOf(context, 0).entryCost;
  };
  t.is(await cost(16), 1);
  t.is(await cost(1016), 1 + (1000 * 2) / 4);
});

test('points: code after a block that cannot be left is reachable to validation, and has its points', async (t) => {
  const context = await contextOf('(func (block unreachable) call 0)');
  t.deepEqual(
    planOf(context, 0).points.map(({ kind }) => kind),
    ['entry', 'call'],
  );
});

test('liveness: a parameter that is not read again is dead', async (t) => {
  const context = await contextOf(
    '(func (param i32 i32 i32) (drop (local.get 0)) call $g (drop (local.get 2))) (func $g)',
  );
  const plan = planOf(context, 0);
  t.deepEqual(localsIn(plan.points[0]?.live), [0, 2]);
  t.deepEqual(localsIn(plan.points[1]?.live), [2]);
});

test('liveness: what a loop reads before it writes is live at its label', async (t) => {
  const context = await contextOf(`(func (local i32 i32 i32)
    (loop (drop (local.get 0)) (local.set 1 (i32.const 1)) call $g (local.set 0 (local.get 1)) (br_if 0 (local.get 2))))
    (func $g)`);
  const plan = planOf(context, 0);
  t.deepEqual(localsIn(liveAt(plan, pcAfter(context, 'loop'))), [0, 2]);
  t.deepEqual(localsIn(liveAt(plan, pcAfter(context, 'call'))), [1, 2]);
});

test('liveness: a caller that waits keeps what its handlers need', async (t) => {
  const context = await contextOf(`(func $g) (func (local i32 i32)
    (block (try_table (catch_all 0) call $g (local.set 0 (i32.const 1)) call $g return))
    (drop (local.get 0)))`);
  const plan = planOf(context, 1);
  t.deepEqual(
    plan.points.map(({ live }) => localsIn(live)),
    [[0], [0], [0]],
  );
});

test('liveness: legacy handlers too', async (t) => {
  const context = await contextOf(`(func $g) (func (local i32 i32)
    try call $g (local.set 0 (i32.const 1)) return catch_all call $g (drop (local.get 0)) end)`);
  const plan = planOf(context, 1);
  t.deepEqual(
    plan.points.map(({ live }) => localsIn(live)),
    [[0], [0], [0]],
  );
});

/** Compares every safe point of a function with the oracle; gives their number. */
function compare(t: ExecutionContext, context: ModuleContext, func: number): number {
  const oracle = liveLocals(context, func);
  const plan = planOf(context, func);
  for (const { pc, live } of plan.points) {
    const wanted = [...(oracle.get(pc) ?? [])].sort((a, b) => a - b);
    if (wanted.join() !== localsIn(live).join()) t.deepEqual(localsIn(live), wanted, `func ${func}, pc ${pc}`);
  }
  return plan.points.length;
}

/** The pcs at which safe points must be: those of the validator's reachable instructions. */
function reachablePoints(context: ModuleContext, func: number): number[] {
  const v = new BodyValidator(context, func);
  const start = v.reader.pos;
  const pcs = [0];
  while (!v.done) {
    v.read();
    if (!v.unreachable && /^(loop|call.*)$/.test(v.reader.row.name)) pcs.push(v.reader.pos - start);
    if (!v.unreachable && isBulk(v.reader.row.name) && pcs.at(-1) !== v.pc) pcs.push(v.pc);
    v.apply();
  }
  return pcs;
}

const root = new URL('../../node_modules/', import.meta.url);
for (const name of ['@cwasm/lodepng/lodepng.wasm', '@chainsafe/as-sha256/build/optimized.wasm']) {
  test(`plans agree with a data-flow by the book: ${name}`, (t) => {
    const context = validate(decode(readFileSync(new URL(name, root))));
    let points = 0;
    for (let func = context.importedFuncs; func < context.funcs.length; func++) {
      t.deepEqual(
        planOf(context, func).points.map(({ pc }) => pc),
        reachablePoints(context, func),
      );
      if (linesOf(context, func).length < 3000) points += compare(t, context, func);
    }
    t.true(points > context.syntax.funcs.length / 2);
  });
}

/** Statements of a random function with four locals; labels are taken modulo what is there. */
type Statement = (depth: number) => string;
const statement: fc.Arbitrary<Statement> = fc.letrec<{ one: Statement; many: Statement }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.nat(3).map(
      (x): Statement =>
        () =>
          `(drop (local.get ${x}))`,
    ),
    fc.nat(3).map(
      (x): Statement =>
        () =>
          `(local.set ${x} (i32.const 1))`,
    ),
    fc.constant<Statement>(() => 'call $g'),
    fc.nat(9).map(
      (l): Statement =>
        (depth) =>
          `(br_if ${l % (depth + 1)} (call $h))`,
    ),
    fc.nat(9).map(
      (l): Statement =>
        (depth) =>
          `br ${l % (depth + 1)}`,
    ),
    fc.tuple(fc.nat(9), fc.nat(9)).map(
      ([l, m]): Statement =>
        (depth) =>
          `(br_table ${l % (depth + 1)} ${m % (depth + 1)} (call $h))`,
    ),
    fc.constantFrom('return', 'throw 0', 'return_call $g').map(
      (text): Statement =>
        () =>
          text,
    ),
    tie('many').map(
      (s): Statement =>
        (depth) =>
          `(block ${s(depth + 1)})`,
    ),
    tie('many').map(
      (s): Statement =>
        (depth) =>
          `(loop ${s(depth + 1)})`,
    ),
    fc.tuple(tie('many'), tie('many')).map(
      ([a, b]): Statement =>
        (depth) =>
          `(if (call $h) (then ${a(depth + 1)}) (else ${b(depth + 1)}))`,
    ),
    tie('many').map(
      (s): Statement =>
        (depth) =>
          `(if (call $h) (then ${s(depth + 1)}))`,
    ),
    fc.tuple(fc.nat(9), tie('many')).map(
      ([l, s]): Statement =>
        (depth) =>
          `(try_table (catch_all ${l % (depth + 1)}) ${s(depth + 1)})`,
    ),
    fc.tuple(tie('many'), tie('many'), tie('many')).map(
      ([a, b, c]): Statement =>
        (depth) =>
          `try ${a(depth + 1)} catch 0 ${b(depth + 1)} catch_all ${c(depth + 1)} end`,
    ),
    tie('many').map(
      (s): Statement =>
        (depth) =>
          `try ${s(depth + 1)} delegate 0`,
    ),
  ),
  many: fc.array(tie('one'), { maxLength: 5 }).map(
    (list): Statement =>
      (depth) =>
        list.map((s) => s(depth)).join(' '),
  ),
})).many;

test('plans agree with a data-flow by the book: random control flow', async (t) => {
  await fc.assert(
    fc.asyncProperty(statement, async (body) => {
      const context = await contextOf(
        `(tag) (func (local i32 i32 i32 i32) ${body(0)}) (func $g) (func $h (result i32) unreachable)`,
      );
      t.deepEqual(
        planOf(context, 0).points.map(({ pc }) => pc),
        reachablePoints(context, 0),
      );
      compare(t, context, 0);
    }),
    { numRuns: 400 },
  );
});

test('a huge function with deep loops and many locals is planned quickly', async (t) => {
  const locals = 4000;
  const reads = Array.from(
    { length: locals },
    (_, i) => `(local.set ${i} (local.get ${(i * 7 + 1) % locals})) call $g`,
  );
  const nest = 300;
  const context = await contextOf(
    `(func (local ${'i32 '.repeat(locals)}) ${'(loop (br_if 0 (local.get 5)) '.repeat(nest)} ${reads.join(' ')} ${')'.repeat(nest)}) (func $g)`,
  );
  const began = performance.now();
  const plan = planOf(context, 0);
  t.is(plan.points.length, 1 + nest + locals);
  t.true(performance.now() - began < 3000);
});
