import test from 'ava';
import { decode } from '../../src/binary/decode.ts';
import { disassemble, formatInstruction } from '../../src/binary/disassemble.ts';
import { InstructionReader } from '../../src/binary/instruction.ts';
import type { ModuleSyntax } from '../../src/binary/module.ts';
import { UsageError } from '../../src/spec/errors.ts';
import { typeName } from '../../src/spec/types.ts';
import { assembleText } from '../spec/script/assemble.ts';
import {
  bodyOf,
  canonical,
  gofmt,
  hex,
  malformed,
  moduleOf,
  programs,
  type SuiteModule,
  suiteModules,
  unhex,
} from './modules.ts';

function text(bytes: string, names = {}): string {
  const r = new InstructionReader(unhex(bytes));
  r.next();
  return formatInstruction(r, names);
}

const funcs = new Map([
  [1, 'main.run'],
  [2, 'two words "'],
]);
const locals = new Map([[0, 'x']]);

const texts: Record<string, string> = {
  '6a': 'i32.add',
  '28 02 00': 'i32.load',
  '28 01 04': 'i32.load offset=4 align=2',
  '28 42 03 04': 'i32.load 3 offset=4',
  '37 03 ff ff ff ff ff ff ff ff ff 01': 'i64.store offset=18446744073709551615',
  '41 7b': 'i32.const -5',
  '42 80 80 80 80 80 80 80 80 80 7f': 'i64.const -9223372036854775808',
  '43 cd cc cc 3d': 'f32.const 0.1',
  '43 00 00 00 80': 'f32.const -0',
  '43 01 00 00 00': 'f32.const 1e-45',
  '43 00 00 c0 ff': 'f32.const -nan',
  '43 01 00 80 7f': 'f32.const nan:0x1',
  '44 00 00 00 00 00 00 f0 ff': 'f64.const -inf',
  '44 9a 99 99 99 99 99 b9 3f': 'f64.const 0.1',
  '44 00 00 00 00 00 00 fc 7f': 'f64.const nan:0xc000000000000',
  '10 01': 'call $main.run',
  '10 02': 'call $"two words \\u{22}"',
  '10 03': 'call 3',
  '20 00': 'local.get $x',
  '21 01': 'local.set 1',
  '02 40': 'block',
  '04 7e': 'if (result i64)',
  '03 85 01': 'loop (type 133)',
  '0e 02 00 01 02': 'br_table 0 1 2',
  '11 05 00': 'call_indirect (type 5)',
  '11 05 01': 'call_indirect 1 (type 5)',
  '1b': 'select',
  '1c 01 63 04': 'select (result (ref null 4))',
  '25 00': 'table.get',
  '3f 01': 'memory.size 1',
  'fc 08 02 01': 'memory.init 1 2',
  'fc 08 02 00': 'memory.init 2',
  'fc 0a 00 00': 'memory.copy',
  'fc 0a 00 01': 'memory.copy 0 1',
  'fc 0c 02 01': 'table.init 1 2',
  'd0 6f': 'ref.null extern',
  'fb 02 03 04': 'struct.get 3 4',
  'fb 14 03': 'ref.test (ref 3)',
  'fb 17 6e': 'ref.cast (ref null any)',
  'fb 18 01 02 6e 05': 'br_on_cast 2 (ref null any) (ref 5)',
  '1f 40 02 00 03 04 03 01': 'try_table (catch 3 4) (catch_all_ref 1)',
  '18 02': 'delegate 2',
};
for (const [bytes, expected] of Object.entries(texts))
  test(expected, (t) => {
    t.is(text(bytes, { funcs, locals }), expected);
  });

test('a body is indented by its blocks, and each line has its pc', (t) => {
  const module = decode(bodyOf('02 40 41 00 04 40 0c 01 05 01 0b 0b 0b'));
  t.deepEqual(
    disassemble(module, 0).map(({ pc, text }) => `${pc} ${text}`),
    [
      '0   block',
      '2     i32.const 0',
      '4     if',
      '6       br 1',
      '8     else',
      '9       nop',
      '10     end',
      '11   end',
      '12 end',
    ],
  );
});

test('functions are called by their names', (t) => {
  const lines = disassemble(decode(gofmt.bytes), 40).map(({ text }) => text.trim());
  t.true(lines.includes('call $internal/reflectlite.valueInterfaceUnsafe'));
});

test('a function without a body is a usage error', (t) => {
  const imported = decode(moduleOf([1, '01 60 00 00'], [2, '01 00 00 00 00']));
  t.throws(() => disassemble(imported, 0), { instanceOf: UsageError });
  t.throws(() => disassemble(imported, 1), { instanceOf: UsageError });
});

/** A module with nothing but the bodies of another, as text; indices stay as they are. */
function bodiesText(module: ModuleSyntax): string {
  const imported = module.imports.filter(({ desc }) => desc.kind === 'func').length;
  const nameless = { ...module, names: { funcs: new Map(), locals: new Map() } };
  const bodies = module.funcs.map(({ locals }, i) => {
    const types = locals.flatMap(({ count, type }) => Array<string>(count).fill(typeName(type)));
    const lines = disassemble(nameless, imported + i).slice(0, -1);
    return `(func (local ${types.join(' ')})\n${lines.map(({ text }) => text).join('\n')})`;
  });
  return `(module ${'(type (func))'.repeat(module.types.flat().length)}\n${bodies.join('\n')})`;
}

test('an assembler reads every body back as it was', async (t) => {
  const valid = (await suiteModules()).filter(({ type }) => type === 'module');
  let count = 0;
  for (const { name, bytes } of [...programs, ...valid] as Pick<SuiteModule, 'name' | 'bytes'>[]) {
    if (malformed(() => decode(bytes)) !== undefined) continue;
    const module = decode(bytes);
    const again = await assembleText(bodiesText(module));
    const { funcs } = decode(again);
    module.funcs.forEach(({ body }, i) => {
      const other = funcs[i]?.body;
      count++;
      if (other === undefined || hex(canonical(again, other)) !== hex(canonical(bytes, body)))
        t.fail(`${name}, function ${i} is not the same`);
    });
  }
  t.log(`${count} bodies`);
  t.true(count > 700);
});
