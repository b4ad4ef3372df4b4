import test from 'ava';
import { typeNames } from '../../src/spec/types.ts';
import { frameShape, frameShapes } from '../../src/validate/frames.ts';
import { contextOf, linesOf, pcAfter, pcOf } from './assembly.ts';

test('locals and operands at an instruction', async (t) => {
  const context = await contextOf('(func (param f32) (local i64) (i32.store (i32.const 1) (i32.const 2))) (memory 1)');
  const shape = frameShape(context, 0, pcOf(context, 'i32.store'));
  t.is(typeNames(shape?.locals ?? []), '[f32 i64]');
  t.is(typeNames(shape?.operands ?? []), '[i32 i32]');
  t.is(shape?.afterCall, undefined);
});

test('a pc that is no reachable instruction has no shape', async (t) => {
  const context = await contextOf('(import "" "" (func)) (func (block br 0 nop) i32.const 300 drop return nop)');
  const shape = (pc: number) => frameShape(context, 1, pc);
  t.not(shape(0), undefined);
  t.is(shape(pcOf(context, 'nop', 0)), undefined);
  t.is(shape(pcOf(context, 'end', 0)), undefined);
  t.not(shape(pcOf(context, 'i32.const')), undefined);
  t.is(shape(pcOf(context, 'i32.const') + 1), undefined);
  t.is(shape(pcOf(context, 'nop', 1)), undefined);
  t.is(shape(pcOf(context, 'end', 1)), undefined);
  for (const pc of [-1, 0.5, Number.NaN, 1e9]) t.is(shape(pc), undefined);
  t.is(frameShape(context, 0, 0), undefined);
  t.is(frameShape(context, 7, 0), undefined);
});

test('after a call, the callee says what a waiting frame lacks', async (t) => {
  const context = await contextOf(`
    (type $f (func (param f64) (result i64 i64))) (table 1 funcref)
    (func $g (type $f) unreachable)
    (func i32.const 1 (call $g (f64.const 0)) drop drop
      (call_indirect (type $f) (f64.const 0) (i32.const 0)) drop drop
      (call_ref $f (f64.const 0) (ref.null $f)) drop drop drop)`);
  for (const name of ['call', 'call_indirect', 'call_ref']) {
    const shape = frameShape(context, 1, pcAfter(context, name, 0, 1));
    t.is(typeNames(shape?.operands ?? []), '[i32 i64 i64]');
    t.is(typeNames(shape?.afterCall?.results ?? []), '[i64 i64]');
    t.is(typeNames(shape?.afterCall?.params ?? []), '[f64]');
  }
  t.is(frameShape(context, 1, pcOf(context, 'drop', 1, 1))?.afterCall, undefined);
});

test('a frame in a catch clause shows the caught exception', async (t) => {
  const context = await contextOf('(tag (param i32)) (func i64.const 1 try nop catch 0 nop drop end drop)');
  const shape = (pc: number) => typeNames(frameShape(context, 0, pc)?.operands ?? []);
  t.is(shape(pcOf(context, 'nop', 0)), '[i64]');
  t.is(shape(pcOf(context, 'nop', 1)), '[i64 exnref i32]');
  t.is(shape(pcOf(context, 'drop', 1)), '[i64]');
});

test('locals that are not set yet', async (t) => {
  const context = await contextOf(`(func (param (ref func)) (local i32 (ref func) (ref func))
    (block (local.set 2 (local.get 0)) nop) nop)`);
  t.deepEqual(frameShape(context, 0, 0)?.unset, [2, 3]);
  t.deepEqual(frameShape(context, 0, pcOf(context, 'nop', 0))?.unset, [3]);
  t.deepEqual(frameShape(context, 0, pcOf(context, 'nop', 1))?.unset, [2, 3]);
});

test('many pcs in one pass', async (t) => {
  const context = await contextOf('(func (drop (i32.add (i32.const 1) (i32.const 2))) unreachable nop)');
  const pcs = linesOf(context).map(({ pc }) => pc);
  const shapes = frameShapes(context, 0, [...pcs, 1, 77]);
  t.deepEqual(
    [...shapes].map(([pc, { operands }]) => [pc, operands.length]),
    pcs.slice(0, 5).map((pc, i) => [pc, [0, 1, 2, 1, 0][i]]),
  );
  for (const [pc, shape] of shapes) t.deepEqual(frameShape(context, 0, pc), shape);
});
