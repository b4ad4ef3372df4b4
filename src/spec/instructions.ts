// THE table: one row per instruction, from which decoding, encoding, disassembly, validation and the interpreter's
// loop all follow. A row is [mnemonic, code, immediates, type, semantics?, feature?]; the columns are explained below.
// https://webassembly.github.io/spec/core/appendix/index-instructions.html

import { relaxedRows, simdRows } from './instructions/simd.ts';
import { threadsRows } from './instructions/threads.ts';
import { typeNamed, type ValType } from './types.ts';

/**
 * What follows the opcode, in the order of the binary format. `memargN` carries the natural alignment in bytes.
 * How each is delivered is said in binary/instruction.ts.
 */
export type Immediate =
  | 'block'
  | 'label'
  | 'labels'
  | 'func'
  | 'type'
  | 'type2'
  | 'table'
  | 'table2'
  | 'local'
  | 'global'
  | 'memory'
  | 'memory2'
  | 'data'
  | 'elem'
  | 'tag'
  | 'field'
  | 'count'
  | 'lane'
  | 'lanes16'
  | 'i32'
  | 'i64'
  | 'f32'
  | 'f64'
  | 'v128'
  | 'heap'
  | 'cast'
  | 'types'
  | 'catches'
  | 'fence'
  | 'memarg1'
  | 'memarg2'
  | 'memarg4'
  | 'memarg8'
  | 'memarg16';

/** Instructions whose type follows from their context; each room that has to know them holds a Record of these. */
export type Special =
  | 'unreachable'
  | 'block'
  | 'loop'
  | 'if'
  | 'else'
  | 'end'
  | 'try_table'
  | 'try'
  | 'catch'
  | 'catch_all'
  | 'delegate'
  | 'rethrow'
  | 'throw'
  | 'throw_ref'
  | 'br'
  | 'br_if'
  | 'br_table'
  | 'br_on_null'
  | 'br_on_non_null'
  | 'br_on_cast'
  | 'br_on_cast_fail'
  | 'return'
  | 'call'
  | 'call_indirect'
  | 'call_ref'
  | 'return_call'
  | 'return_call_indirect'
  | 'return_call_ref'
  | 'drop'
  | 'select'
  | 'select t'
  | 'local.get'
  | 'local.set'
  | 'local.tee'
  | 'global.get'
  | 'global.set'
  | 'table.get'
  | 'table.set'
  | 'table.size'
  | 'table.grow'
  | 'table.fill'
  | 'table.copy'
  | 'table.init'
  | 'elem.drop'
  | 'memory.copy'
  | 'ref.null'
  | 'ref.is_null'
  | 'ref.func'
  | 'ref.as_non_null'
  | 'ref.i31'
  | 'ref.test'
  | 'ref.cast'
  | 'any.convert_extern'
  | 'extern.convert_any'
  | 'struct.new'
  | 'struct.new_default'
  | 'struct.get'
  | 'struct.set'
  | 'array.new'
  | 'array.new_default'
  | 'array.new_fixed'
  | 'array.new_data'
  | 'array.new_elem'
  | 'array.get'
  | 'array.set'
  | 'array.fill'
  | 'array.copy'
  | 'array.init_data'
  | 'array.init_elem';

/** Which part of the language a row belongs to, by the names of the proposals. */
export type Feature =
  | 'mvp'
  | 'sign-extension'
  | 'saturating-conversion'
  | 'bulk-memory'
  | 'reference-types'
  | 'tail-call'
  | 'function-references'
  | 'gc'
  | 'exceptions'
  | 'legacy-exceptions'
  | 'simd'
  | 'relaxed-simd'
  | 'threads'
  | 'wide-arithmetic';

/** `addr` stands for the address type (i32 or i64) of the memory that the instruction names. */
export type OperandType = ValType | 'addr';

export interface Instruction {
  readonly name: string;
  /** The opcode byte, or prefix * 0x10000 + sub-opcode. */
  readonly code: number;
  readonly immediates: readonly Immediate[];
  /** Set just if the type follows from the context: then `params` and `results` are empty. */
  readonly special: Special | undefined;
  readonly params: readonly OperandType[];
  readonly results: readonly OperandType[];
  /**
   * What the instruction computes, as JavaScript; empty where the interpreter has a case of its own.
   * Operands are named a, b, c in order: an i32 or f32 or f64 `a` is a number; the halves of an i64 are `al` and `ah`;
   * raw bits of an f32 are `ai`, of an f64 `al` and `ah`. `ea` is the checked address in the memory `mem` (a DataView).
   * The result is the last expression; an i64 has two, `lo ; hi`. After `#` the result is given as raw bits (f32: one,
   * f64: `lo ; hi`). Expressions before those are statements. Functions named here are exports of interpret/machine/numeric.ts;
   * a NaN that JavaScript may pass through unchanged is replaced, for it could be a signalling one;
   * an i64 from a function arrives as its low half, with the high half in `num.hi`.
   */
  readonly semantics: string;
  readonly feature: Feature;
}

