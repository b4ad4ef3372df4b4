// The executing half of the .wast runner: that it sees what is wrong, in each way of running.

import test from 'ava';
import { VM } from '../../src/vm.ts';
import { resultsMatch } from './run/expect.ts';
import { type Mode, runScript } from './run/runner.ts';
import { type Expected, parseScript } from './script/script.ts';

const modes: readonly Mode[] = ['whole', 'step', 'safepoint'];

async function failures(text: string, mode: Mode = 'whole'): Promise<string[]> {
  const report = await runScript(text, 'x.wast', mode);
  return report.failures.map(({ at, expected, got }) => `${at}: ${expected}; ${got.split('\n')[0]}`);
}

const sum = `(module
  (global $calls (mut i32) (i32.const 0))
  (func $sum (export "sum") (param i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (result i32) (local.get 0)
      (then (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "boom") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func (export "deep") (call 2))
  (global (export "calls") (mut i32) (i32.const 0))
  (func (export "same") (param f32 i64 f64) (result f64 f32 i64) local.get 2 local.get 0 local.get 1))`;

for (const mode of modes) {
  test(`${mode}: what is right passes`, async (t) => {
    const script = `${sum}
      (assert_return (invoke "sum" (i32.const 10)) (i32.const 55))
      (assert_trap (invoke "boom" (i32.const 0)) "integer divide by zero")
      (assert_exhaustion (invoke "deep") "call stack exhausted")
      (assert_return (invoke "same" (f32.const nan:0x200001) (i64.const -2) (f64.const -nan:0x7))
        (f64.const -nan:0x7) (f32.const nan:0x200001) (i64.const -2))
      (assert_return (get "calls") (i32.const 0))`;
    const report = await runScript(script, 'x.wast', mode);
    t.deepEqual(report.failures, []);
    t.is(report.assertions, 5);
    t.is(report.hops > 20, mode !== 'whole');
  });

  test(`${mode}: what is wrong does not`, async (t) => {
    const script = `${sum}
(assert_return (invoke "sum" (i32.const 2)) (i32.const 4))
(assert_return (invoke "boom" (i32.const 0)) (i32.const 1))
(assert_trap (invoke "boom" (i32.const 0)) "integer overflow")
(assert_trap (invoke "boom" (i32.const 1)) "integer divide by zero")
(assert_exhaustion (invoke "boom" (i32.const 0)) "integer divide by zero")
(assert_return (get "calls") (i64.const 0))`;
    t.deepEqual(await failures(script, mode), [
      'x.wast:12: [i32 4]; [i32 3]',
      'x.wast:13: [i32 1]; Trap: integer divide by zero',
      'x.wast:14: trap: integer overflow; Trap: integer divide by zero',
      'x.wast:15: trap: integer divide by zero; [i32 1]',
      'x.wast:16: trap: integer divide by zero; Trap: integer divide by zero',
      'x.wast:17: [i64 0]; [i32 0]',
    ]);
  });
}

test('modules are registered, defined and instantiated by name', async (t) => {
  const script = `
    (module definition $D (global (export "g") (mut i32) (i32.const 1)) (func (export "up")
      (global.set 0 (i32.add (global.get 0) (i32.const 1)))))
    (module instance $A $D)
    (module instance $B $D)
    (register "a" $A)
    (module $C (import "a" "g" (global (mut i32))) (export "h" (global 0)) (func (import "spectest" "print")))
    (invoke $A "up")
    (assert_return (get "h") (i32.const 2))
    (assert_return (get $B "g") (i32.const 1))
    (assert_unlinkable (module (import "a" "none" (func))) "unknown import")
    (assert_trap (module (func unreachable) (start 0)) "unreachable")`;
  for (const mode of modes) t.deepEqual(await failures(script, mode), [], mode);
});

test('modules that are wrong', async (t) => {
  const right = `
    (assert_invalid (module (func (result i32))) "type mismatch")
    (assert_malformed (module quote "(func") "any")
    (assert_malformed (module binary "\\00asm") "unexpected end")
    (assert_unlinkable (module (import "spectest" "print" (func (param i64)))) "incompatible import type")`;
  t.deepEqual(await failures(right), []);
  const wrong = `(assert_invalid (module (func)) "type mismatch")
(assert_invalid (module (func (result i32))) "unknown local")
(assert_malformed (module quote "(func)") "any")
(assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")
(assert_trap (module) "unreachable")
(invoke "f")`;
  t.deepEqual(
    (await failures(wrong)).map((failure) => failure.split(':', 2).join(':')),
    [1, 2, 3, 4, 5, 6].map((line) => `x.wast:${line}`),
  );
});

test('results are compared by their bits', (t) => {
  const { store } = new VM();
  const expected = (text: string): readonly Expected[] => {
    const [command] = parseScript(`(assert_return (invoke "f") ${text})`);
    return command?.type === 'assert_return' ? command.expected : [];
  };
  const f32 = (text: string, bits: number) =>
    resultsMatch(expected(text), { types: ['f32'], words: Int32Array.of(bits, 0), store });
  t.true(f32('(f32.const nan:canonical)', 0xffc00000));
  t.false(f32('(f32.const nan:canonical)', 0x7fc00001));
  t.true(f32('(f32.const nan:arithmetic)', 0x7fc00001));
  t.false(f32('(f32.const nan:arithmetic)', 0x7fa00000));
  t.false(f32('(f32.const 0)', 0x80000000));
  t.true(f32('(either (f32.const 1) (f32.const -0))', 0x80000000));
  const v128 = (text: string) =>
    resultsMatch(expected(text), { types: ['v128'], words: Int32Array.of(1, -1, 0x7fc00000, 0), store });
  t.true(v128('(v128.const i32x4 1 -1 0x7fc00000 0)'));
  t.true(v128('(v128.const i8x16 1 0 0 0 255 -1 255 255 0 0 -64 127 0 0 0 0)'));
  t.true(v128('(v128.const f32x4 0x1p-149 nan:0x7fffff nan:canonical 0)') === false);
  t.true(v128('(v128.const f32x4 0x1p-149 nan:arithmetic nan:canonical 0)'));
  t.false(v128('(v128.const i64x2 1 0)'));
  t.false(resultsMatch(expected(''), { types: ['i32'], words: Int32Array.of(0, 0), store }));
  const ref = (text: string, lo: number, hi: number) =>
    resultsMatch(expected(text), { types: [{ heap: 'any', nullable: true }], words: Int32Array.of(lo, hi), store });
  t.true(ref('(ref.null any)', 0, 0));
  t.false(ref('(ref.null any)', 0, 4));
  t.true(ref('(ref.i31)', 5, 4));
  t.false(ref('(ref.struct)', 5, 4));
});
