import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import test from 'ava';
import { decode } from '../../src/binary/decode.ts';
import { InvalidError, LimitError } from '../../src/spec/errors.ts';
import { typeNames } from '../../src/spec/types.ts';
import { BodyValidator } from '../../src/validate/body.ts';
import type { ModuleContext } from '../../src/validate/context.ts';
import { validate } from '../../src/validate/module.ts';
import type { Operand } from '../../src/validate/operand.ts';
import { contextOf, pcOf } from './assembly.ts';

const good: Record<string, string> = {
  'branches that leave operands': '(func (result i32) (block (result i32) i32.const 1 i32.const 2 br 0))',
  'any type in unreachable code': '(func (result i64) unreachable i32.add drop select)',
  'a loop with parameters':
    '(func (param i32) local.get 0 (loop (param i32) local.get 0 local.get 0 br_if 0 drop drop))',
  'an if without else that keeps its parameter':
    '(func (param i32) (result i32) local.get 0 local.get 0 (if (param i32) (result i32) (then)))',
  'a branch table in unreachable code with labels of different types':
    '(func (block (result i32) (block (result f32) unreachable (br_table 0 1 (i32.const 1))) drop i32.const 1) drop)',
  'a local set in an outer block':
    '(func (param (ref func)) (local (ref func)) (local.set 1 (local.get 0)) (block (drop (local.get 1))))',
  'memory64 addresses': '(memory i64 1) (func (i64.store (i64.const 0) (i64.load offset=4294967296 (i64.const 0))))',
  'memory.init of the second memory':
    '(memory 1) (memory i64 1) (data "abc") (func (memory.init 1 0 (i64.const 0) (i32.const 0) (i32.const 1)))',
  'table.copy between address types':
    '(table i64 1 funcref) (table 1 funcref) (func (table.copy 0 1 (i64.const 0) (i32.const 0) (i32.const 1)))',
  'null of any reference after a cast to the bottom':
    '(func (param anyref) (result eqref) local.get 0 ref.cast (ref null none))',
  'br_on_cast narrows what falls through':
    '(func (param anyref) (result i32) (block $l (result i31ref) (br_on_cast $l anyref i31ref (local.get 0)) ref.as_non_null drop i32.const 0 return) i31.get_u)',
  'a reference of unknown type once it is not null': '(func (result funcref) unreachable ref.as_non_null)',
  'try_table clauses':
    '(tag $t (param i32)) (func (result i32) (block (result i32) (try_table (result i32) (catch $t 0) (i32.const 1))))',
  'tail calls with a subtype of the result':
    '(func $f (result (ref func)) unreachable) (func (result funcref) return_call $f)',
  'legacy exceptions':
    '(tag $t (param i32)) (func (result i32) try (result i32) i32.const 1 catch $t i32.const 1 i32.add catch_all rethrow 0 end)',
  'legacy delegate': '(func try (result i32) i32.const 1 delegate 0 drop)',
};

for (const [name, fields] of Object.entries(good)) {
  test(`valid: ${name}`, async (t) => {
    await t.notThrowsAsync(contextOf(fields));
  });
}

