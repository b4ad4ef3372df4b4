// How the instructions are lowered whose operands or flow depend on their context. The plain rows of the table are in
// lowerer.ts.

import type { Special } from '../../spec/instructions.ts';
import { type FuncType, slotsOf } from '../../spec/types.ts';
import { delegate, emitStubs, exceptions, settleResults } from './lower-exceptions.ts';
import { gcLowerings } from './lower-gc.ts';
import type { Condition, Lowerer } from './lowerer.ts';
import type { Operand } from './operands.ts';

type Lowering = (l: Lowerer) => void;
type Lowerings<S extends Special> = Record<S, Lowering>;

// Blocks

function block(l: Lowerer, kind: 'block' | 'loop' | 'if'): void {
  const type = l.v.unreachable ? undefined : l.v.blockType();
  const condition = kind === 'if' && type !== undefined ? l.takeCondition() : undefined;
  if (type !== undefined) l.operands.flush();
  l.openLabel(kind, type?.params.length ?? 0);
  if (type === undefined) return;
  if (kind === 'loop') charge(l);
  if (condition !== undefined) jumpToElse(l, condition);
}

function charge(l: Lowerer): void {
  l.op(l.folding ? 'charge' : 'charge plain');
  l.put(l.plan.loopCosts.get(l.v.pc) ?? 1);
  if (l.folding) l.point(l.v.pc + l.v.reader.pos - l.v.reader.start);
}

function jumpToElse(l: Lowerer, condition: Condition): void {
  l.jumpOn(condition, true);
  l.label(0).toElse = l.here;
  l.put(0);
}

function elseOf(l: Lowerer): void {
  const label = l.label(0);
  if (!label.live) return;
  if (!l.v.unreachable) {
    l.operands.flush();
    l.op('br');
    l.target(label);
  }
  l.land([label.toElse]);
  label.toElse = -1;
  l.operands.truncate(label.height);
  l.pushTypes(l.v.top.params);
}

function end(l: Lowerer): void {
  const label = l.label(0);
  l.labels.pop();
  if (!label.live) return;
  const { results } = l.v.top;
  const inPlace = !l.v.unreachable && l.inPlace(label, results.length);
  if (!l.v.unreachable) settleResults(l, label, results);
  const region = l.regions[label.region];
  if ((label.kind === 'try_table' || label.kind === 'try') && region !== undefined && !label.clause) {
    region.end = l.here;
    emitStubs(l, label);
  }
  if (label.toElse >= 0) l.land([label.toElse]);
  l.land(label.toEnd);
  // Where they stand as they shall there may be very many, block after block.
  if (!inPlace || l.operands.list.length !== label.height + results.length) {
    l.operands.truncate(label.height);
    l.pushTypes(results);
  }
  if (label.kind === 'func') l.return(results);
}

const blocks: Lowerings<'block' | 'loop' | 'if' | 'else' | 'end' | 'delegate'> = {
  block: (l) => block(l, 'block'),
  loop: (l) => block(l, 'loop'),
  if: (l) => block(l, 'if'),
  else: elseOf,
  end,
  delegate(l) {
    delegate(l);
    end(l);
  },
};

// Branches

/** One target of a br_table: straight to the label where its operands are in place, else through a stub. */
function brTable(l: Lowerer): void {
  const index = l.register(l.operands.pop());
  l.operands.flush();
  const { labels } = l.v.reader;
  l.op('br_table');
  l.put(index, labels.length - 1);
  const stubs = new Map<number, number[]>();
  for (const depth of labels) {
    const count = l.v.labelTypes(l.v.label(depth)).length;
    if (l.inPlace(l.label(depth), count)) l.target(l.label(depth));
    else {
      const places = stubs.get(depth);
      if (places === undefined) stubs.set(depth, [l.here]);
      else places.push(l.here);
      l.put(0);
    }
  }
  for (const [depth, places] of stubs) {
    l.land(places);
    l.branch(depth);
  }
  l.dead();
}

/** A register above the operands, for a condition that no operand holds. */
const scratch = (l: Lowerer): number => l.operands.top;

