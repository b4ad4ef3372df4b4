// Shapes of hostile modules: each a family of modules, larger by a number, made so that some part of the work on a module
// might take more than its size. Their function `run` ends soon, and takes and gives nothing.

import {
  constant,
  funcref,
  funcType,
  i32,
  i64,
  list,
  moduleOf,
  name,
  noType,
  op,
  type Piece,
  s,
  sized,
  times,
  u,
  v128,
} from './assembly.ts';

export interface Shape {
  /** What there is a lot of. */
  readonly name: string;
  /** The number for modules of size 1: about 20 KB. */
  readonly unit: number;
  readonly make: (n: number) => Uint8Array<ArrayBuffer>;
  /** What the function imported as `env.f` is of, where the module has imports. */
  readonly imports?: 'func';
}

/** `() -> ()`, `() -> i32`, `i32 -> i32`. */
const types = [funcType([], []), funcType([], [i32]), funcType([i32], [i32])];
const [toNothing, toNumber, ofNumber] = [0, 1, 2];
/** Functions after the first: one for each of the types. */
const helpers = [
  { type: toNothing, code: [] },
  { type: toNumber, code: constant(1) },
  { type: ofNumber, code: [op.localGet, 0] },
];
const call = { nothing: [op.call, 1], number: [op.call, 2], ofNumber: [op.call, 3] };

type Locals = readonly (readonly [number, number])[];

/** A module whose first function is what matters. */
const body = (code: Piece, locals: Locals = [], more: object = {}) =>
  moduleOf({ types, funcs: [{ type: toNothing, locals, code }, ...helpers], ...more });

/** Blocks within each other: what is before each, what opens it, what is in the innermost, what is after each. */
const nested = (n: number, before: Piece, opening: Piece, inside: Piece, after: Piece): Piece => [
  times(n, () => [before, opening]),
  inside,
  times(n, () => [op.end, after]),
];

const drops = (n: number): Piece => times(n, () => op.drop);
const constants = (n: number): Piece => times(n, () => constant(7));
const oneTag = { tags: [[0, toNothing]] };
/** A clause that catches everything: to the block around. */
const catchAll = list([[2, 0]]);

const blocks: Shape[] = [
  {
    name: 'blocks in blocks, an operand below each, a call within',
    unit: 2500,
    make: (n) => body(nested(n, constant(7), [op.block, noType], call.nothing, op.drop)),
  },
  {
    name: 'loops in loops, an operand below each',
    unit: 2500,
    make: (n) => body(nested(n, constant(7), [op.loop, noType], [], op.drop)),
  },
  {
    name: 'ifs in ifs, operands below each, calls in both clauses',
    unit: 1200,
    make: (n) =>
      body([
        times(n, () => [constant(7), constant(1), op.if, noType]),
        times(n, () => [call.nothing, op.else, call.nothing, op.end, op.drop]),
      ]),
  },
  {
    name: 'try_table in try_table, an operand below each, a call within',
    unit: 1400,
    make: (n) =>
      body([
        times(n, () => [constant(7), op.block, noType, op.tryTable, noType, catchAll]),
        call.nothing,
        times(n, () => [op.end, op.end, op.drop]),
      ]),
  },
  {
    name: 'legacy try in try, an operand below each, calls within',
    unit: 1500,
    make: (n) =>
      body([
        times(n, () => [constant(7), op.try, noType, call.nothing]),
        times(n, () => [op.catchAll, call.nothing, op.end, op.drop]),
      ]),
  },
  {
    name: 'legacy try in the clauses of try',
    unit: 3000,
    make: (n) => body([times(n, () => [op.try, noType, op.catchAll]), call.nothing, times(n, () => op.end)]),
  },
  {
    name: 'try that delegates, in try, a call in each',
    unit: 3000,
    make: (n) => body([times(n, () => [op.try, noType, call.nothing]), times(n, () => [op.delegate, 0])]),
  },
  {
    name: 'blocks that handle nothing around many calls, within one that does',
    unit: 2000,
    make: (n) =>
      body([
        [op.block, noType, op.tryTable, noType, catchAll],
        times(n, () => [op.tryTable, noType, 0]),
        times(n, () => call.nothing),
        times(n + 2, () => op.end),
      ]),
  },
  {
    name: 'a block after the other above many operands, a call in each',
    unit: 1500,
    make: (n) => body([constants(n), times(n, () => [op.block, noType, call.nothing, op.end]), drops(n)]),
  },
  {
    name: 'blocks of many parameters and results',
    unit: 3000,
    make: (n) =>
      body([constants(500), times(n, () => [op.block, 3, call.nothing, op.end]), drops(500)], [], {
        types: [
          ...types,
          funcType(
            times(500, () => i32),
            times(500, () => i32),
          ),
        ],
      }),
  },
  {
    name: 'blocks within each other, of many parameters and results',
    unit: 3000,
    make: (n) =>
      body([constants(100), times(n, () => [op.loop, 3]), times(n, () => op.end), drops(100)], [], {
        types: [
          ...types,
          funcType(
            times(100, () => i32),
            times(100, () => i32),
          ),
        ],
      }),
  },
  {
    name: 'blocks in dead code',
    unit: 5000,
    make: (n) => body([op.unreachable, nested(n, [], [op.block, noType], op.unreachable, op.nop)]),
  },
  {
    name: 'dead code of any types',
    unit: 8000,
    make: (n) => body([op.block, noType, op.br, 0, times(n, () => [op.select, op.i32Add]), op.drop, op.end]),
  },
];