const bad: [message: string, fields: string][] = [
  [
    'type mismatch: instruction requires [i32 i32] but stack has [i32 i64]',
    '(func i32.const 1 i64.const 1 i32.add drop)',
  ],
  ['type mismatch: instruction requires [i32 i32] but stack has [i32]', '(func i32.const 1 i32.add drop)'],
  ['type mismatch: block requires [] but stack has [i32]', '(func (block i32.const 1))'],
  ['type mismatch: instruction requires [i64] but stack has [i32]', '(func (result i64) i32.const 1)'],
  ['type mismatch', '(func (result f32) unreachable ref.as_non_null)'],
  ['type mismatch', '(func (param i32) (result i32) local.get 0 (if (result i32) (then i32.const 1)))'],
  ['type mismatch', '(func (block (result i32) (block (br_table 0 1 (i32.const 1) (i32.const 1))) i32.const 1) drop)'],
  ['type mismatch', '(func i32.const 1 (block drop))'],
  ['type mismatch', '(func (select (ref.null func) (ref.null func) (i32.const 1)) drop)'],
  ['invalid result arity', '(func (select (result) (i32.const 1)))'],
  ['unknown label 2', '(func (block br 2))'],
  ['unknown local 1', '(func (param i32) local.get 1 drop)'],
  ['unknown function 9', '(func call 9)'],
  ['unknown global 0', '(func global.get 0 drop)'],
  ['unknown table 0', '(type (func)) (func (call_indirect (type 0) (i32.const 0)))'],
  ['unknown memory 0', '(func (drop (i32.load (i32.const 0))))'],
  ['unknown memory 1', '(memory 1) (func (drop (memory.size 1)))'],
  ['unknown tag 0', '(func throw 0)'],
  ['unknown type 7', '(func (param i32) (local (ref null 7)))'],
  ['alignment must not be larger than natural', '(memory 1) (func (drop (i32.load align=8 (i32.const 0))))'],
  ['offset out of range', '(memory 1) (func (drop (i32.load offset=4294967296 (i32.const 0))))'],
  [
    'unknown data segment 1',
    '(memory i64 1) (data "a") (func (memory.init 1 (i64.const 0) (i32.const 0) (i32.const 0)))',
  ],
  ['unknown elem segment 0', '(func elem.drop 0)'],
  ['immutable global 0', '(global i32 (i32.const 0)) (func (global.set 0 (i32.const 0)))'],
  ['undeclared function reference 0', '(func (drop (ref.func 0)))'],
  ['uninitialized local 0', '(func (local (ref func)) local.get 0 drop)'],
  [
    'uninitialized local 1',
    '(func (param (ref func)) (local (ref func)) (block (local.set 1 (local.get 0))) local.get 1 drop)',
  ],
  [
    'uninitialized local 1',
    '(func (param (ref func)) (local (ref func)) i32.const 0 (if (then (local.set 1 (local.get 0))) (else local.get 1 drop)))',
  ],
  [
    'immutable field 0',
    '(type (struct (field i32))) (func (param (ref 0)) (struct.set 0 0 (local.get 0) (i32.const 1)))',
  ],
  ['unknown field 1', '(type (struct (field i32))) (func (param (ref 0)) (drop (struct.get 0 1 (local.get 0))))'],
  [
    'type mismatch: field is packed',
    '(type (struct (field i8))) (func (param (ref 0)) (drop (struct.get 0 0 (local.get 0))))',
  ],
  [
    'type mismatch: field is not packed',
    '(type (array i32)) (func (param (ref 0)) (drop (array.get_s 0 (local.get 0) (i32.const 0))))',
  ],
  [
    'type mismatch',
    '(func (param i31ref) (block $l (result structref) (br_on_cast $l i31ref structref (local.get 0)) drop unreachable) drop)',
  ],
  ['invalid rethrow label', '(func try rethrow 0 end)'],
  ['type mismatch: the label of a catch clause', '(tag (param i32)) (func (block (try_table (catch 0 0))))'],
];

for (const [message, fields] of bad) {
  test(`invalid: ${message} — ${fields}`, async (t) => {
    const error = await t.throwsAsync(contextOf(fields), { instanceOf: InvalidError });
    t.true(error.message.startsWith(message), error.message);
    t.regex(error.message, /in func\[\d\]\)$/);
  });
}

test('an error tells the offset in the module and the name of the function', async (t) => {
  const bytes = await parse('(module (func $main nop i32.const 1))');
  const error = t.throws(() => validate(decode(bytes)), { instanceOf: InvalidError });
  t.is(error.func, 'main');
  t.is(bytes[error.offset], 0x0b);
});

