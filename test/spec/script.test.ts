// The front half of the .wast runner: literals, S-expressions, commands, and that the whole suite can be read.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { scripts, testsuite } from './locate.ts';
import { suiteTest } from './run/suite-test.ts';
import { AssembleError, assemble, assembleText, takenAnyway } from './script/assemble.ts';
import { unfoldTry } from './script/legacy.ts';
import { parseF32, parseF64, parseInteger } from './script/literals.ts';
import { type Command, type Expected, parseScript } from './script/script.ts';
import { toAscii } from './script/sexpr.ts';

const f64Bits = (value: number) => new DataView(Float64Array.of(value).buffer).getBigInt64(0, true);
const f32Bits = (value: number) => new DataView(Float32Array.of(value).buffer).getInt32(0, true);

/** The values that an assertion expects, by way of a whole script. */
function expectations(text: string): readonly Expected[] {
  const command = only(`(assert_return (invoke "f") ${text})`);
  return command.type === 'assert_return' ? command.expected : [];
}

function only(text: string): Command {
  const commands = parseScript(text);
  if (commands.length !== 1) throw new Error(`${commands.length} commands`);
  return commands[0] as Command;
}

test('integers are given signed or unsigned, decimal or hexadecimal', (t) => {
  t.is(parseInteger('4294967295', 32), -1n);
  t.is(parseInteger('-0x8000_0000', 32), -0x80000000n);
  t.is(parseInteger('0xffff_ffff_ffff_ffff', 64), -1n);
  t.is(parseInteger('+200', 8), -56n);
  for (const text of ['4294967296', '-2147483649', '1_', '0x', '', '1.0'])
    t.throws(() => parseInteger(text, 32), { instanceOf: RangeError }, text);
});

test('f64 decimals agree with the host', (t) => {
  for (const text of [
    '0.0',
    '1e-324',
    '4.9e-324',
    '2.4703282292062328e-324',
    '1.7976931348623157e308',
    '9007199254740993',
  ])
    t.is(parseF64(text), f64Bits(Number(text)), text);
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }), (x) => parseF64(String(x)) === f64Bits(x)),
  );
});

test('f32 decimals are rounded once', (t) => {
  const below = '1.00000017881393432617187499';
  t.is(parseF32(below), 0x3f800001);
  t.is(f32Bits(Number(below)), 0x3f800002, 'rounding to f64 first would give another result');
  t.is(parseF32('1.00000017881393432617187501'), 0x3f800002);
  t.is(parseF32('16777217'), f32Bits(16777216));
  t.is(parseF32('1e-45'), 1);
  t.is(parseF32('-0.0'), -0x80000000);
  t.is(parseF32('340282356779733661637539395458142568447'), 0x7f7fffff);
  t.throws(() => parseF32('340282356779733661637539395458142568448'), { instanceOf: RangeError });
});

test('hexadecimal floats are exact, and tied to even', (t) => {
  t.is(parseF32('0x1.fffffep+127'), 0x7f7fffff);
  t.is(parseF32('0x1p-149'), 1);
  t.is(parseF32('0x1p-150'), 0);
  t.is(parseF32('0x1.000001p-150'), 1);
  t.is(parseF32('0x1.00000100000000001p0'), 0x3f800001);
  t.is(parseF32('0x1.000001p0'), 0x3f800000);
  t.is(parseF32('0x1.000003p0'), 0x3f800002);
  t.is(parseF32('0x0.00000_1p-126'), 0);
  t.is(parseF64('0x1.fffffffffffffp1023'), 0x7fefffffffffffffn);
  t.is(parseF64('0X1P-1074'.toLowerCase()), 1n);
  t.throws(() => parseF32('0x1.ffffffp127'), { instanceOf: RangeError });
});

test('infinities and NaNs keep their bits', (t) => {
  t.is(parseF32('-inf'), -0x800000);
  t.is(parseF32('nan'), 0x7fc00000);
  t.is(parseF32('-nan:0x200000'), 0xffa00000 | 0);
  t.is(parseF64('nan:0x4_0000_0000_0000'), 0x7ff4000000000000n);
  t.throws(() => parseF32('nan:0x800000'), { instanceOf: RangeError });
  t.throws(() => parseF32('nan:0x0'), { instanceOf: RangeError });
});

test('values', (t) => {
  t.deepEqual(expectations('(i32.const 0xffffffff) (i64.const 5) (f32.const nan:canonical) (f64.const -0)'), [
    { type: 'i32', bits: -1 },
    { type: 'i64', bits: 5n },
    { type: 'f32', bits: 'nan:canonical' },
    { type: 'f64', bits: -0x8000000000000000n },
  ]);
  t.deepEqual(expectations('(v128.const i64x2 1 -1) (v128.const f32x4 1 nan:arithmetic 0 -inf)'), [
    { type: 'v128', shape: 'i64x2', lanes: [1n, -1n] },
    { type: 'v128', shape: 'f32x4', lanes: [0x3f800000, 'nan:arithmetic', 0, -0x800000] },
  ]);
  t.deepEqual(expectations('(ref.null func) (ref.null) (ref.extern 7) (ref.i31) (either (i32.const 1) (ref.func))'), [
    { type: 'ref', kind: 'null', heap: 'func' },
    { type: 'ref', kind: 'null' },
    { type: 'ref', kind: 'extern', value: 7 },
    { type: 'ref', kind: 'i31' },
    {
      type: 'either',
      options: [
        { type: 'i32', bits: 1 },
        { type: 'ref', kind: 'func' },
      ],
    },
  ]);
});