const branches: Shape[] = [
  {
    name: 'br_table to as many blocks as there are',
    unit: 3000,
    make: (n) =>
      body([
        times(n, () => [op.block, noType]),
        constant(3),
        op.brTable,
        list(times(n, (i) => u(i))),
        u(0),
        times(n, () => op.end),
      ]),
  },
  {
    name: 'br_table after br_table to the same blocks',
    unit: 20_000,
    make: (n) => {
      const side = Math.ceil(Math.sqrt(n));
      return body([
        times(side, () => [op.block, noType]),
        times(side, () => [op.block, noType, constant(0), op.brTable, list(times(side, (i) => u(i))), u(0), op.end]),
        times(side, () => op.end),
      ]);
    },
  },
  {
    name: 'br_table to blocks of many results, operands below',
    unit: 2500,
    make: (n) =>
      body(
        [
          times(n, () => [op.block, 3]),
          constant(7),
          constants(500),
          constant(3),
          op.brTable,
          list(times(n, (i) => u(i))),
          u(0),
          times(n, () => op.end),
          drops(500),
        ],
        [],
        {
          types: [
            ...types,
            funcType(
              [],
              times(500, () => i32),
            ),
          ],
        },
      ),
  },
  {
    name: 'br_if with many values',
    unit: 3000,
    make: (n) =>
      body(
        [
          op.block,
          3,
          constant(7),
          constants(500),
          times(n, () => [constant(0), op.brIf, 0]),
          op.br,
          0,
          op.end,
          drops(500),
        ],
        [],
        {
          types: [
            ...types,
            funcType(
              [],
              times(500, () => i32),
            ),
          ],
        },
      ),
  },
  {
    name: 'try_table of many clauses, a call within',
    unit: 6000,
    make: (n) =>
      body(
        [op.block, noType, op.tryTable, noType, list(times(n, () => [0, 0, 0])), call.nothing, op.end, op.end],
        [],
        oneTag,
      ),
  },
  {
    name: 'try_table after try_table, throwing',
    unit: 1800,
    make: (n) =>
      body(
        times(n, () => [op.block, noType, op.tryTable, noType, catchAll, 0x08, 0, op.end, op.end]),
        [],
        oneTag,
      ),
  },
  {
    name: 'ways that cost, within each other, to a trap',
    unit: 260,
    make: (n) =>
      body(
        nested(
          n,
          constant(1),
          [op.if, noType, times(70, () => op.nop)],
          [constant(1), constant(0), op.i32DivS, op.drop],
          [],
        ),
      ),
  },
  {
    name: 'branches that hint, every one',
    unit: 2000,
    make: (n) =>
      body([op.block, noType, times(n, () => [constant(0), op.brIf, 0]), op.end], [], {
        customs: [[name('metadata.code.branch_hint'), list([[u(0), list(times(n, (i) => [u(5 + 4 * i), 1, 1]))]])]],
      }),
  },
];