/** Leaves in a scratch register whether the top operand is null; the operand is put into its slot. */
function isNull(l: Lowerer): Condition {
  l.operands.flush();
  const { at } = l.operands.list[l.operands.list.length - 1] as Operand;
  const to = scratch(l);
  l.op('ref.is_null');
  l.put(to, at);
  return { row: undefined, constant: false, words: [to] };
}

function brOnNull(l: Lowerer): void {
  const condition = isNull(l);
  l.operands.pop();
  l.branchIf(l.v.reader.x, condition, false);
  l.pushSlot();
}

function brOnNonNull(l: Lowerer): void {
  const condition = isNull(l);
  l.branchIf(l.v.reader.x, condition, true);
  l.operands.pop();
}

/** `to` is tested on a copy, because the reference stays an operand of either path. */
function brOnCast(l: Lowerer, onFail: boolean): void {
  const { to, x } = l.v.reader;
  const type = l.v.closedRef(to.heap, to.nullable);
  l.operands.flush();
  const { at, width } = l.operands.list[l.operands.list.length - 1] as Operand;
  const tested = scratch(l);
  l.move(tested, at, width);
  l.pushSlot();
  l.routine('ref.test', 1, [2], [l.code.typeNumber(type)]);
  l.operands.pop();
  l.branchIf(x, { row: undefined, constant: false, words: [tested] }, onFail);
}

function brIf(l: Lowerer): void {
  const condition = l.takeCondition();
  l.branchIf(l.v.reader.x, condition, false);
}

const branches: Lowerings<
  | 'unreachable'
  | 'br'
  | 'br_if'
  | 'br_table'
  | 'br_on_null'
  | 'br_on_non_null'
  | 'br_on_cast'
  | 'br_on_cast_fail'
  | 'return'
> = {
  unreachable: (l) => {
    l.op('unreachable');
    l.dead();
  },
  br: (l) => {
    l.branch(l.v.reader.x);
    l.dead();
  },
  br_if: brIf,
  br_table: brTable,
  br_on_null: brOnNull,
  br_on_non_null: brOnNonNull,
  br_on_cast: (l) => brOnCast(l, false),
  br_on_cast_fail: (l) => brOnCast(l, true),
  return: (l) => {
    l.return(l.v.label(l.labels.length - 1).results);
    l.dead();
  },
};

// Calls

const callee = (l: Lowerer): FuncType => l.v.context.funcs[l.v.reader.x]?.comp as FuncType;
const typed = (l: Lowerer): FuncType => l.v.context.types[l.v.reader.x]?.comp as FuncType;
const typeId = (l: Lowerer): number => l.v.context.types[l.v.reader.x]?.id as number;

/** The operand that tells the callee, brought into a register that the arguments do not disturb. */
function popCallee(l: Lowerer): number {
  return l.register(l.operands.pop());
}

function tail(l: Lowerer, type: FuncType, emit: (base: number) => void): void {
  l.operands.flush();
  for (let i = 0; i < type.params.length; i++) l.operands.pop();
  emit(l.operands.top);
  l.dead();
}

/** Words of a function type's parameters. */
const paramWords = (type: FuncType): number => type.params.reduce((n, t) => n + 2 * slotsOf(t), 0);

const calls: Lowerings<
  'call' | 'call_indirect' | 'call_ref' | 'return_call' | 'return_call_indirect' | 'return_call_ref'
> = {
  call: (l) => {
    const { x } = l.v.reader;
    l.call(callee(l), (base) => {
      l.op('call');
      l.put(x, base);
    });
  },
  call_indirect: (l) => {
    const index = popCallee(l);
    l.call(typed(l), (base) => {
      l.op('call_indirect');
      l.put(l.v.reader.y, index, typeId(l), base);
    });
  },
  call_ref: (l) => {
    const ref = popCallee(l);
    l.call(typed(l), (base) => {
      l.op('call_ref');
      l.put(ref, base);
    });
  },
  return_call: (l) => {
    const { x } = l.v.reader;
    const type = callee(l);
    tail(l, type, (base) => {
      l.op('return_call');
      l.put(x, base, paramWords(type));
    });
  },
  return_call_indirect: (l) => {
    const index = popCallee(l);
    const type = typed(l);
    tail(l, type, (base) => {
      l.op('return_call_indirect');
      l.put(l.v.reader.y, index, typeId(l), base, paramWords(type));
    });
  },
  return_call_ref: (l) => {
    const ref = popCallee(l);
    const type = typed(l);
    tail(l, type, (base) => {
      l.op('return_call_ref');
      l.put(ref, base, paramWords(type));
    });
  },
};

