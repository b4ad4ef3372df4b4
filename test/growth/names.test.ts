// What is told of a module is small, however long its names and lists are.

import test from 'ava';
import { describeModule } from '../../src/cli/inspect/describe.ts';
import { columns } from '../../src/cli/told/print.ts';
import { InvalidError, Module, Trap, VM } from '../../src/index.ts';
import { constant, funcType, i32, moduleOf, name, noType, op, sized, times, u } from './assembly.ts';

const types = [funcType([], []), funcType([i32], [])];
const megabyte = 'n'.repeat(1 << 20);

/** Calls itself so many times, then traps. */
const recursion = [
  op.localGet,
  0,
  0x45,
  op.if,
  noType,
  op.unreachable,
  op.end,
  op.localGet,
  0,
  constant(1),
  0x6b,
  op.call,
  0,
];

test('a long name is cut in traces, frames and errors', (t) => {
  const customs = [[name('name'), [1, sized([1, u(0), name(megabyte)])]]];
  const module = Module.from(moduleOf({ types, funcs: [{ type: 1, code: recursion }], customs }));
  const vm = new VM();
  const run = vm.instantiate(module).func('run');
  const error = t.throws(() => vm.invoke(run, [100]), { instanceOf: Trap });
  t.is(error.frames.length, 64);
  t.true(JSON.stringify(error.frames).length < 64 * 500);
  vm.start(run, [1000]);
  vm.run({ fuel: 1000 });
  t.true(vm.frames().every(({ name }) => name.length < 300 && name.startsWith('nnn')));
});

test('a function without a name has that of its first export', (t) => {
  const exports = [...times(1000, (i) => [name(`e${i}`), 0, u(1)]), [name(megabyte), 0, u(2)]];
  const module = Module.from(moduleOf({ types, funcs: times(4, () => 0).map(() => ({ type: 0, code: [] })), exports }));
  t.is(module.funcName(1), 'e0');
  t.true(module.funcName(2).length < 300);
  t.is(module.funcName(3), 'func[3]');
  t.not(module.exportNamed(megabyte), undefined);
});

test('one long cell does not widen its column', (t) => {
  const rows = [...Array.from({ length: 1000 }, (_, i) => [`${i}`, 'b']), [megabyte, 'c']];
  const text = columns(rows).join('\n');
  t.true(text.length < megabyte.length + 1001 * 70);
  t.true(text.includes(megabyte));
});

test('what a module exports is told in proportion to its bytes', (t) => {
  const exports = times(1000, (i) => [name(`e${i}`), 0, u(0)]);
  const many = funcType(
    times(900, () => i32),
    times(900, () => i32),
  );
  const module = Module.from(moduleOf({ types: [many], funcs: [{ type: 0, code: op.unreachable }], exports }));
  const { lines, json } = describeModule('a.wasm', module);
  t.true(lines.join('\n').length < 50 * module.bytes.length);
  t.true(JSON.stringify(json).length < 50 * module.bytes.length);
});

test('messages of invalid code tell a few types', (t) => {
  const code = times(50_000, () => constant(1));
  const error = t.throws(() => Module.from(moduleOf({ types, funcs: [{ type: 0, code }] })), {
    instanceOf: InvalidError,
  });
  t.true(error.message.length < 500, error.message);
  t.regex(error.message, /block requires \[\] but stack has 49968 and \[i32 /);
});
