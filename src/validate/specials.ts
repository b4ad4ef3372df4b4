// The rules of control, parametric, variable, table, memory and reference instructions that the table cannot say as a
// plain stack type. Exceptions and GC have files of their own.
// https://webassembly.github.io/spec/core/valid/instructions.html

import { valMatches } from '../spec/deftypes.ts';
import type { Special } from '../spec/instructions.ts';
import { type AddrType, type FuncType, funcref, isRef, type RefType, type ValType } from '../spec/types.ts';
import { exceptionRules } from './exceptions.ts';
import { gcRules } from './gc.ts';
import type { Machine } from './machine.ts';
import { abstractRef, type Operand } from './operand.ts';

type Rules<S extends Special> = Record<S, (v: Machine) => void>;

// Blocks

function elseRule(v: Machine): void {
  if (v.top.kind !== 'if') v.fail('else outside of an if');
  const frame = v.close();
  v.clause('else', frame, frame.params);
}

function endRule(v: Machine): void {
  const frame = v.close();
  if (frame.kind === 'if') v.implicitElse(frame);
  if (v.controls.length === 0) v.done = true;
  else v.pushAll(frame.results);
}

const control: Rules<'unreachable' | 'block' | 'loop' | 'if' | 'else' | 'end'> = {
  unreachable: (v) => v.setUnreachable(),
  block: (v) => v.open('block', v.blockType()),
  loop: (v) => v.open('loop', v.blockType()),
  if: (v) => {
    const type = v.blockType();
    v.pop('i32');
    v.open('if', type);
  },
  else: elseRule,
  end: endRule,
};

// Branches

/** https://webassembly.github.io/spec/core/valid/instructions.html#valid-br-table */
function brTable(v: Machine): void {
  v.pop('i32');
  const { labels } = v.reader;
  const arity = v.labelTypes(v.label(labels[labels.length - 1] as number)).length;
  let before: readonly ValType[] | undefined;
  for (const depth of labels) {
    const types = v.labelTypes(v.label(depth));
    if (types === before) continue;
    if (types.length !== arity) v.fail('type mismatch: labels of br_table differ in arity');
    v.expect(types);
    before = types;
  }
  v.setUnreachable();
}

function brOnNull(v: Machine): void {
  const types = v.labelTypes(v.label(v.reader.x));
  const { heap } = v.popRef();
  v.replace(types);
  v.push(abstractRef(heap, false));
}

/** The reference that a label takes last, and what it takes below it. */
function labelRef(v: Machine): { rest: readonly ValType[]; last: RefType } {
  const types = v.labelTypes(v.label(v.reader.x));
  const last = types[types.length - 1];
  if (last === undefined || !isRef(last)) return v.fail('type mismatch: the label takes no reference');
  return { rest: types.slice(0, -1), last };
}

function brOnNonNull(v: Machine): void {
  const { rest, last } = labelRef(v);
  const { heap } = v.popRef();
  v.push(abstractRef(heap, false));
  v.pop(last);
  v.replace(rest);
}

/** https://webassembly.github.io/spec/core/valid/instructions.html#valid-br-on-cast */
function brOnCast(v: Machine, onFail: boolean): void {
  const { from, to } = v.reader;
  const source = v.closedRef(from.heap, from.nullable);
  const target = v.closedRef(to.heap, to.nullable);
  if (!valMatches(target, source)) v.fail('type mismatch: the target of a cast must match its source');
  const others: RefType = { heap: source.heap, nullable: source.nullable && !target.nullable };
  const { rest, last } = labelRef(v);
  if (!valMatches(onFail ? others : target, last)) v.fail('type mismatch: the label does not take the reference');
  v.pop(source);
  v.replace(rest);
  v.push(onFail ? target : others);
}

const branches: Rules<
  'br' | 'br_if' | 'br_table' | 'br_on_null' | 'br_on_non_null' | 'br_on_cast' | 'br_on_cast_fail' | 'return'
> = {
  br: (v) => {
    v.popAll(v.labelTypes(v.label(v.reader.x)));
    v.setUnreachable();
  },
  br_if: (v) => {
    v.pop('i32');
    v.replace(v.labelTypes(v.label(v.reader.x)));
  },
  br_table: brTable,
  br_on_null: brOnNull,
  br_on_non_null: brOnNonNull,
  br_on_cast: (v) => brOnCast(v, false),
  br_on_cast_fail: (v) => brOnCast(v, true),
  return: (v) => {
    v.popAll(v.label(v.controls.length - 1).results);
    v.setUnreachable();
  },
};

// Calls

function call(v: Machine, { params, results }: FuncType): void {
  v.popAll(params);
  v.pushAll(results);
}

/** https://webassembly.github.io/spec/core/valid/instructions.html#valid-return-call */
function tailCall(v: Machine, { params, results }: FuncType): void {
  const wanted = v.label(v.controls.length - 1).results;
  const fits = results.length === wanted.length && results.every((type, i) => valMatches(type, wanted[i] as ValType));
  if (!fits) v.fail('type mismatch: the callee gives other results than the function');
  v.popAll(params);
  v.setUnreachable();
}

const direct = (v: Machine): FuncType => v.funcAt(v.reader.x).comp as FuncType;

function indirect(v: Machine): FuncType {
  const { x, y } = v.reader;
  const table = v.tableAt(y);
  if (!valMatches(table.ref, funcref)) v.fail('type mismatch: the table holds no functions');
  const type = v.funcTypeAt(x);
  v.pop(table.addr);
  return type;
}