const values: Shape[] = [
  {
    name: 'calls above many operands',
    unit: 4000,
    make: (n) => body([constants(n), times(n, () => call.nothing), drops(n)]),
  },
  {
    name: 'calls whose results stay operands',
    unit: 6000,
    make: (n) => body([times(n, () => call.number), drops(n)]),
  },
  {
    name: 'calls between reads and writes of as many locals',
    unit: 2500,
    make: (n) =>
      body(
        [
          times(n, (i) => [constant(1), op.localSet, u(i)]),
          times(n, () => call.nothing),
          times(n, (i) => [op.localGet, u(i), op.drop]),
        ],
        [[n, i32]],
      ),
  },
  {
    name: 'calls, each with another set of live locals',
    unit: 2000,
    make: (n) =>
      body(
        [
          times(n, (i) => [call.number, op.localSet, u(i)]),
          times(n, (i) => [call.nothing, op.localGet, u(i), op.drop]),
        ],
        [[n, i32]],
      ),
  },
  {
    name: 'loops in loops, a local more read in each',
    unit: 2000,
    make: (n) =>
      body(
        [
          times(n, () => [op.loop, noType]),
          times(n, (i) => [
            constant(0),
            op.brIf,
            0,
            op.localGet,
            u(i),
            op.drop,
            constant(1),
            op.localSet,
            u((i + 1) % n),
            op.end,
          ]),
        ],
        [[n, i32]],
      ),
  },
  {
    name: 'functions of 50,000 locals',
    unit: 1500,
    make: (n) =>
      moduleOf({
        types,
        funcs: times(n, () => 0).map(() => ({ type: toNothing, locals: [[50_000, i32]], code: [op.nop, op.nop] })),
      }),
  },
  {
    name: 'functions of 50,000 locals that call each other',
    unit: 1200,
    make: (n) =>
      moduleOf({
        types,
        funcs: times(n, () => 0).map((_, i) => ({
          type: toNothing,
          locals: [[50_000, i32]],
          code: [op.localGet, u(49_999), op.drop, i + 1 < Math.min(n, 20) ? [op.call, u(i + 1)] : op.nop],
        })),
      }),
  },
  {
    name: 'runs of locals',
    unit: 5000,
    make: (n) =>
      body(
        op.nop,
        times(n, () => 0).map((_, i) => [1, i % 2 === 0 ? i32 : i64] as const),
      ),
  },
  {
    name: 'reads of locals that are noted, and writes of them',
    unit: 2500,
    make: (n) =>
      body(
        [
          times(n, (i) => [op.localGet, i % 64]),
          times(n, (i) => [op.localSet, i % 64]),
          times(n, (i) => [op.localGet, i % 64, op.drop]),
        ],
        [[64, i32]],
      ),
  },
  {
    name: 'an operand, and many that wait for it',
    unit: 5000,
    make: (n) => body([constants(n), times(n - 1, () => op.i32Add), op.drop]),
  },
  {
    name: 'selects',
    unit: 4000,
    make: (n) => body([constant(1), times(n, () => [constant(2), constant(1), op.select]), op.drop]),
  },
  {
    name: 'references, one after the other',
    unit: 5000,
    make: (n) => body(times(n, () => [op.refFunc, 0, 0xd1, op.drop])),
  },
  {
    name: 'shuffles of vectors',
    unit: 1000,
    make: (n) =>
      body([
        [0xfd, 12, times(16, () => 0)],
        times(n, () => [[0xfd, 12, times(16, () => 0)], 0xfd, 13, times(16, (i) => i)]),
        op.drop,
      ]),
  },
  {
    name: 'vectors as operands at calls',
    unit: 1000,
    make: (n) => body([times(n, () => [[0xfd, 12, times(16, () => 0)], call.nothing]), drops(n)], [[1, v128]]),
  },
  {
    name: 'one straight line',
    unit: 5000,
    make: (n) => body([constant(1), times(n, () => [constant(1), op.i32Add, call.ofNumber]), op.drop]),
  },
];

