import test from 'ava';
import { branchTargets } from '../../src/validate/targets.ts';
import { contextOf, pcAfter, pcOf } from './assembly.ts';

test('blocks, their parts and where branches to them continue', async (t) => {
  const context = await contextOf(`(func
    (block
      (loop
        (if (i32.const 1) (then br 1) (else br 2))
        nop)))`);
  const targets = branchTargets(context, 0);
  const [block, loop, branch] = targets.blocks;
  t.deepEqual(
    targets.blocks.map(({ kind }) => kind),
    ['block', 'loop', 'if'],
  );
  t.is(branch?.pc, pcOf(context, 'if'));
  t.is(branch?.start, pcAfter(context, 'if'));
  t.deepEqual(branch?.else, { pc: pcOf(context, 'else'), start: pcAfter(context, 'else') });
  t.is(branch?.end, pcOf(context, 'end', 0));
  t.is(branch?.after, pcOf(context, 'nop'));
  t.is(branch?.parent, loop);
  t.is(loop?.parent, block);
  t.is(block?.parent, undefined);
  t.is(targets.branch(pcOf(context, 'br', 0), 1), pcOf(context, 'loop'));
  t.is(targets.branch(pcOf(context, 'br', 1), 2), pcOf(context, 'end', 3));
  t.is(targets.branch(pcOf(context, 'br', 1), 3), targets.end);
  t.is(targets.end, pcOf(context, 'end', 3));
});

test('the block around a pc', async (t) => {
  const context = await contextOf('(func nop (block nop (block) nop) nop)');
  const targets = branchTargets(context, 0);
  const [outer, inner] = targets.blocks;
  t.is(targets.around(pcOf(context, 'nop', 0)), undefined);
  t.is(targets.around(pcOf(context, 'block', 0)), undefined);
  t.is(targets.around(pcOf(context, 'nop', 1)), outer);
  t.is(targets.around(pcOf(context, 'block', 1)), outer);
  t.is(targets.around(pcOf(context, 'end', 0)), inner);
  t.is(targets.around(pcOf(context, 'nop', 2)), outer);
  t.is(targets.around(pcOf(context, 'nop', 3)), undefined);
  t.is(targets.at(pcOf(context, 'block', 1)), inner);
  t.is(targets.at(pcOf(context, 'nop', 1)), undefined);
});

test('clauses of try_table and of legacy try', async (t) => {
  const context = await contextOf(`(tag) (func
    (block (try_table (catch 0 0) (catch_all 1) nop))
    try nop catch 0 nop catch_all end
    try nop delegate 0)`);
  const [, table, legacy, delegating] = branchTargets(context, 0).blocks;
  t.deepEqual(
    table?.catches.map(({ kind, label }) => [kind, label]),
    [
      ['catch', 0],
      ['catch_all', 1],
    ],
  );
  t.deepEqual(legacy?.clauses, [
    { pc: pcOf(context, 'catch'), start: pcAfter(context, 'catch'), tag: 0 },
    { pc: pcOf(context, 'catch_all'), start: pcAfter(context, 'catch_all'), tag: undefined },
  ]);
  t.is(delegating?.delegate, 0);
  t.is(delegating?.end, pcOf(context, 'delegate'));
  t.is(legacy?.delegate, undefined);
});

test('targets are computed once', async (t) => {
  const context = await contextOf('(import "" "" (func)) (func (block))');
  t.is(branchTargets(context, 1), branchTargets(context, 1));
  t.throws(() => branchTargets(context, 0), { instanceOf: RangeError });
});