function byRef(v: Machine): FuncType {
  const type = v.funcTypeAt(v.reader.x);
  v.pop(v.closedRef(v.reader.x, true));
  return type;
}

const calls: Rules<'call' | 'call_indirect' | 'call_ref' | 'return_call' | 'return_call_indirect' | 'return_call_ref'> =
  {
    call: (v) => call(v, direct(v)),
    call_indirect: (v) => call(v, indirect(v)),
    call_ref: (v) => call(v, byRef(v)),
    return_call: (v) => tailCall(v, direct(v)),
    return_call_indirect: (v) => tailCall(v, indirect(v)),
    return_call_ref: (v) => tailCall(v, byRef(v)),
  };

// Parametric

/** Without a type only numbers and vectors may be selected: which type it is follows from the operands. */
function select(v: Machine): void {
  v.pop('i32');
  const second = v.popAny();
  const first = v.popAny();
  const plain = (type: Operand) => typeof type === 'string';
  if (!plain(first) || !plain(second) || (first !== second && first !== 'bot' && second !== 'bot'))
    v.fail('type mismatch: select needs two operands of the same number or vector type');
  v.push(first === 'bot' ? second : first);
}

function selectTyped(v: Machine): void {
  const { types } = v.reader;
  if (types.length !== 1) v.fail('invalid result arity');
  const type = v.closed(types[0] as ValType);
  v.popAll([type, type, 'i32']);
  v.push(type);
}

const parametric: Rules<'drop' | 'select' | 'select t'> = {
  drop: (v) => void v.popAny(),
  select,
  'select t': selectTyped,
};

// Variables

const variables: Rules<'local.get' | 'local.set' | 'local.tee' | 'global.get' | 'global.set'> = {
  'local.get': (v) => {
    const { x } = v.reader;
    const type = v.localType(x);
    if (!v.isInitialized(x, type)) v.fail(`uninitialized local ${x}`);
    v.push(type);
  },
  'local.set': (v) => {
    const { x } = v.reader;
    const type = v.localType(x);
    v.pop(type);
    v.initialize(x, type);
  },
  'local.tee': (v) => {
    const { x } = v.reader;
    const type = v.localType(x);
    v.pop(type);
    v.initialize(x, type);
    v.push(type);
  },
  'global.get': (v) => v.push(v.globalAt(v.reader.x).type),
  'global.set': (v) => {
    const { type, mutable } = v.globalAt(v.reader.x);
    if (!mutable) v.fail(`immutable global ${v.reader.x}`);
    v.pop(type);
  },
};

// Tables and memories

/** The address type in which a length fits both. */
const narrower = (a: AddrType, b: AddrType): AddrType => (a === 'i64' && b === 'i64' ? 'i64' : 'i32');

const tables: Rules<
  | 'table.get'
  | 'table.set'
  | 'table.size'
  | 'table.grow'
  | 'table.fill'
  | 'table.copy'
  | 'table.init'
  | 'elem.drop'
  | 'memory.copy'
> = {
  'table.get': (v) => {
    const { addr, ref } = v.tableAt(v.reader.x);
    v.pop(addr);
    v.push(ref);
  },
  'table.set': (v) => {
    const { addr, ref } = v.tableAt(v.reader.x);
    v.popAll([addr, ref]);
  },
  'table.size': (v) => v.push(v.tableAt(v.reader.x).addr),
  'table.grow': (v) => {
    const { addr, ref } = v.tableAt(v.reader.x);
    v.popAll([ref, addr]);
    v.push(addr);
  },
  'table.fill': (v) => {
    const { addr, ref } = v.tableAt(v.reader.x);
    v.popAll([addr, ref, addr]);
  },
  'table.copy': (v) => {
    const to = v.tableAt(v.reader.x);
    const from = v.tableAt(v.reader.y);
    if (!valMatches(from.ref, to.ref)) v.fail('type mismatch: the tables hold different references');
    v.popAll([to.addr, from.addr, narrower(to.addr, from.addr)]);
  },
  'table.init': (v) => {
    const table = v.tableAt(v.reader.y);
    const elem = v.elemAt(v.reader.x);
    if (!valMatches(elem, table.ref)) v.fail('type mismatch: the segment holds other references than the table');
    v.popAll([table.addr, 'i32', 'i32']);
  },
  'elem.drop': (v) => void v.elemAt(v.reader.x),
  'memory.copy': (v) => {
    const to = v.memoryAt(v.reader.x).addr;
    const from = v.memoryAt(v.reader.y).addr;
    v.popAll([to, from, narrower(to, from)]);
  },
};

// References

const references: Rules<'ref.null' | 'ref.is_null' | 'ref.func' | 'ref.as_non_null'> = {
  'ref.null': (v) => v.push(v.closedRef(v.reader.heap, true)),
  'ref.is_null': (v) => {
    v.popRef();
    v.push('i32');
  },
  'ref.func': (v) => {
    const heap = v.funcAt(v.reader.x);
    v.refFunc(v.reader.x);
    v.push({ heap, nullable: false });
  },
  'ref.as_non_null': (v) => v.push(abstractRef(v.popRef().heap, false)),
};

export const specials = {
  ...control,
  ...branches,
  ...calls,
  ...parametric,
  ...variables,
  ...tables,
  ...references,
  ...exceptionRules,
  ...gcRules,
} satisfies Rules<Special>;