/** The stacks before each instruction of a function. */
function trace(context: ModuleContext, func = context.importedFuncs): string[] {
  const v = new BodyValidator(context, func);
  const lines: string[] = [];
  while (!v.done) {
    v.read();
    lines.push(
      `${v.unreachable ? '-' : typeNames(v.operands as Exclude<Operand, 'bot'>[])} ${v.reader.row.name} ${v.controls.length}`,
    );
    v.apply();
  }
  return lines;
}

test('state before each instruction', async (t) => {
  const context = await contextOf(
    '(func (param i64) (result i64) local.get 0 (loop (param i64) (result i64) (br_if 0 (i64.eqz (local.get 0)))))',
  );
  t.deepEqual(trace(context), [
    '[] local.get 1',
    '[i64] loop 1',
    '[i64] local.get 2',
    '[i64 i64] i64.eqz 2',
    '[i64 i32] br_if 2',
    '[i64] end 2',
    '[i64] end 1',
  ]);
});

test('blocks opened in unreachable code are unreachable, what follows a reachable block is not', async (t) => {
  const context = await contextOf('(func (block br 0 (block nop)) nop)');
  t.deepEqual(trace(context), [
    '[] block 1',
    '[] br 2',
    '- block 2',
    '- nop 3',
    '- end 3',
    '- end 2',
    '[] nop 1',
    '[] end 1',
  ]);
});

test('a legacy catch clause keeps the exception below its operands', async (t) => {
  const context = await contextOf('(tag (param i32)) (func i64.const 0 try nop catch 0 drop catch_all nop end drop)');
  t.deepEqual(trace(context), [
    '[] i64.const 1',
    '[i64] try 1',
    '[i64] nop 2',
    '[i64] catch 2',
    '[i64 exnref i32] drop 2',
    '[i64 exnref] catch_all 2',
    '[i64 exnref] nop 2',
    '[i64 exnref] end 2',
    '[i64] drop 1',
    '[] end 1',
  ]);
});

test('control frames tell where they began', async (t) => {
  const context = await contextOf(
    '(func (param i32) nop local.get 0 (if (result i32) (then i32.const 1) (else i32.const 2)) drop)',
  );
  const v = new BodyValidator(context, 0);
  while (v.reader.row.name !== 'else') {
    v.read();
    v.apply();
  }
  const frame = v.controls.at(-1);
  t.like(frame, { kind: 'else', pc: pcOf(context, 'if'), clause: pcOf(context, 'else'), height: 0, results: ['i32'] });
  t.is(v.controls[0]?.pc, -1);
  t.deepEqual(v.labelTypes(v.label(0)), ['i32']);
});

test('locals are listed with their parameters first', async (t) => {
  const context = await contextOf('(func (param f32) (local i32 i32 i64) (local (ref null func)))');
  t.is(typeNames(new BodyValidator(context, 0).locals), '[f32 i32 i32 i64 funcref]');
});

test('many declared locals cost no more than their bytes until they are asked for', async (t) => {
  const body = [1, 0xd0, 0x86, 0x03, 0x7f, 0x20, 0xcf, 0x86, 0x03, 0x1a, 0x0b]; // 50,000 i32; local.get 49999; drop
  const bytes = Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    1,
    4,
    1,
    0x60,
    0,
    0,
    3,
    2,
    1,
    0,
    10,
    body.length + 2,
    1,
    body.length,
    ...body,
  ]);
  const context = validate(decode(bytes));
  t.is(new BodyValidator(context, 0).locals.length, 50_000);
});

test('parameters count towards the limit of locals', async (t) => {
  const fields = `(func (param i32) (local ${'i32 '.repeat(50_000)}))`;
  await t.throwsAsync(contextOf(fields), { instanceOf: LimitError });
});

test('blocks can only be nested so deep', async (t) => {
  const depth = 100_001;
  await t.throwsAsync(contextOf(`(func ${'block '.repeat(depth)}${'end '.repeat(depth)})`), { instanceOf: LimitError });
});
