import test from 'ava';
import binaryen from 'binaryen';
import { decode } from '../../src/binary/decode.ts';
import { encode } from '../../src/binary/encode.ts';
import type { DataMode, ElemMode, Expr, ModuleSyntax, Span } from '../../src/binary/module.ts';
import { suiteTest } from '../spec/run/suite-test.ts';
import { canonical, hex, lodepng, moduleOf, programs, type SuiteModule, suiteModules, unhex } from './modules.ts';

/** A module without its offsets: spans become what they span, instructions in their shortest form. */
function content(module: ModuleSyntax): unknown {
  const { bytes, types, imports, funcs, tables, memories, tags, globals, exports, elems, datas } = module;
  const raw = ({ start, end }: Span) => hex(bytes.subarray(start, end));
  const code = (expr: Expr) => hex(canonical(bytes, expr));
  const mode = (mode: ElemMode | DataMode) => ('at' in mode ? { ...mode, at: code(mode.at) } : mode);
  return {
    types,
    imports: imports.map(({ offset: _, ...rest }) => rest),
    funcs: funcs.map(({ type, locals, body }) => ({ type, locals, body: code(body) })),
    tables: tables.map(({ type, init }) => ({ type, init: init && code(init) })),
    memories: memories.map(({ type }) => type),
    tags: tags.map(({ type }) => type),
    globals: globals.map(({ type, init }) => ({ type, init: code(init) })),
    exports: exports.map(({ offset: _, ...rest }) => rest),
    start: module.start?.func,
    elems: elems.map((elem) => ({
      type: elem.type,
      mode: mode(elem.mode),
      init: elem.init.kind === 'funcs' ? elem.init.funcs : elem.init.exprs.map(code),
    })),
    datas: datas.map((data) => ({ init: raw(data.init), mode: mode(data.mode) })),
    dataCount: module.dataCount,
    // Empty sections are left out, so that only the order of custom sections among themselves is sure to stay.
    customs: module.customs.map(({ name, data }) => [name, raw(data)]),
    names: module.names,
  };
}

for (const { name, bytes } of programs)
  test(`${name} comes back byte for byte`, (t) => {
    t.deepEqual(Buffer.from(encode(decode(bytes))), Buffer.from(bytes));
  });

suiteTest('every module of the suite means the same when encoded again', async (t) => {
  let count = 0;
  const check = ({ name, bytes }: SuiteModule) => {
    const module = decode(bytes);
    const encoded = encode(module);
    const again = decode(encoded);
    t.deepEqual(content(again), content(module), name);
    t.deepEqual(Buffer.from(encode(again)), Buffer.from(encoded), name);
    count++;
  };
  for (const module of await suiteModules()) {
    if (module.type === 'assert_malformed') continue;
    check(module);
  }
  t.true(count > 5500, `${count} modules`);
});

test('numbers get their shortest form, empty sections go', (t) => {
  const long = moduleOf([1, '81 00 60 80 80 00 00'], [2, '00'], [3, '81 00 80 00'], [10, '01 06 00 41 80 00 1a 0b']);
  t.deepEqual(encode(decode(long)), moduleOf([1, '01 60 00 00'], [3, '01 00'], [10, '01 05 00 41 00 1a 0b']));
});

test('custom sections stay in their places', (t) => {
  const custom = [0, '01 63 2a'] as const;
  const bytes = moduleOf(custom, [1, '01 60 00 00'], custom, custom, [5, '01 00 01'], custom);
  t.deepEqual(encode(decode(bytes)), bytes);
});

test('an edited module encodes as edited', (t) => {
  const module = decode(lodepng.bytes);
  const exports = [{ name: 'f', kind: 'func', index: 3, offset: 0 }] as const;
  const again = decode(encode({ ...module, exports }));
  t.deepEqual(
    again.exports.map(({ name, index }) => [name, index]),
    [['f', 3]],
  );
  t.is(again.funcs.length, module.funcs.length);
});

