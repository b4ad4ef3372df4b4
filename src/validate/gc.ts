// The rules of structures, arrays and casts.
// https://webassembly.github.io/spec/core/valid/instructions.html#aggregate-reference-instructions

import { topOf, valMatches } from '../spec/deftypes.ts';
import { LimitError } from '../spec/errors.ts';
import type { Special } from '../spec/instructions.ts';
import {
  type ArrayType,
  type FieldType,
  isRef,
  type StorageType,
  type StructType,
  type ValType,
} from '../spec/types.ts';
import { isDefaultable } from './context.ts';
import { limits } from './limits.ts';
import type { Machine } from './machine.ts';
import { abstractRef } from './operand.ts';

const isPacked = (type: StorageType): type is 'i8' | 'i16' => type === 'i8' || type === 'i16';
const unpacked = (type: StorageType): ValType => (isPacked(type) ? 'i32' : type);
const fieldDefaults = ({ storage }: FieldType): boolean => isDefaultable(unpacked(storage));

function structAt(v: Machine, index: number): StructType {
  const { comp } = v.typeAt(index);
  return comp.kind === 'struct' ? comp : v.fail(`type mismatch: type ${index} is not a structure type`);
}

function arrayAt(v: Machine, index: number): FieldType {
  const { comp } = v.typeAt(index);
  return comp.kind === 'array'
    ? (comp as ArrayType).field
    : v.fail(`type mismatch: type ${index} is not an array type`);
}

function mutableArrayAt(v: Machine, index: number): FieldType {
  const field = arrayAt(v, index);
  return field.mutable ? field : v.fail(`immutable array type ${index}`);
}

function fieldAt(v: Machine): FieldType {
  const { x, y } = v.reader;
  return structAt(v, x).fields[y] ?? v.fail(`unknown field ${y}`);
}

const pushRef = (v: Machine) => v.push(v.closedRef(v.reader.x, false));

/** The extending variants are for packed fields and for nothing else. */
function pushField(v: Machine, { storage }: FieldType): void {
  const extends_ = v.reader.row.name.includes('.get_');
  if (extends_ !== isPacked(storage)) v.fail(`type mismatch: field is ${extends_ ? 'not packed' : 'packed'}`);
  v.push(unpacked(storage));
}

function popRepeated(v: Machine, type: ValType, count: number): void {
  if (count > limits['operands of array.new_fixed'])
    throw new LimitError(`array.new_fixed with ${count} operands`, {
      limit: 'operands of array.new_fixed',
      value: limits['operands of array.new_fixed'],
    });
  for (let i = 0; i < count; i++) v.pop(type);
}

/** Bytes of a data segment can only become numbers and vectors. */
function checkBytes(v: Machine, { storage }: FieldType): void {
  if (typeof storage === 'object') v.fail('array type is not numeric or vector');
  v.checkData(v.reader.y);
}

function checkElem(v: Machine, { storage }: FieldType): void {
  const elem = v.elemAt(v.reader.y);
  if (isPacked(storage) || !isRef(storage) || !valMatches(elem, storage))
    v.fail('type mismatch: the segment holds other values than the array');
}

const structs = {
  'struct.new': (v: Machine) => {
    const { fields } = structAt(v, v.reader.x);
    v.popAll(fields.map(({ storage }) => unpacked(storage)));
    pushRef(v);
  },
  'struct.new_default': (v: Machine) => {
    if (!structAt(v, v.reader.x).fields.every(fieldDefaults)) v.fail('type mismatch: a field has no default value');
    pushRef(v);
  },
  'struct.get': (v: Machine) => {
    const field = fieldAt(v);
    v.pop(v.closedRef(v.reader.x, true));
    pushField(v, field);
  },
  'struct.set': (v: Machine) => {
    const { storage, mutable } = fieldAt(v);
    if (!mutable) v.fail(`immutable field ${v.reader.y}`);
    v.popAll([v.closedRef(v.reader.x, true), unpacked(storage)]);
  },
};

const arrays = {
  'array.new': (v: Machine) => {
    v.popAll([unpacked(arrayAt(v, v.reader.x).storage), 'i32']);
    pushRef(v);
  },
  'array.new_default': (v: Machine) => {
    if (!fieldDefaults(arrayAt(v, v.reader.x))) v.fail('type mismatch: the elements have no default value');
    v.pop('i32');
    pushRef(v);
  },
  'array.new_fixed': (v: Machine) => {
    popRepeated(v, unpacked(arrayAt(v, v.reader.x).storage), v.reader.y);
    pushRef(v);
  },
  'array.new_data': (v: Machine) => {
    checkBytes(v, arrayAt(v, v.reader.x));
    v.popAll(['i32', 'i32']);
    pushRef(v);
  },
  'array.new_elem': (v: Machine) => {
    checkElem(v, arrayAt(v, v.reader.x));
    v.popAll(['i32', 'i32']);
    pushRef(v);
  },
  'array.get': (v: Machine) => {
    const field = arrayAt(v, v.reader.x);
    v.popAll([v.closedRef(v.reader.x, true), 'i32']);
    pushField(v, field);
  },
  'array.set': (v: Machine) => {
    const { storage } = mutableArrayAt(v, v.reader.x);
    v.popAll([v.closedRef(v.reader.x, true), 'i32', unpacked(storage)]);
  },
  'array.fill': (v: Machine) => {
    const { storage } = mutableArrayAt(v, v.reader.x);
    v.popAll([v.closedRef(v.reader.x, true), 'i32', unpacked(storage), 'i32']);
  },
  'array.copy': (v: Machine) => {
    const { x, y } = v.reader;
    const to = mutableArrayAt(v, x);
    const from = arrayAt(v, y);
    if (!valMatches(from.storage, to.storage)) v.fail('array types do not match');
    v.popAll([v.closedRef(x, true), 'i32', v.closedRef(y, true), 'i32', 'i32']);
  },
  'array.init_data': (v: Machine) => {
    checkBytes(v, mutableArrayAt(v, v.reader.x));
    v.popAll([v.closedRef(v.reader.x, true), 'i32', 'i32', 'i32']);
  },
  'array.init_elem': (v: Machine) => {
    checkElem(v, mutableArrayAt(v, v.reader.x));
    v.popAll([v.closedRef(v.reader.x, true), 'i32', 'i32', 'i32']);
  },
};

/** What the row casts to; its operand may be any reference of the same hierarchy. */
function castTarget(v: Machine) {
  const target = v.closedRef(v.reader.heap, v.reader.row.name.endsWith(' null'));
  v.pop(abstractRef(topOf(target.heap), true));
  return target;
}

/** https://webassembly.github.io/spec/core/valid/instructions.html#valid-extern-convert-any */
function convert(v: Machine, from: 'any' | 'extern', to: 'any' | 'extern'): void {
  const have = v.popRef();
  v.push(have);
  v.pop(abstractRef(from, true));
  v.push(abstractRef(to, have.nullable));
}

export const gcRules = {
  ...structs,
  ...arrays,
  'ref.test': (v) => {
    castTarget(v);
    v.push('i32');
  },
  'ref.cast': (v) => v.push(castTarget(v)),
  'any.convert_extern': (v) => convert(v, 'extern', 'any'),
  'extern.convert_any': (v) => convert(v, 'any', 'extern'),
  'ref.i31': (v) => {
    v.pop('i32');
    v.push(abstractRef('i31', false));
  },
} satisfies Partial<Record<Special, (v: Machine) => void>>;
