import test from 'ava';
import { decode } from '../../src/binary/decode.ts';
import { limits } from '../../src/binary/limits.ts';
import { typeName } from '../../src/spec/types.ts';
import { otherwise } from '../spec/files.ts';
import { suiteTest } from '../spec/run/suite-test.ts';
import { bodyOf, hex, malformed, moduleOf, suiteModules, unhex } from './modules.ts';

suiteTest('every malformed binary of the suite is refused in its words', async (t) => {
  let count = 0;
  for (const { name, type, binary, bytes, message } of await suiteModules()) {
    if (type !== 'assert_malformed' || !binary) continue;
    count++;
    const told = malformed(() => decode(bytes));
    if (otherwise.has(name)) t.truthy(told, name);
    else t.true(told?.startsWith(message), `${name}: expected ${message}, got ${told}`);
  }
  t.true(count > 500, `${count} modules`);
});

const type = [1, '01 60 00 00'] as const;
const twice = (word: string, times: number) => `${word} `.repeat(times);
const u32 = (value: number) => hex(Uint8Array.of((value & 127) | 128, ((value >> 7) & 127) | 128, value >> 14));

/** What is malformed though the suite does not say so. */
const faults: Record<string, [bytes: Uint8Array, message: string]> = {
  'a two-byte form of an abstract heap type': [bodyOf('d0 f0 7f 0b'), 'malformed heap type (at byte 0x18)'],
  'a negative heap type that is no one-byte code': [bodyOf('d0 f0 7e 0b'), 'malformed heap type (at byte 0x18)'],
  'a two-byte form of the empty block type': [bodyOf('02 c0 7f 0b 0b'), 'malformed block type (at byte 0x18)'],
  'an unknown value type': [moduleOf([1, '01 60 01 10 00']), 'malformed value type (at byte 0xd)'],
  'else outside of if': [bodyOf('02 40 05 0b 0b'), 'END opcode expected (at byte 0x19)'],
  'a second else': [bodyOf('41 00 04 40 05 05 0b 0b'), 'END opcode expected (at byte 0x1c)'],
  'else for the function itself': [bodyOf('05 0b'), 'END opcode expected (at byte 0x17)'],
  'catch after catch_all': [bodyOf('06 40 19 07 00 0b 0b'), 'END opcode expected (at byte 0x1a)'],
  'delegate after catch': [bodyOf('06 40 07 00 18 00 0b'), 'END opcode expected (at byte 0x1b)'],
  'an instruction after the last end': [bodyOf('0b 01'), 'section size mismatch (at byte 0x16)'],
  'an unknown opcode': [bodyOf('27 0b'), 'illegal opcode 27 (at byte 0x17)'],
  'an unknown opcode after a prefix': [bodyOf('01 fc ff 01 0b'), 'illegal opcode fc ff (at byte 0x18)'],
  'a cast with unknown flags': [bodyOf('fb 18 04 00 6e 6e 0b'), 'malformed br_on_cast flags (at byte 0x19)'],
  'an unknown catch clause': [bodyOf('1f 40 01 04 00 0b 0b'), 'malformed catch clause (at byte 0x1a)'],
  'a tag of an unknown kind': [moduleOf(type, [13, '01 01 00']), 'zero byte expected (at byte 0x11)'],
  'a shared table': [moduleOf([4, '01 70 03 00 00']), 'malformed limits flags (at byte 0xc)'],
  'an element segment of unknown kind': [moduleOf([9, '01 08']), 'malformed elements segment kind (at byte 0xb)'],
  'elements of unknown kind': [moduleOf([9, '01 01 01 00']), 'malformed element kind (at byte 0xc)'],
  'a data segment of unknown kind': [moduleOf([11, '01 03']), 'malformed data segment kind (at byte 0xb)'],
  'array.new_data without a data count': [
    moduleOf(type, [3, '01 00'], [10, '01 06 00 fb 09 00 00 0b'], [11, '01 01 00']),
    'data count section required (at byte 0x17)',
  ],
  'a count that the bytes left cannot hold': [moduleOf([1, 'ff ff ff 7f']), 'length out of bounds (at byte 0xa)'],
};
for (const [what, [bytes, message]] of Object.entries(faults))
  test(`malformed: ${what}`, (t) => {
    t.is(
      malformed(() => decode(bytes)),
      message,
    );
  });

const subtypes = (count: number) =>
  moduleOf([
    1,
    `${u32(count)} 50 00 60 00 00 ${Array.from({ length: count - 1 }, (_, i) => `50 01 ${u32(i)} 60 00 00`).join(' ')}`,
  ]);