const spaces: Shape[] = [
  {
    name: 'small functions that call each other',
    unit: 4000,
    make: (n) =>
      moduleOf({
        types,
        funcs: times(n, () => 0).map((_, i) => ({
          type: toNothing,
          code: i + 1 < Math.min(n, 50) ? [op.call, u(i + 1)] : [],
        })),
      }),
  },
  {
    name: 'functions of many parameters that native code leaves to the interpreter',
    unit: 1500,
    make: (n) =>
      moduleOf({
        types: [
          ...types,
          funcType(
            times(900, () => i32),
            [],
          ),
        ],
        funcs: [
          { type: toNothing, code: [] },
          ...Array.from({ length: n }, () => ({ type: 3, code: [constant(0), 0xfb, 28, op.drop] })),
        ],
      }),
  },
  {
    name: 'types of functions',
    unit: 2000,
    make: (n) => body(op.nop, [], { types: [...types, ...times(n, (i) => funcType(bits(i), [i32]))] }),
  },
  {
    name: 'types of functions, each called through a table',
    unit: 1000,
    make: (n) =>
      body(
        times(n, (i) => [op.block, noType, op.br, 0, constant(0), op.callIndirect, u(3 + i), 0, op.drop, op.end]),
        [],
        { types: [...types, ...times(n, (i) => funcType(bits(i), [i32]))], tables: [[funcref, 0, 1]] },
      ),
  },
  {
    name: 'types of functions of many parameters',
    unit: 40,
    make: (n) =>
      body(op.nop, [], {
        types: [
          ...types,
          ...times(n, (i) =>
            funcType(
              [...bits(i), ...times(500, () => i32)],
              times(100, () => i64),
            ),
          ),
        ],
      }),
  },
  {
    name: 'types that follow from each other',
    unit: 3000,
    make: (n) =>
      body(op.nop, [], {
        types: [...types, ...times(n, (i) => [0x50, i % 60 === 0 ? 0 : [1, u(i + 2)], 0x5f, 0])],
      }),
  },
  {
    name: 'a recursive group',
    unit: 2500,
    make: (n) =>
      body(op.nop, [], {
        types: [...types, [0x4e, list(times(n, (i) => [0x5f, list([[[0x63, s(3 + ((i + 1) % n))], 1]])]))]],
      }),
  },
  {
    name: 'structures of many fields, below each other',
    unit: 8,
    make: (n) =>
      body(op.nop, [], {
        types: [
          ...types,
          ...times(n, (i) => [0x50, i % 60 === 0 ? 0 : [1, u(i + 2)], 0x5f, list(times(1000, () => [i32, 0]))]),
        ],
      }),
  },
  {
    name: 'structures of many fields that are made',
    unit: 3000,
    make: (n) =>
      body(
        times(n, () => [0xfb, 1, 3, op.drop]),
        [],
        { types: [...types, [0x5f, list(times(1000, () => [i32, 0]))]] },
      ),
  },
  {
    name: 'exports of one function',
    unit: 2500,
    make: (n) => body(op.unreachable, [], { exports: times(n, (i) => [name(`e${i}`), 0, u(0)]) }),
  },
  {
    name: 'imports of one name',
    unit: 2500,
    imports: 'func',
    make: (n) =>
      moduleOf({
        types,
        imports: times(n, () => [name('env'), name('f'), 0, toNothing]),
        importedFuncs: n,
        funcs: [{ type: toNothing, code: [op.call, u(n - 1)] }],
      }),
  },
  {
    name: 'globals, each of the one before',
    unit: 4000,
    make: (n) =>
      body([op.globalGet, u(n - 1), op.drop, call.nothing], [], {
        globals: times(n, (i) => [i32, 0, i === 0 ? constant(1) : [op.globalGet, u(i - 1)], op.end]),
      }),
  },
  {
    name: 'globals that are exported',
    unit: 1500,
    make: (n) =>
      body(call.nothing, [], {
        globals: times(n, () => [i32, 1, constant(1), op.end]),
        exports: times(n, (i) => [name(`g${i}`), 3, u(i)]),
      }),
  },
  {
    name: 'tables',
    unit: 300,
    make: (n) => body(op.nop, [], { tables: times(n, () => [funcref, 0, 4]) }),
  },
  {
    name: 'memories that are read',
    unit: 50,
    make: (n) =>
      body(
        times(60 * n, (i) => [constant(0), 0x28, 0x42, u(i % Math.min(n, 10)), 0, op.drop]),
        [],
        { memories: times(Math.min(n, 10), () => [0, 1]) },
      ),
  },
  {
    name: 'element segments',
    unit: 2500,
    make: (n) =>
      body(op.nop, [], {
        tables: [[funcref, 0, u(n)]],
        elems: times(n, (i) => [0, constant(i), op.end, list([u(i % 4)])]),
      }),
  },
  {
    name: 'elements of one segment, as expressions',
    unit: 6000,
    make: (n) =>
      body(op.nop, [], {
        tables: [[funcref, 0, u(n)]],
        elems: [[4, constant(0), op.end, list(times(n, () => [op.refFunc, 1, op.end]))]],
      }),
  },
  {
    name: 'data segments',
    unit: 2500,
    make: (n) => body(op.nop, [], { memories: [[0, 1]], datas: times(n, (i) => [0, constant(i), op.end, list([1])]) }),
  },
  {
    name: 'data segments that are passive, copied by the code',
    unit: 1500,
    make: (n) =>
      body(
        times(n, (i) => [constant(0), constant(0), constant(0), 0xfc, 8, u(i), 0]),
        [],
        { memories: [[0, 1]], dataCount: true, datas: times(n, () => [1, list([1])]) },
      ),
  },
  {
    name: 'tags, each caught',
    unit: 1500,
    make: (n) =>
      body(
        [op.block, noType, op.tryTable, noType, list(times(n, (i) => [0, u(i), 0])), 0x08, u(n - 1), op.end, op.end],
        [],
        {
          tags: times(n, () => [0, toNothing]),
        },
      ),
  },
  {
    name: 'one long constant expression',
    unit: 5000,
    make: (n) =>
      body(op.nop, [], { globals: [[i32, 0, constant(1), times(n, () => [constant(1), op.i32Add]), op.end]] }),
  },
  {
    name: 'names of functions, and of locals',
    unit: 1200,
    make: (n) =>
      body(op.unreachable, [[n, i32]], {
        customs: [
          [
            name('name'),
            [1, sized(list(times(n, (i) => [u(i), name(`f${i}`)])))],
            [2, sized(list([[u(0), list(times(n, (i) => [u(i), name(`l${i}`)]))]]))],
          ],
        ],
      }),
  },
  {
    name: 'custom sections called name',
    unit: 2000,
    make: (n) => body(op.nop, [], { customs: times(n, () => [name('name'), 1, 3, 1, 0, 0]) }),
  },
];

/** Types as the bits of a number: i32 and i64. */
function bits(value: number): number[] {
  return Array.from({ length: 14 }, (_, i) => ((value >>> i) & 1 ? i64 : i32));
}

export const shapes: readonly Shape[] = [...blocks, ...branches, ...values, ...spaces];