test('element and data segments take their shortest kinds', (t) => {
  const bytes = moduleOf(
    [9, '03 02 00 41 00 0b 00 01 00 06 00 41 00 0b 70 00 06 00 41 00 0b 6f 00'],
    [12, '02'],
    [11, '02 02 00 41 00 0b 01 61 02 01 41 00 0b 00'],
  );
  const expected = moduleOf(
    [9, '03 00 41 00 0b 01 00 04 41 00 0b 00 06 00 41 00 0b 6f 00'],
    [12, '02'],
    [11, '02 00 41 00 0b 01 61 02 01 41 00 0b 00'],
  );
  t.deepEqual(encode(decode(bytes)), expected);
});

test('a module without sections is its header', (t) => {
  t.deepEqual(encode(decode(unhex('00 61 73 6d 01 00 00 00'))), unhex('00 61 73 6d 01 00 00 00'));
});

const twoAlike = '01 61 00 7e 00 00 02 01 62 01 63';
const twoEach = '01 61 00 7f 02 01 62 00 00 01 63 03 7f 00';

test('compact groups of imports stay groups, and what stands by itself stays so', (t) => {
  const plain = '01 61 00 00 00';
  const bytes = moduleOf(
    [1, '01 60 00 00'],
    [2, `05 ${twoAlike} ${plain} ${twoEach} 01 62 00 7f 01 01 63 00 00 ${plain}`],
  );
  const module = decode(bytes);
  t.deepEqual(
    module.imports.map(({ module, name, desc, compact }) => [module, name, desc.kind, compact]),
    [
      ['a', 'b', 'func', 'alike'],
      ['a', 'c', 'func', 'alike'],
      ['a', '', 'func', undefined],
      ['a', 'b', 'func', 'each'],
      ['a', 'c', 'global', 'each'],
      ['b', 'c', 'func', 'each'],
      ['a', '', 'func', undefined],
    ],
  );
  t.deepEqual(encode(module), bytes);
});

test('empty groups go, neighbours that can be one group are, and others are not', (t) => {
  const empty = ['01 61 00 7e 00 00 00', '01 78 00 7f 00'];
  const bytes = moduleOf(
    [1, '02 60 00 00 60 01 7f 00'],
    [
      2,
      `08 ${empty.join(' ')} ${twoEach} 01 61 00 7f 01 01 64 00 00 ${empty[1]} ${twoAlike} 01 61 00 7e 00 01 01 00 ${empty[0]}`,
    ],
  );
  const expected = moduleOf(
    [1, '02 60 00 00 60 01 7f 00'],
    [2, `03 01 61 00 7f 03 01 62 00 00 01 63 03 7f 00 01 64 00 00 ${twoAlike} 01 61 00 7e 00 01 01 00`],
  );
  t.deepEqual(encode(decode(bytes)), expected);
  t.deepEqual(encode(decode(expected)), expected);
});

test('what Binaryen writes with all of its features decodes, its compact imports too', (t) => {
  const module = binaryen.parseText(`(module
    (import "a" "f" (func $f (param i32)))
    (import "a" "g" (func $g (param i32)))
    (import "a" "h" (func $h (result i64)))
    (import "b" "m" (memory 1))
    (import "b" "t" (table 1 funcref))
    (import "b" "v" (global (mut i32)))
    (func (export "run") (call $f (i32.const 1)) (call $g (i32.const 2)) (drop (call $h))))`);
  module.setFeatures(binaryen.Features.All);
  const bytes = module.emitBinary();
  module.dispose();
  const { imports } = decode(bytes);
  t.true(imports.some(({ compact }) => compact !== undefined));
  t.deepEqual(imports.map(({ module, name }) => `${module}.${name}`).sort(), [
    'a.f',
    'a.g',
    'a.h',
    'b.m',
    'b.t',
    'b.v',
  ]);
  t.deepEqual(encode(decode(bytes)), bytes);
});