const params = (count: number) => moduleOf([1, `01 60 ${u32(count)} ${twice('7f', count)} 00`]);
const locals = (count: number) => moduleOf(type, [3, '01 00'], [10, `01 08 02 ${u32(count - 1)} 7f 01 7e 0b`]);
/** In groups of a thousand, of either form. */
const imports = (count: number) => {
  const names = (count: number, kind: string) => `${u32(count)} ${twice(`00 ${kind}`, count)}`;
  const groups = Array.from({ length: Math.floor(count / 1000) }, (_, i) =>
    i % 2 === 0 ? `00 00 7e 00 00 ${names(1000, '')}` : `00 00 7f ${names(1000, '00 00')}`,
  );
  const rest = `00 00 7e 00 00 ${names(count % 1000, '')}`;
  return moduleOf(type, [2, `${u32(groups.length + 1)} ${groups.join(' ')} ${rest}`]);
};
const memories = (count: number) =>
  moduleOf([2, '01 00 00 02 00 00'], [5, `${u32(count - 1)} ${twice('00 00', count - 1)}`]);

/** A module at each limit loads; one more is refused. */
const bounds: Record<string, [of: (count: number) => Uint8Array, limit: number, message: string]> = {
  parameters: [params, limits.parameters, 'too many parameters: 1001'],
  locals: [locals, limits.locals, 'too many locals: 50001'],
  imports: [imports, limits.imports, 'too many imports: 1000001'],
  memories: [memories, limits.memories, 'too many memories: 101'],
  supertypes: [subtypes, 64, 'too many supertypes'],
};
for (const [what, [of, limit, message]] of Object.entries(bounds))
  test(`limit: ${limit} ${what}`, (t) => {
    t.is(
      malformed(() => decode(of(limit))),
      undefined,
    );
    t.true(malformed(() => decode(of(limit + 1)))?.startsWith(message));
  });

test('deep nesting takes no stack', (t) => {
  const depth = 1_000_000;
  const bytes = new Uint8Array(depth * 3 + 40);
  const body = moduleOf(type, [3, '01 00'], [10, '']).subarray(0, -1);
  bytes.set(body);
  const size = depth * 3 + 2;
  const long = (n: number) => [(n & 127) | 128, ((n >> 7) & 127) | 128, ((n >> 14) & 127) | 128, n >> 21];
  bytes.set([...long(size + 5), 1, ...long(size), 0], body.length);
  const start = body.length + 10;
  for (let i = 0; i < depth; i++) bytes.set([0x02, 0x40], start + i * 2);
  bytes.fill(0x0b, start + depth * 2, start + depth * 3 + 1);
  const module = decode(bytes.subarray(0, start + depth * 3 + 1));
  t.is(module.funcs[0]?.body.end, start + depth * 3 + 1);
});

test('types of every shape', (t) => {
  const { types, typeOffsets } = decode(
    moduleOf([1, '03 5e 78 01 4e 02 50 00 5f 02 77 00 63 01 01 4f 01 01 5f 00 60 02 7b 64 70 01 63 00']),
  );
  t.deepEqual(types, [
    [{ final: true, supers: [], comp: { kind: 'array', field: { storage: 'i8', mutable: true } } }],
    [
      {
        final: false,
        supers: [],
        comp: {
          kind: 'struct',
          fields: [
            { storage: 'i16', mutable: false },
            { storage: { heap: 1, nullable: true }, mutable: true },
          ],
        },
      },
      { final: true, supers: [1], comp: { kind: 'struct', fields: [] } },
    ],
    [
      {
        final: true,
        supers: [],
        comp: {
          kind: 'func',
          params: ['v128', { heap: 'func', nullable: false }],
          results: [{ heap: 0, nullable: true }],
        },
      },
    ],
  ]);
  t.deepEqual(typeOffsets, [11, 14, 30]);
});

test('memories and tables of every kind', (t) => {
  const { memories, tables } = decode(
    moduleOf([4, '02 70 05 01 02 40 00 6f 00 03 d0 6f 0b'], [5, '04 00 01 03 01 02 0c 80 80 04 00 09 00 01 10']),
  );
  t.deepEqual(
    memories.map(({ type }) => type),
    [
      { addr: 'i32', shared: false, limits: { min: 1n }, pageLog2: 16 },
      { addr: 'i32', shared: true, limits: { min: 1n, max: 2n }, pageLog2: 16 },
      { addr: 'i64', shared: false, limits: { min: 65536n }, pageLog2: 0 },
      { addr: 'i32', shared: false, limits: { min: 0n, max: 1n }, pageLog2: 16 },
    ],
  );
  t.deepEqual(
    tables.map(({ type, init }) => [type.addr, type.limits, typeName(type.ref), init === undefined]),
    [
      ['i64', { min: 1n, max: 2n }, 'funcref', true],
      ['i32', { min: 3n }, 'externref', false],
    ],
  );
});