export type Row = readonly [name: string, code: number, immediates: string, type: string, semantics?: string];

const prefix = (byte: number, sub: number) => byte * 0x10000 + sub;
const fc = (sub: number) => prefix(0xfc, sub);
const fb = (sub: number) => prefix(0xfb, sub);

/** Rows by feature. A type of the form `special` names a Special: the mnemonic itself unless told otherwise. */
// biome-ignore format: one row, one line
const rows: Record<Feature, readonly Row[]> = {
  mvp: [
    ['unreachable', 0x00, '', 'special'],
    ['nop', 0x01, '', '->'],
    ['block', 0x02, 'block', 'special'],
    ['loop', 0x03, 'block', 'special'],
    ['if', 0x04, 'block', 'special'],
    ['else', 0x05, '', 'special'],
    ['end', 0x0b, '', 'special'],
    ['br', 0x0c, 'label', 'special'],
    ['br_if', 0x0d, 'label', 'special'],
    ['br_table', 0x0e, 'labels', 'special'],
    ['return', 0x0f, '', 'special'],
    ['call', 0x10, 'func', 'special'],
    ['call_indirect', 0x11, 'type table', 'special'],
    ['drop', 0x1a, '', 'special'],
    ['select', 0x1b, '', 'special'],
    ['local.get', 0x20, 'local', 'special'],
    ['local.set', 0x21, 'local', 'special'],
    ['local.tee', 0x22, 'local', 'special'],
    ['global.get', 0x23, 'global', 'special'],
    ['global.set', 0x24, 'global', 'special'],

    ['i32.load', 0x28, 'memarg4', 'addr -> i32', 'mem.getInt32(ea, true)'],
    ['i64.load', 0x29, 'memarg8', 'addr -> i64', 'mem.getInt32(ea, true) ; mem.getInt32(ea + 4, true)'],
    ['f32.load', 0x2a, 'memarg4', 'addr -> f32', '# mem.getInt32(ea, true)'],
    ['f64.load', 0x2b, 'memarg8', 'addr -> f64', '# mem.getInt32(ea, true) ; mem.getInt32(ea + 4, true)'],
    ['i32.load8_s', 0x2c, 'memarg1', 'addr -> i32', 'mem.getInt8(ea)'],
    ['i32.load8_u', 0x2d, 'memarg1', 'addr -> i32', 'mem.getUint8(ea)'],
    ['i32.load16_s', 0x2e, 'memarg2', 'addr -> i32', 'mem.getInt16(ea, true)'],
    ['i32.load16_u', 0x2f, 'memarg2', 'addr -> i32', 'mem.getUint16(ea, true)'],
    ['i64.load8_s', 0x30, 'memarg1', 'addr -> i64', 'const t = mem.getInt8(ea) ; t ; t >> 31'],
    ['i64.load8_u', 0x31, 'memarg1', 'addr -> i64', 'mem.getUint8(ea) ; 0'],
    ['i64.load16_s', 0x32, 'memarg2', 'addr -> i64', 'const t = mem.getInt16(ea, true) ; t ; t >> 31'],
    ['i64.load16_u', 0x33, 'memarg2', 'addr -> i64', 'mem.getUint16(ea, true) ; 0'],
    ['i64.load32_s', 0x34, 'memarg4', 'addr -> i64', 'const t = mem.getInt32(ea, true) ; t ; t >> 31'],
    ['i64.load32_u', 0x35, 'memarg4', 'addr -> i64', 'mem.getInt32(ea, true) ; 0'],
    ['i32.store', 0x36, 'memarg4', 'addr i32 ->', 'mem.setInt32(ea, b, true)'],
    ['i64.store', 0x37, 'memarg8', 'addr i64 ->', 'mem.setInt32(ea, bl, true) ; mem.setInt32(ea + 4, bh, true)'],
    ['f32.store', 0x38, 'memarg4', 'addr f32 ->', 'mem.setInt32(ea, bi, true)'],
    ['f64.store', 0x39, 'memarg8', 'addr f64 ->', 'mem.setInt32(ea, bl, true) ; mem.setInt32(ea + 4, bh, true)'],
    ['i32.store8', 0x3a, 'memarg1', 'addr i32 ->', 'mem.setInt8(ea, b)'],
    ['i32.store16', 0x3b, 'memarg2', 'addr i32 ->', 'mem.setInt16(ea, b, true)'],
    ['i64.store8', 0x3c, 'memarg1', 'addr i64 ->', 'mem.setInt8(ea, bl)'],
    ['i64.store16', 0x3d, 'memarg2', 'addr i64 ->', 'mem.setInt16(ea, bl, true)'],
    ['i64.store32', 0x3e, 'memarg4', 'addr i64 ->', 'mem.setInt32(ea, bl, true)'],
    ['memory.size', 0x3f, 'memory', '-> addr'],
    ['memory.grow', 0x40, 'memory', 'addr -> addr'],

    ['i32.const', 0x41, 'i32', '-> i32'],
    ['i64.const', 0x42, 'i64', '-> i64'],
    ['f32.const', 0x43, 'f32', '-> f32'],
    ['f64.const', 0x44, 'f64', '-> f64'],

    ['i32.eqz', 0x45, '', 'i32 -> i32', 'a === 0 ? 1 : 0'],
    ['i32.eq', 0x46, '', 'i32 i32 -> i32', 'a === b ? 1 : 0'],
    ['i32.ne', 0x47, '', 'i32 i32 -> i32', 'a !== b ? 1 : 0'],
    ['i32.lt_s', 0x48, '', 'i32 i32 -> i32', 'a < b ? 1 : 0'],
    ['i32.lt_u', 0x49, '', 'i32 i32 -> i32', 'a >>> 0 < b >>> 0 ? 1 : 0'],
    ['i32.gt_s', 0x4a, '', 'i32 i32 -> i32', 'a > b ? 1 : 0'],
    ['i32.gt_u', 0x4b, '', 'i32 i32 -> i32', 'a >>> 0 > b >>> 0 ? 1 : 0'],
    ['i32.le_s', 0x4c, '', 'i32 i32 -> i32', 'a <= b ? 1 : 0'],
    ['i32.le_u', 0x4d, '', 'i32 i32 -> i32', 'a >>> 0 <= b >>> 0 ? 1 : 0'],
    ['i32.ge_s', 0x4e, '', 'i32 i32 -> i32', 'a >= b ? 1 : 0'],
    ['i32.ge_u', 0x4f, '', 'i32 i32 -> i32', 'a >>> 0 >= b >>> 0 ? 1 : 0'],
    ['i64.eqz', 0x50, '', 'i64 -> i32', '(al | ah) === 0 ? 1 : 0'],
    ['i64.eq', 0x51, '', 'i64 i64 -> i32', 'al === bl && ah === bh ? 1 : 0'],
    ['i64.ne', 0x52, '', 'i64 i64 -> i32', 'al !== bl || ah !== bh ? 1 : 0'],
    ['i64.lt_s', 0x53, '', 'i64 i64 -> i32', 'ah < bh || (ah === bh && al >>> 0 < bl >>> 0) ? 1 : 0'],
    ['i64.lt_u', 0x54, '', 'i64 i64 -> i32', 'ah >>> 0 < bh >>> 0 || (ah === bh && al >>> 0 < bl >>> 0) ? 1 : 0'],
    ['i64.gt_s', 0x55, '', 'i64 i64 -> i32', 'ah > bh || (ah === bh && al >>> 0 > bl >>> 0) ? 1 : 0'],
    ['i64.gt_u', 0x56, '', 'i64 i64 -> i32', 'ah >>> 0 > bh >>> 0 || (ah === bh && al >>> 0 > bl >>> 0) ? 1 : 0'],
    ['i64.le_s', 0x57, '', 'i64 i64 -> i32', 'ah < bh || (ah === bh && al >>> 0 <= bl >>> 0) ? 1 : 0'],
    ['i64.le_u', 0x58, '', 'i64 i64 -> i32', 'ah >>> 0 < bh >>> 0 || (ah === bh && al >>> 0 <= bl >>> 0) ? 1 : 0'],
    ['i64.ge_s', 0x59, '', 'i64 i64 -> i32', 'ah > bh || (ah === bh && al >>> 0 >= bl >>> 0) ? 1 : 0'],
    ['i64.ge_u', 0x5a, '', 'i64 i64 -> i32', 'ah >>> 0 > bh >>> 0 || (ah === bh && al >>> 0 >= bl >>> 0) ? 1 : 0'],
    ['f32.eq', 0x5b, '', 'f32 f32 -> i32', 'a === b ? 1 : 0'],
    ['f32.ne', 0x5c, '', 'f32 f32 -> i32', 'a !== b ? 1 : 0'],
    ['f32.lt', 0x5d, '', 'f32 f32 -> i32', 'a < b ? 1 : 0'],
    ['f32.gt', 0x5e, '', 'f32 f32 -> i32', 'a > b ? 1 : 0'],
    ['f32.le', 0x5f, '', 'f32 f32 -> i32', 'a <= b ? 1 : 0'],
    ['f32.ge', 0x60, '', 'f32 f32 -> i32', 'a >= b ? 1 : 0'],
    ['f64.eq', 0x61, '', 'f64 f64 -> i32', 'a === b ? 1 : 0'],
    ['f64.ne', 0x62, '', 'f64 f64 -> i32', 'a !== b ? 1 : 0'],
    ['f64.lt', 0x63, '', 'f64 f64 -> i32', 'a < b ? 1 : 0'],
    ['f64.gt', 0x64, '', 'f64 f64 -> i32', 'a > b ? 1 : 0'],
    ['f64.le', 0x65, '', 'f64 f64 -> i32', 'a <= b ? 1 : 0'],
    ['f64.ge', 0x66, '', 'f64 f64 -> i32', 'a >= b ? 1 : 0'],

    ['i32.clz', 0x67, '', 'i32 -> i32', 'Math.clz32(a)'],
    ['i32.ctz', 0x68, '', 'i32 -> i32', 'a === 0 ? 32 : 31 - Math.clz32(a & -a)'],
    ['i32.popcnt', 0x69, '', 'i32 -> i32', 'num.popcnt32(a)'],
    ['i32.add', 0x6a, '', 'i32 i32 -> i32', '(a + b) | 0'],
    ['i32.sub', 0x6b, '', 'i32 i32 -> i32', '(a - b) | 0'],
    ['i32.mul', 0x6c, '', 'i32 i32 -> i32', 'Math.imul(a, b)'],
    ['i32.div_s', 0x6d, '', 'i32 i32 -> i32', 'num.div32s(a, b)'],
    ['i32.div_u', 0x6e, '', 'i32 i32 -> i32', 'num.div32u(a, b)'],
    ['i32.rem_s', 0x6f, '', 'i32 i32 -> i32', 'num.rem32s(a, b)'],
    ['i32.rem_u', 0x70, '', 'i32 i32 -> i32', 'num.rem32u(a, b)'],
    ['i32.and', 0x71, '', 'i32 i32 -> i32', 'a & b'],
    ['i32.or', 0x72, '', 'i32 i32 -> i32', 'a | b'],
    ['i32.xor', 0x73, '', 'i32 i32 -> i32', 'a ^ b'],
    ['i32.shl', 0x74, '', 'i32 i32 -> i32', 'a << b'],
    ['i32.shr_s', 0x75, '', 'i32 i32 -> i32', 'a >> b'],
    ['i32.shr_u', 0x76, '', 'i32 i32 -> i32', 'a >>> b'],
    ['i32.rotl', 0x77, '', 'i32 i32 -> i32', '(a << b) | (a >>> (32 - b))'],
    ['i32.rotr', 0x78, '', 'i32 i32 -> i32', '(a >>> b) | (a << (32 - b))'],
    ['i64.clz', 0x79, '', 'i64 -> i64', 'ah === 0 ? 32 + Math.clz32(al) : Math.clz32(ah) ; 0'],
    ['i64.ctz', 0x7a, '', 'i64 -> i64', 'num.ctz64(al, ah) ; 0'],
    ['i64.popcnt', 0x7b, '', 'i64 -> i64', 'num.popcnt32(al) + num.popcnt32(ah) ; 0'],
    ['i64.add', 0x7c, '', 'i64 i64 -> i64', 'const t = (al + bl) | 0 ; t ; (ah + bh + (t >>> 0 < al >>> 0 ? 1 : 0)) | 0'],
    ['i64.sub', 0x7d, '', 'i64 i64 -> i64', '(al - bl) | 0 ; (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0'],
    ['i64.mul', 0x7e, '', 'i64 i64 -> i64', 'const u = (Math.imul(al >>> 16, bl & 0xffff) + (Math.imul(al & 0xffff, bl & 0xffff) >>> 16)) | 0 ; const v = ((u & 0xffff) + Math.imul(al & 0xffff, bl >>> 16)) | 0 ; Math.imul(al, bl) ; (Math.imul(al >>> 16, bl >>> 16) + (u >>> 16) + (v >>> 16) + Math.imul(al, bh) + Math.imul(ah, bl)) | 0'],
    ['i64.div_s', 0x7f, '', 'i64 i64 -> i64', 'num.div64s(al, ah, bl, bh) ; num.hi'],
    ['i64.div_u', 0x80, '', 'i64 i64 -> i64', 'num.div64u(al, ah, bl, bh) ; num.hi'],
    ['i64.rem_s', 0x81, '', 'i64 i64 -> i64', 'num.rem64s(al, ah, bl, bh) ; num.hi'],
    ['i64.rem_u', 0x82, '', 'i64 i64 -> i64', 'num.rem64u(al, ah, bl, bh) ; num.hi'],
    ['i64.and', 0x83, '', 'i64 i64 -> i64', 'al & bl ; ah & bh'],
    ['i64.or', 0x84, '', 'i64 i64 -> i64', 'al | bl ; ah | bh'],
    ['i64.xor', 0x85, '', 'i64 i64 -> i64', 'al ^ bl ; ah ^ bh'],
    ['i64.shl', 0x86, '', 'i64 i64 -> i64', 'const s = bl & 63 ; s < 32 ? al << s : 0 ; s < 32 ? (ah << s) | ((al >>> 1) >>> (31 - s)) : al << s'],
    ['i64.shr_s', 0x87, '', 'i64 i64 -> i64', 'const s = bl & 63 ; s < 32 ? (al >>> s) | ((ah << 1) << (31 - s)) : ah >> s ; s < 32 ? ah >> s : ah >> 31'],
    ['i64.shr_u', 0x88, '', 'i64 i64 -> i64', 'const s = bl & 63 ; s < 32 ? (al >>> s) | ((ah << 1) << (31 - s)) : ah >>> s ; s < 32 ? ah >>> s : 0'],
    ['i64.rotl', 0x89, '', 'i64 i64 -> i64', 'const s = bl & 63 ; const x = s < 32 ? al : ah ; const y = s < 32 ? ah : al ; (x << s) | ((y >>> 1) >>> (31 - s)) ; (y << s) | ((x >>> 1) >>> (31 - s))'],
    ['i64.rotr', 0x8a, '', 'i64 i64 -> i64', 'const s = -bl & 63 ; const x = s < 32 ? al : ah ; const y = s < 32 ? ah : al ; (x << s) | ((y >>> 1) >>> (31 - s)) ; (y << s) | ((x >>> 1) >>> (31 - s))'],

    ['f32.abs', 0x8b, '', 'f32 -> f32', '# ai & 0x7fffffff'],
    ['f32.neg', 0x8c, '', 'f32 -> f32', '# ai ^ 0x80000000'],
    ['f32.ceil', 0x8d, '', 'f32 -> f32', 'Math.ceil(a)'],
    ['f32.floor', 0x8e, '', 'f32 -> f32', 'Math.floor(a)'],
    ['f32.trunc', 0x8f, '', 'f32 -> f32', 'Math.trunc(a)'],
    ['f32.nearest', 0x90, '', 'f32 -> f32', 'num.nearest(a)'],
    ['f32.sqrt', 0x91, '', 'f32 -> f32', 'Math.sqrt(a)'],
    ['f32.add', 0x92, '', 'f32 f32 -> f32', 'a + b'],
    ['f32.sub', 0x93, '', 'f32 f32 -> f32', 'a - b'],
    ['f32.mul', 0x94, '', 'f32 f32 -> f32', 'a * b'],
    ['f32.div', 0x95, '', 'f32 f32 -> f32', 'a / b'],
    ['f32.min', 0x96, '', 'f32 f32 -> f32', 'Math.min(a, b)'],
    ['f32.max', 0x97, '', 'f32 f32 -> f32', 'Math.max(a, b)'],
    ['f32.copysign', 0x98, '', 'f32 f32 -> f32', '# (ai & 0x7fffffff) | (bi & 0x80000000)'],
    ['f64.abs', 0x99, '', 'f64 -> f64', '# al ; ah & 0x7fffffff'],
    ['f64.neg', 0x9a, '', 'f64 -> f64', '# al ; ah ^ 0x80000000'],
    ['f64.ceil', 0x9b, '', 'f64 -> f64', 'const t = Math.ceil(a) ; t === t ? t : NaN'],
    ['f64.floor', 0x9c, '', 'f64 -> f64', 'const t = Math.floor(a) ; t === t ? t : NaN'],
    ['f64.trunc', 0x9d, '', 'f64 -> f64', 'const t = Math.trunc(a) ; t === t ? t : NaN'],
    ['f64.nearest', 0x9e, '', 'f64 -> f64', 'const t = num.nearest(a) ; t === t ? t : NaN'],
    ['f64.sqrt', 0x9f, '', 'f64 -> f64', 'const t = Math.sqrt(a) ; t === t ? t : NaN'],
    ['f64.add', 0xa0, '', 'f64 f64 -> f64', 'a + b'],
    ['f64.sub', 0xa1, '', 'f64 f64 -> f64', 'a - b'],
    ['f64.mul', 0xa2, '', 'f64 f64 -> f64', 'a * b'],
    ['f64.div', 0xa3, '', 'f64 f64 -> f64', 'a / b'],
    ['f64.min', 0xa4, '', 'f64 f64 -> f64', 'const t = Math.min(a, b) ; t === t ? t : NaN'],
    ['f64.max', 0xa5, '', 'f64 f64 -> f64', 'const t = Math.max(a, b) ; t === t ? t : NaN'],
    ['f64.copysign', 0xa6, '', 'f64 f64 -> f64', '# al ; (ah & 0x7fffffff) | (bh & 0x80000000)'],

    ['i32.wrap_i64', 0xa7, '', 'i64 -> i32', 'al'],
    ['i32.trunc_f32_s', 0xa8, '', 'f32 -> i32', 'num.trunc32s(a)'],
    ['i32.trunc_f32_u', 0xa9, '', 'f32 -> i32', 'num.trunc32u(a)'],
    ['i32.trunc_f64_s', 0xaa, '', 'f64 -> i32', 'num.trunc32s(a)'],
    ['i32.trunc_f64_u', 0xab, '', 'f64 -> i32', 'num.trunc32u(a)'],
    ['i64.extend_i32_s', 0xac, '', 'i32 -> i64', 'a ; a >> 31'],
    ['i64.extend_i32_u', 0xad, '', 'i32 -> i64', 'a ; 0'],
    ['i64.trunc_f32_s', 0xae, '', 'f32 -> i64', 'num.trunc64s(a) ; num.hi'],
    ['i64.trunc_f32_u', 0xaf, '', 'f32 -> i64', 'num.trunc64u(a) ; num.hi'],
    ['i64.trunc_f64_s', 0xb0, '', 'f64 -> i64', 'num.trunc64s(a) ; num.hi'],
    ['i64.trunc_f64_u', 0xb1, '', 'f64 -> i64', 'num.trunc64u(a) ; num.hi'],
    ['f32.convert_i32_s', 0xb2, '', 'i32 -> f32', 'a'],
    ['f32.convert_i32_u', 0xb3, '', 'i32 -> f32', 'a >>> 0'],
    ['f32.convert_i64_s', 0xb4, '', 'i64 -> f32', 'num.f32FromI64(al, ah)'],
    ['f32.convert_i64_u', 0xb5, '', 'i64 -> f32', 'num.f32FromU64(al, ah)'],
    ['f32.demote_f64', 0xb6, '', 'f64 -> f32', 'a'],
    ['f64.convert_i32_s', 0xb7, '', 'i32 -> f64', 'a'],
    ['f64.convert_i32_u', 0xb8, '', 'i32 -> f64', 'a >>> 0'],
    ['f64.convert_i64_s', 0xb9, '', 'i64 -> f64', 'ah * 4294967296 + (al >>> 0)'],
    ['f64.convert_i64_u', 0xba, '', 'i64 -> f64', '(ah >>> 0) * 4294967296 + (al >>> 0)'],
    ['f64.promote_f32', 0xbb, '', 'f32 -> f64', 'a'],
    ['i32.reinterpret_f32', 0xbc, '', 'f32 -> i32', 'ai'],
    ['i64.reinterpret_f64', 0xbd, '', 'f64 -> i64', 'al ; ah'],
    ['f32.reinterpret_i32', 0xbe, '', 'i32 -> f32', '# a'],
    ['f64.reinterpret_i64', 0xbf, '', 'i64 -> f64', '# al ; ah'],
  ],

  'sign-extension': [
    ['i32.extend8_s', 0xc0, '', 'i32 -> i32', '(a << 24) >> 24'],
    ['i32.extend16_s', 0xc1, '', 'i32 -> i32', '(a << 16) >> 16'],
    ['i64.extend8_s', 0xc2, '', 'i64 -> i64', 'const t = (al << 24) >> 24 ; t ; t >> 31'],
    ['i64.extend16_s', 0xc3, '', 'i64 -> i64', 'const t = (al << 16) >> 16 ; t ; t >> 31'],
    ['i64.extend32_s', 0xc4, '', 'i64 -> i64', 'al ; al >> 31'],
  ],

  'saturating-conversion': [
    ['i32.trunc_sat_f32_s', fc(0), '', 'f32 -> i32', 'num.sat32s(a)'],
    ['i32.trunc_sat_f32_u', fc(1), '', 'f32 -> i32', 'num.sat32u(a)'],
    ['i32.trunc_sat_f64_s', fc(2), '', 'f64 -> i32', 'num.sat32s(a)'],
    ['i32.trunc_sat_f64_u', fc(3), '', 'f64 -> i32', 'num.sat32u(a)'],
    ['i64.trunc_sat_f32_s', fc(4), '', 'f32 -> i64', 'num.sat64s(a) ; num.hi'],
    ['i64.trunc_sat_f32_u', fc(5), '', 'f32 -> i64', 'num.sat64u(a) ; num.hi'],
    ['i64.trunc_sat_f64_s', fc(6), '', 'f64 -> i64', 'num.sat64s(a) ; num.hi'],
    ['i64.trunc_sat_f64_u', fc(7), '', 'f64 -> i64', 'num.sat64u(a) ; num.hi'],
  ],

  'bulk-memory': [
    ['memory.init', fc(8), 'data memory', 'addr i32 i32 ->'],
    ['data.drop', fc(9), 'data', '->'],
    ['memory.copy', fc(10), 'memory memory2', 'special'],
    ['memory.fill', fc(11), 'memory', 'addr i32 addr ->'],
    ['table.init', fc(12), 'elem table', 'special'],
    ['elem.drop', fc(13), 'elem', 'special'],
    ['table.copy', fc(14), 'table table2', 'special'],
  ],

  'reference-types': [
    ['select t', 0x1c, 'types', 'special'],
    ['table.get', 0x25, 'table', 'special'],
    ['table.set', 0x26, 'table', 'special'],
    ['ref.null', 0xd0, 'heap', 'special'],
    ['ref.is_null', 0xd1, '', 'special'],
    ['ref.func', 0xd2, 'func', 'special'],
    ['table.grow', fc(15), 'table', 'special'],
    ['table.size', fc(16), 'table', 'special'],
    ['table.fill', fc(17), 'table', 'special'],
  ],

  'tail-call': [
    ['return_call', 0x12, 'func', 'special'],
    ['return_call_indirect', 0x13, 'type table', 'special'],
  ],

  'function-references': [
    ['call_ref', 0x14, 'type', 'special'],
    ['return_call_ref', 0x15, 'type', 'special'],
    ['ref.as_non_null', 0xd4, '', 'special'],
    ['br_on_null', 0xd5, 'label', 'special'],
    ['br_on_non_null', 0xd6, 'label', 'special'],
  ],

  gc: [
    ['ref.eq', 0xd3, '', 'eqref eqref -> i32', 'al === bl && ah === bh ? 1 : 0'],
    ['struct.new', fb(0), 'type', 'special'],
    ['struct.new_default', fb(1), 'type', 'special'],
    ['struct.get', fb(2), 'type field', 'special'],
    ['struct.get_s', fb(3), 'type field', 'special struct.get'],
    ['struct.get_u', fb(4), 'type field', 'special struct.get'],
    ['struct.set', fb(5), 'type field', 'special'],
    ['array.new', fb(6), 'type', 'special'],
    ['array.new_default', fb(7), 'type', 'special'],
    ['array.new_fixed', fb(8), 'type count', 'special'],
    ['array.new_data', fb(9), 'type data', 'special'],
    ['array.new_elem', fb(10), 'type elem', 'special'],
    ['array.get', fb(11), 'type', 'special'],
    ['array.get_s', fb(12), 'type', 'special array.get'],
    ['array.get_u', fb(13), 'type', 'special array.get'],
    ['array.set', fb(14), 'type', 'special'],
    ['array.len', fb(15), '', 'arrayref -> i32'],
    ['array.fill', fb(16), 'type', 'special'],
    ['array.copy', fb(17), 'type type2', 'special'],
    ['array.init_data', fb(18), 'type data', 'special'],
    ['array.init_elem', fb(19), 'type elem', 'special'],
    ['ref.test', fb(20), 'heap', 'special'],
    ['ref.test null', fb(21), 'heap', 'special ref.test'],
    ['ref.cast', fb(22), 'heap', 'special'],
    ['ref.cast null', fb(23), 'heap', 'special ref.cast'],
    ['br_on_cast', fb(24), 'cast', 'special'],
    ['br_on_cast_fail', fb(25), 'cast', 'special'],
    ['any.convert_extern', fb(26), '', 'special'],
    ['extern.convert_any', fb(27), '', 'special'],
    ['ref.i31', fb(28), '', 'special'],
    ['i31.get_s', fb(29), '', 'i31ref -> i32'],
    ['i31.get_u', fb(30), '', 'i31ref -> i32'],
  ],

  exceptions: [
    ['throw', 0x08, 'tag', 'special'],
    ['throw_ref', 0x0a, '', 'special'],
    ['try_table', 0x1f, 'block catches', 'special'],
  ],

  'legacy-exceptions': [
    ['try', 0x06, 'block', 'special'],
    ['catch', 0x07, 'tag', 'special'],
    ['rethrow', 0x09, 'label', 'special'],
    ['delegate', 0x18, 'label', 'special'],
    ['catch_all', 0x19, '', 'special'],
  ],

  simd: simdRows,
  'relaxed-simd': relaxedRows,
  threads: threadsRows,

  'wide-arithmetic': [
    ['i64.add128', fc(19), '', 'i64 i64 i64 i64 -> i64 i64'],
    ['i64.sub128', fc(20), '', 'i64 i64 i64 i64 -> i64 i64'],
    ['i64.mul_wide_s', fc(21), '', 'i64 i64 -> i64 i64'],
    ['i64.mul_wide_u', fc(22), '', 'i64 i64 -> i64 i64'],
  ],
};

