// For each instruction of the table a few words of the text format that execute it over and over, each with what it gave
// before as an operand: the host's compiler must not leave it out, nor do several at once.

import { bulk } from '../../src/spec/fuel.ts';
import { type Instruction, instructions } from '../../src/spec/instructions.ts';

/** What the snippets find around them: see `moduleOf`. */
export interface Snippet {
  readonly name: string;
  readonly text: string;
  /** Operands such that much is done at once. */
  readonly large?: boolean;
}

const locals = ['i32', 'i64', 'f32', 'f64', 'v128', 'funcref', 'externref', 'anyref'] as const;
const localOf = (type: string): string => `$${type}`;

/** Second operands never change, and are no zero. */
const seconds: Readonly<Record<string, string>> = {
  i32: '(local.get $k32)',
  i64: '(local.get $k64)',
  f32: '(local.get $kf32)',
  f64: '(local.get $kf64)',
  v128: '(local.get $kv)',
};

/** Sometimes the operand must not be what came before, which may be anything. */
const steady = /trunc_f|rem|div|\.load|\.store|atomic|^memory/;

function plainText({ name, params, results, immediates }: Instruction): string {
  const fixed = steady.test(name);
  const operands = params.map((type, i) => {
    if (type === 'addr') return '(local.get $at)';
    return i === 0 && !fixed ? `(local.get ${localOf(type as string)})` : seconds[type as string];
  });
  const lane = immediates.some((kind) => kind === 'lane')
    ? ' 0'
    : immediates.includes('lanes16')
      ? ` ${'0 '.repeat(16)}`
      : '';
  const text = `(${name}${lane} ${operands.join(' ')})`;
  const sets = results.map((type) => `(local.set ${localOf(type as string)}`);
  if (results.length === 1) return `${sets[0]} ${text})`;
  return results.length === 0 ? text : `${text} ${'(local.set $i64)'.repeat(results.length)}`;
}

const i32 = (text: string): string => `(local.set $i32 ${text})`;
const dropped = (text: string): string => `(drop ${text})`;

/** Those whose type depends on their context, in words. */
const own: Readonly<Record<string, string>> = {
  block: '(block (local.set $i32 (i32.add (local.get $i32) (local.get $k32))))',
  if: '(if (local.get $i32) (then (local.set $i32 (i32.add (local.get $i32) (local.get $k32)))) (else (local.set $i32 (i32.const 5))))',
  br: '(block (br 0))',
  br_if: '(block (br_if 0 (local.get $i32)) (local.set $i32 (i32.const 3)))',
  br_table:
    '(block (block (block (br_table 0 1 2 (local.get $i32))) (local.set $i32 (i32.const 1))) (local.set $i32 (i32.const 0)))',
  call: '(local.set $i32 (call $inc (local.get $i32)))',
  call_indirect: '(local.set $i32 (call_indirect $t (type $unary) (local.get $i32) (i32.const 0)))',
  'call, imported': '(local.set $i32 (call $other (local.get $i32)))',
  'call, host': '(local.set $i32 (call $host (local.get $i32)))',
  drop: '(drop (call $inc (local.get $i32)))',
  select: i32('(select (local.get $i32) (local.get $k32) (local.get $i32))'),
  'local.set': '(local.set $i32 (local.get $k32)) (local.set $k32 (local.get $i32))',
  'local.tee': '(local.set $i32 (local.tee $k32 (local.get $i32)))',
  'global.get': i32('(i32.add (global.get $g) (local.get $i32))'),
  'global.set': '(global.set $g (i32.add (local.get $i32) (global.get $g)))',
  'table.get': '(local.set $funcref (table.get $t (local.get $zero)))',
  'table.set': '(table.set $t (local.get $zero) (local.get $funcref))',
  'table.size': i32('(table.size $t)'),
  'table.grow': dropped('(table.grow $t2 (ref.null func) (i32.const 0))'),
  'table.grow, large':
    '(if (i32.lt_u (table.size $t2) (i32.const 4000000)) (then (drop (table.grow $t2 (local.get $funcref) (i32.const 1000)))))',
  'table.fill': '(table.fill $t (local.get $zero) (local.get $funcref) (i32.const 1))',
  'table.copy': '(table.copy $t $t (local.get $zero) (i32.const 1) (i32.const 1))',
  'table.init': '(table.init $t $e (local.get $zero) (i32.const 0) (i32.const 1))',
  'table.fill, large': '(table.fill $t3 (local.get $zero) (local.get $funcref) (i32.const 100000))',
  'table.copy, large': '(table.copy $t3 $t3 (i32.const 1) (i32.const 0) (i32.const 99999))',
  'elem.drop': '(elem.drop $d)',
  'memory.size': i32('(memory.size)'),
  'memory.grow': i32('(memory.grow (i32.const 0))'),
  'memory.copy': '(memory.copy (local.get $at) (i32.const 100) (i32.const 8))',
  'memory.fill': '(memory.fill (local.get $at) (i32.const 100) (i32.const 8))',
  'memory.init': '(memory.init $bytes (local.get $at) (i32.const 0) (i32.const 8))',
  'memory.copy, large': '(memory.copy (i32.const 1) (i32.const 0) (i32.const 16000000))',
  'memory.copy, downward': '(memory.copy (i32.const 0) (i32.const 1) (i32.const 16000000))',
  'memory.fill, large': '(memory.fill (i32.const 0) (i32.const 100) (i32.const 16000000))',
  'data.drop': '(data.drop $gone)',
  'ref.null': '(local.set $funcref (ref.null func))',
  'ref.is_null': i32('(ref.is_null (local.get $funcref))'),
  'ref.func': '(local.set $funcref (ref.func $inc))',
  throw: '(block $c (try_table (catch_all $c) (throw $e)))',
  'throw, through a call': '(block $c (try_table (catch_all $c) (call $thrower)))',
  try_table: '(block $c (try_table (catch_all $c) (local.set $i32 (i32.add (local.get $i32) (local.get $k32)))))',
  'ref.as_non_null': dropped('(ref.as_non_null (local.get $fn))'),
  call_ref: '(local.set $i32 (call_ref $unary (local.get $i32) (local.get $fn)))',
  br_on_null: '(block (br_on_null 0 (local.get $fn)) (drop))',
};