// Parametric

function select(l: Lowerer): void {
  const condition = l.register(l.operands.pop());
  const other = l.operands.pop();
  const first = l.operands.pop();
  if (first.width > 2) return selectWide(l, first, other, condition);
  const registers = [l.register(first), l.register(other)];
  l.op('select');
  const start = l.here - 1;
  l.put(first.at, ...registers, condition);
  l.pushSlot();
  l.made(start);
}

function selectWide(l: Lowerer, first: Operand, other: Operand, condition: number): void {
  const registers = [l.register(first), l.register(other)] as const;
  for (const half of [0, 2]) {
    l.op('select');
    l.put(first.at + half, registers[0] + half, registers[1] + half, condition);
  }
  l.pushSlot(first.width);
}

const parametric: Lowerings<'drop' | 'select' | 'select t'> = {
  drop: (l) => void l.operands.pop(),
  select,
  'select t': select,
};

// Variables

function globalGet(l: Lowerer): void {
  const { x } = l.v.reader;
  const width = 2 * slotsOf(l.v.globalAt(x).type);
  if (width > 2) return l.routine('global.get v128', 0, [width], [x]);
  l.op('global.get');
  const start = l.here - 1;
  l.put(l.operands.top, x);
  l.pushSlot();
  l.made(start);
  if (!l.folding) l.operands.flush();
}

function globalSet(l: Lowerer): void {
  const { x } = l.v.reader;
  if (l.v.globalAt(x).type === 'v128') return l.routine('global.set v128', 1, [], [x]);
  const from = l.register(l.operands.pop());
  l.op('global.set');
  l.put(x, from);
}

const variables: Lowerings<'local.get' | 'local.set' | 'local.tee' | 'global.get' | 'global.set'> = {
  'local.get': (l) => l.localGet(l.v.reader.x),
  'local.set': (l) => l.localSet(l.v.reader.x),
  'local.tee': (l) => l.localTee(l.v.reader.x),
  'global.get': globalGet,
  'global.set': globalSet,
};

// Tables, memories and references: routines of routines.ts

/** A routine with the mnemonic's name, its immediates as they were read. */
const routine =
  (name: string, params: number, results: number): Lowering =>
  (l) =>
    l.routine(
      name,
      params,
      Array.from({ length: results }, () => 2),
      [l.v.reader.x, l.v.reader.y],
    );

const tables: Lowerings<
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
  'table.get': routine('table.get', 1, 1),
  'table.set': routine('table.set', 2, 0),
  'table.size': routine('table.size', 0, 1),
  'table.grow': routine('table.grow', 2, 1),
  'table.fill': routine('table.fill', 3, 0),
  'table.copy': routine('table.copy', 3, 0),
  'table.init': routine('table.init', 3, 0),
  'elem.drop': routine('elem.drop', 0, 0),
  'memory.copy': routine('memory.copy', 3, 0),
};

function isNullOf(l: Lowerer): void {
  const from = l.register(l.operands.pop());
  l.op('ref.is_null');
  const start = l.here - 1;
  l.put(l.operands.top, from);
  l.pushSlot();
  l.made(start);
}

const references: Lowerings<'ref.null' | 'ref.is_null' | 'ref.func' | 'ref.as_non_null' | 'ref.i31'> = {
  'ref.null': (l) => l.pushConst(0, 0),
  'ref.is_null': isNullOf,
  'ref.func': routine('ref.func', 0, 1),
  'ref.as_non_null': routine('ref.as_non_null', 1, 1),
  'ref.i31': routine('ref.i31', 1, 1),
};

export const specials = {
  ...blocks,
  ...branches,
  ...calls,
  ...parametric,
  ...variables,
  ...tables,
  ...references,
  ...exceptions,
  ...gcLowerings,
} satisfies Lowerings<Special>;