const specialOf = (name: string, type: string): Special | undefined =>
  type.startsWith('special') ? ((type.slice(8) || name) as Special) : undefined;

function operands(text: string): OperandType[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => (word === 'addr' ? 'addr' : (typeNamed(word) as ValType)));
}

function instruction([name, code, immediates, type, semantics = '']: Row, feature: Feature): Instruction {
  const special = specialOf(name, type);
  const [params = '', results = ''] = special === undefined ? type.split('->') : [];
  return {
    name,
    code,
    immediates: immediates === '' ? [] : (immediates.split(' ') as Immediate[]),
    special,
    params: operands(params),
    results: operands(results),
    semantics,
    feature,
  };
}

/** All instructions, in the order of the table. */
export const instructions: readonly Instruction[] = (Object.keys(rows) as Feature[]).flatMap((feature) =>
  rows[feature].map((row) => instruction(row, feature)),
);

const byName = new Map(instructions.map((row) => [row.name, row]));

/** The row of a mnemonic. Throws a RangeError for one that the table does not hold. */
export function instructionNamed(name: string): Instruction {
  const row = byName.get(name);
  if (row === undefined) throw new RangeError(`no instruction is called ${name}`);
  return row;
}

/** How many bytes of a memory an instruction reads or writes at its address; 0 where it has no memarg. */
export function bytesAccessed({ immediates }: Instruction): number {
  const memarg = immediates.find((kind) => kind.startsWith('memarg'));
  return Number(memarg?.slice('memarg'.length) ?? 0);
}

/** Rows by code: one byte, then for each prefix byte its sub-opcodes. */
export const oneByte: readonly (Instruction | undefined)[] = indexed(0);
export const prefixed: ReadonlyMap<number, readonly (Instruction | undefined)[]> = new Map(
  [0xfb, 0xfc, 0xfd, 0xfe].map((byte) => [byte, indexed(byte)]),
);

function indexed(byte: number): (Instruction | undefined)[] {
  const list: (Instruction | undefined)[] = [];
  for (const row of instructions) if (Math.floor(row.code / 0x10000) === byte) list[row.code % 0x10000] = row;
  return list;
}