/** Those of objects, which native code has not. */
const ofObjects: Readonly<Record<string, string>> = {
  'ref.i31': '(local.set $anyref (ref.i31 (local.get $i32)))',
  'i31.get_s': i32('(i31.get_s (ref.cast i31ref (ref.i31 (local.get $i32))))'),
  'ref.test': i32('(ref.test (ref $pair) (local.get $pair))'),
  'ref.cast': '(local.set $pair (ref.cast (ref null $pair) (local.get $pair)))',
  'ref.eq': i32('(ref.eq (local.get $pair) (local.get $pair2))'),
  'struct.new': '(local.set $pair (struct.new $pair (local.get $i32) (local.get $pair2)))',
  'struct.new_default': '(local.set $pair (struct.new_default $pair))',
  'struct.get': i32('(struct.get $pair 0 (local.get $pair))'),
  'struct.set': '(struct.set $pair 0 (local.get $pair) (local.get $i32))',
  'array.new': '(local.set $words (array.new $words (local.get $i32) (i32.const 4)))',
  'array.new, large': '(local.set $words (array.new $words (local.get $i32) (i32.const 100000)))',
  'array.new_default, large': '(local.set $words (array.new_default $words (i32.const 100000)))',
  'array.new_default': '(local.set $words (array.new_default $words (i32.const 4)))',
  'array.new_fixed':
    '(local.set $words (array.new_fixed $words 4 (local.get $i32) (local.get $i32) (local.get $i32) (local.get $i32)))',
  'array.new_data': '(local.set $words (array.new_data $words $bytes (i32.const 0) (i32.const 2)))',
  'array.get': i32('(array.get $words (local.get $long) (i32.const 3))'),
  'array.set': '(array.set $words (local.get $long) (i32.const 3) (local.get $i32))',
  'array.len': i32('(array.len (local.get $long))'),
  'array.fill': '(array.fill $words (local.get $long) (i32.const 0) (local.get $i32) (i32.const 4))',
  'array.fill, large': '(array.fill $words (local.get $long) (i32.const 0) (local.get $i32) (i32.const 100000))',
  'array.copy':
    '(array.copy $words $words (local.get $long) (i32.const 0) (local.get $long) (i32.const 1) (i32.const 4))',
  'array.copy, large':
    '(array.copy $words $words (local.get $long) (i32.const 0) (local.get $long) (i32.const 1) (i32.const 99999))',
  'array.init_data': '(array.init_data $words $bytes (local.get $long) (i32.const 0) (i32.const 0) (i32.const 2))',
};