test('element segments of all eight kinds', (t) => {
  const ref = 'd2 00 0b';
  const at = '41 00 0b';
  const kinds = `08 00 ${at} 01 05  01 00 01 05  02 01 ${at} 00 01 05  03 00 01 05
    04 ${at} 01 ${ref}  05 64 70 01 ${ref}  06 01 ${at} 6f 01 ${ref}  07 70 00`;
  const { elems, bytes } = decode(moduleOf([9, kinds]));
  const told = elems.map(({ mode, type, init }) => [
    mode.kind === 'active' ? mode.table : mode.kind,
    typeName(type),
    init.kind === 'funcs' ? init.funcs : init.exprs.map(({ start, end }) => hex(bytes.subarray(start, end))),
  ]);
  t.deepEqual(told, [
    [0, '(ref func)', [5]],
    ['passive', '(ref func)', [5]],
    [1, '(ref func)', [5]],
    ['declarative', '(ref func)', [5]],
    [0, 'funcref', ['d2000b']],
    ['passive', '(ref func)', ['d2000b']],
    [1, 'externref', ['d2000b']],
    ['declarative', 'funcref', []],
  ]);
});

test('imports, exports, start and tags', (t) => {
  const imports = '05 01 61 00 00 00  01 61 01 62 01 70 00 01  00 00 02 00 01  00 00 03 7f 01  00 00 04 00 00';
  const module = decode(moduleOf(type, [2, imports], [13, '01 00 00'], [7, '02 01 78 04 01 01 79 00 00'], [8, '00']));
  t.deepEqual(
    module.imports.map(({ module, name, desc, offset }) => [module, name, desc.kind, offset]),
    [
      ['a', '', 'func', 17],
      ['a', 'b', 'table', 22],
      ['', '', 'memory', 30],
      ['', '', 'global', 35],
      ['', '', 'tag', 40],
    ],
  );
  t.deepEqual(module.exports, [
    { name: 'x', kind: 'tag', index: 1, offset: 53 },
    { name: 'y', kind: 'func', index: 0, offset: 57 },
  ]);
  t.deepEqual(module.start, { func: 0, offset: 63 });
  t.is(module.tags.length, 1);
});

const nameSection = (parts: string) => decode(moduleOf([0, `04 6e 61 6d 65 ${parts}`])).names;

test('the name section', (t) => {
  const names = nameSection('00 02 01 6d  01 06 02 00 01 66 07 00  02 09 01 07 02 00 01 61 03 01 62');
  t.is(names.module, 'm');
  t.deepEqual(
    [...names.funcs],
    [
      [0, 'f'],
      [7, ''],
    ],
  );
  t.deepEqual(
    [...(names.locals.get(7) ?? [])],
    [
      [0, 'a'],
      [3, 'b'],
    ],
  );
});

test('unreadable names are left out', (t) => {
  const broken = nameSection('00 02 01 ff  01 06 02 00 01 66 07 09  02 06 01 07 01 00 01 61');
  t.is(broken.module, undefined);
  t.deepEqual([...broken.funcs], [[0, 'f']]);
  t.is(broken.locals.get(7)?.get(0), 'a');
  t.deepEqual([...nameSection('01 70').funcs], []);
  t.deepEqual([...nameSection('05 01 00  01 04 01 00 01 66').funcs], []);
});

test('custom sections know their place', (t) => {
  const custom = [0, '01 63 2a'] as const;
  const { customs, bytes } = decode(moduleOf(custom, type, custom, [10, '00'], custom));
  t.deepEqual(
    customs.map(({ place }) => place),
    [0, 1, 12],
  );
  for (const { name, data } of customs) t.deepEqual([name, hex(bytes.subarray(data.start, data.end))], ['c', '2a']);
});

test('bytes in shared memory decode as well', (t) => {
  const own = moduleOf([2, '01 01 61 01 62 02 00 01']);
  const shared = new Uint8Array(new SharedArrayBuffer(own.length));
  shared.set(own);
  t.is(decode(shared).imports[0]?.module, 'a');
  t.is(
    malformed(() => decode(unhex('00'))),
    'unexpected end of section or function (at byte 0x1)',
  );
});
