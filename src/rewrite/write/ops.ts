// The opcodes that rewriting writes of its own, looked up in the table.

import { instructionNamed } from '../../spec/instructions.ts';

const codeOf = (name: string): number => instructionNamed(name).code;

const names = [
  'drop',
  'select',
  'i32.add',
  'i32.sub',
  'i32.mul',
  'i32.shr_u',
  'i32.lt_u',
  'i32.le_u',
  'i32.gt_u',
  'i32.load8_u',
  'i32.and',
  'i32.or',
  'i32.eq',
  'i64.or',
  'i64.shr_u',
  'i32.wrap_i64',
  'i64.extend_i32_s',
  'i32.eqz',
  'i32.lt_s',
  'i32.ge_s',
  'i32.const',
  'i64.const',
  'f32.const',
  'f64.const',
  'i64.eqz',
  'f32.ne',
  'f64.ne',
  'i64.store',
  'i64.load',
  'i32.load',
  'f32.load',
  'f64.load',
  'f64.store',
  'i64.extend_i32_u',
  'i32.reinterpret_f32',
  'i64.reinterpret_f64',
] as const;

export const code = Object.fromEntries(names.map((name) => [name, codeOf(name)])) as Record<
  (typeof names)[number],
  number
>;

export const Op = {
  block: codeOf('block'),
  loop: codeOf('loop'),
  if: codeOf('if'),
  else: codeOf('else'),
  end: codeOf('end'),
  br: codeOf('br'),
  brIf: codeOf('br_if'),
  brTable: codeOf('br_table'),
  return: codeOf('return'),
  unreachable: codeOf('unreachable'),
  call: codeOf('call'),
  callIndirect: codeOf('call_indirect'),
  returnCall: codeOf('return_call'),
  returnCallIndirect: codeOf('return_call_indirect'),
  localGet: codeOf('local.get'),
  localSet: codeOf('local.set'),
  localTee: codeOf('local.tee'),
  globalGet: codeOf('global.get'),
  globalSet: codeOf('global.set'),
  i32Const: codeOf('i32.const'),
  /** The type of a block that takes and gives nothing. */
  noType: 0x40,
} as const;