test('modules are sliced, not read', (t) => {
  t.deepEqual(only('(module $m (; ) ;) (func "a)\\"") ;; )\n)'), {
    line: 1,
    type: 'module',
    name: 'm',
    definition: false,
    source: { kind: 'text', text: '(module $m (; ) ;) (func "a)\\"") ;; )\n)' },
  });
  t.deepEqual(only('\n(module definition $m)'), {
    line: 2,
    type: 'module',
    name: 'm',
    definition: true,
    source: { kind: 'text', text: '(module $m)' },
  });
  t.deepEqual(only('(module instance $i $m)'), { line: 1, type: 'instance', name: 'i', module: 'm' });
  t.deepEqual(only('(func) (memory 1)'), {
    line: 1,
    type: 'module',
    definition: false,
    source: { kind: 'text', text: '(module (func) (memory 1))' },
  });
});

test('strings have all the escapes', (t) => {
  const command = only(String.raw`(module binary "\00a\t\u{1F600}" "\n\"\'\\é")`);
  const source = command.type === 'module' ? command.source : undefined;
  t.is(source?.kind, 'binary');
  t.deepEqual(source?.kind === 'binary' && source.bytes, new Uint8Array(Buffer.from('\0a\t😀\n"\'\\é')));
});

test('comments and annotations are left out', (t) => {
  const text = '(; (; ;) ( ;)\n(@a , ; ] ")" (;;) (b))\n( (@x) register ;; no\n "m" (@"y") $"a b")';
  t.deepEqual(only(text), { line: 3, type: 'register', as: 'm', name: 'a b' });
});

test('assertions', (t) => {
  const types = (text: string) => parseScript(text).map((command) => command.type);
  t.deepEqual(types('(assert_trap (invoke "f") "m") (assert_trap (module) "m") (assert_exhaustion (invoke "f") "m")'), [
    'assert_trap',
    'assert_uninstantiable',
    'assert_exhaustion',
  ]);
  t.deepEqual(only('(assert_malformed (module quote "(" "\\ff") "why")'), {
    line: 1,
    type: 'assert_malformed',
    source: { kind: 'quote', bytes: Uint8Array.of(0x28, 0xff) },
    message: 'why',
  });
  t.deepEqual(only('(assert_exception (get $m "g"))'), {
    line: 1,
    type: 'assert_exception',
    action: { kind: 'get', module: 'm', field: 'g' },
  });
});

test('what is unknown is told with file and line', (t) => {
  t.throws(() => parseScript('\n\n(thread $t)', 'x.wast'), { message: 'x.wast:3: unknown command thread' });
  t.throws(() => parseScript('\n(invoke "f" (i31.const 1))', 'x.wast'), {
    message: 'x.wast:2: unknown value i31.const',
  });
  t.throws(() => parseScript('(module)\n(invoke "f"', 'x.wast'), { message: 'x.wast:2: unclosed (' });
  t.throws(() => parseScript('(register "m" $m 3)', 'x.wast'), { message: 'x.wast:1: expected end, found atom' });
});

test('text with confusing characters assembles to what it says', async (t) => {
  const bytes = await assembleText('(module (func (export "\u202eé")) (; \u202e ;))');
  t.true(Buffer.from(bytes).includes(Buffer.from('\u202eé')));
  t.is(toAscii('(é "é" (;é;) ;;é'), '(é "\\c3\\a9" (;?;) ;;?');
});

test('folded legacy try assembles as if flat', async (t) => {
  const folded =
    '(module (tag $e) (func (try $l (do (try (do (throw $e)) (delegate $l))) (catch $e nop) (catch_all))))';
  const flat = '(module (tag $e) (func try $l try (throw $e) delegate $l catch $e nop catch_all end))';
  t.deepEqual(await assembleText(folded), await assembleText(flat));
  t.is(unfoldTry('(func (try_table (do)))'), '(func (try_table (do)))');
  const twice = '(module (func (try (do) (catch_all) (catch_all))))';
  await t.throwsAsync(assembleText(twice), { instanceOf: AssembleError });
});

test('the assembler says why not', async (t) => {
  await t.throwsAsync(assembleText('(module (func i32.foo))'), {
    instanceOf: AssembleError,
    message: /unknown operator/,
  });
  const bytes = Uint8Array.of(0x22, 0xff, 0x22);
  await t.throwsAsync(assemble({ kind: 'quote', bytes }), { message: 'malformed UTF-8 encoding' });
});

/** Commands of the suite by type, as it was when this was written: a command must not get lost. */
const counts = {
  module: 2523,
  instance: 3,
  register: 92,
  action: 422,
  assert_return: 53299,
  assert_trap: 5195,
  assert_uninstantiable: 57,
  assert_exhaustion: 15,
  assert_exception: 41,
  assert_invalid: 3004,
  assert_malformed: 2213,
  assert_unlinkable: 269,
  assert_malformed_custom: 19,
  assert_invalid_custom: 1,
} satisfies Record<Command['type'], number>;

suiteTest('every script of the suite is read, and every module assembles', async (t) => {
  const found: Record<string, number> = {};
  const refused: string[] = [];
  const taken: string[] = [];
  for (const file of scripts()) {
    for (const command of parseScript(readFileSync(join(testsuite ?? '', file), 'utf8'), file)) {
      found[command.type] = (found[command.type] ?? 0) + 1;
      if (!('source' in command)) continue;
      const malformed = command.type.startsWith('assert_malformed');
      const assembles = await assemble(command.source).then(
        () => true,
        () => false,
      );
      if (!assembles && !malformed) refused.push(`${file}:${command.line}`);
      if (assembles && malformed && command.source.kind !== 'binary') taken.push(`${file}:${command.line}`);
    }
  }
  t.deepEqual(found, counts);
  t.deepEqual(refused, []);
  t.deepEqual(taken, [...takenAnyway]);
});