const texts = { ...own, ...ofObjects };

/** Instructions that end code, wait for others, or are nothing by themselves. */
export const left =
  /^(unreachable|nop|loop|else|end|return|return_.*|catch.*|try|delegate|rethrow|throw_ref|local\.get|select t|br_on_.*|any\..*|extern\..*|array\.(new_elem|init_elem|get_.)|struct\.get_.|ref\.(test|cast) null|i31\.get_u|memory\.atomic\..*|atomic\.fence|.*\.const)$/;

export const snippets = (): Snippet[] => {
  const rows = instructions.filter(({ name }) => !left.test(name));
  const named = new Set(rows.map(({ name }) => name));
  const list: Snippet[] = rows.map((row) => ({
    name: row.name,
    text: texts[row.name] ?? (row.special === undefined ? plainText(row) : missing(row.name)),
  }));
  for (const [name, text] of Object.entries(texts))
    if (!named.has(name)) list.push({ name, text, large: name.endsWith('large') || name.endsWith('downward') });
  for (const name of Object.keys(bulk)) if (!named.has(name) && !left.test(name)) missing(name);
  return list;
};

function missing(name: string): never {
  throw new Error(`the bench has no code that executes ${name}`);
}

/** A module whose function `run` executes the snippet so many times in each of as many rounds as it is told. */
export function moduleOf({ text, name }: Snippet, times: number): string {
  const objects = Object.hasOwn(ofObjects, name);
  const exceptions = /throw|try/.test(name);
  return `(module
    (type $unary (func (param i32) (result i32)))
    ${objects ? '(type $pair (struct (field (mut i32)) (field anyref))) (type $words (array (mut i32)))' : ''}
    (import "host" "f" (func $host (type $unary)))
    (import "other" "inc" (func $other (type $unary)))
    ${exceptions ? '(tag $e) (func $thrower (throw $e))' : ''}
    (memory (export "memory") 300) (data (i32.const 0) "\\00\\00\\80\\3f\\00\\00\\80\\3f") (data $bytes "01234567") (data $gone "0")
    (table $t 16 funcref) (table $t2 1 funcref) (table $t3 100000 funcref) (elem (table $t) (i32.const 0) func $inc $inc) (elem $e func $inc) (elem $d func $inc)
    (global $g (mut i32) (i32.const 0))
    (func $inc (export "inc") (type $unary) (i32.add (local.get 0) (i32.const 1)))
    (func (export "run") (param $rounds i32) (result i32)
      ${locals
        .filter((type) => objects || type !== 'anyref')
        .map((type) => `(local ${localOf(type)} ${type})`)
        .join(' ')}
      (local $k32 i32) (local $k64 i64) (local $kf32 f32) (local $kf64 f64) (local $kv v128) (local $at i32) (local $zero i32)
      ${objects ? '(local $pair (ref null $pair)) (local $pair2 (ref null $pair)) (local $words (ref null $words)) (local $long (ref null $words))' : ''}
      ${/ref\.as|call_ref|br_on/.test(name) ? '(local $fn (ref null $unary)) (local.set $fn (ref.func $inc))' : ''}
      (local.set $k32 (i32.const 7)) (local.set $k64 (i64.const 7)) (local.set $kf32 (f32.const 1.5)) (local.set $kf64 (f64.const 1.5))
      (local.set $kv (v128.const i32x4 1 2 3 4)) (local.set $at (i32.const 64)) (local.set $i32 (i32.const 3)) (local.set $i64 (i64.const 3))
      (local.set $f32 (f32.const 3)) (local.set $f64 (f64.const 3)) (local.set $v128 (v128.const i32x4 9 8 7 6))
      ${objects ? '(local.set $pair (struct.new_default $pair)) (local.set $long (array.new_default $words (i32.const 100000)))' : ''}
      (loop $again
        ${text.concat('\n').repeat(times)}
        (br_if $again (i32.gt_s (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1))) (i32.const 0))))
      (i32.store (i32.const 8) (local.get $i32)) (i64.store (i32.const 16) (local.get $i64)) (f32.store (i32.const 24) (local.get $f32))
      (f64.store (i32.const 32) (local.get $f64)) (v128.store (i32.const 48) (local.get $v128))
      (local.get $i32)))`;
}
