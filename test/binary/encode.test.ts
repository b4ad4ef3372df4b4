import test from 'ava';
import { decode } from '../../src/binary/decode.ts';
import { encode } from '../../src/binary/encode.ts';
import type { DataMode, ElemMode, Expr, ModuleSyntax, Span } from '../../src/binary/module.ts';
import { suiteTest } from '../spec/suite-test.ts';
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
