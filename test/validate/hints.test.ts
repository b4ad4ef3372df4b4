import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import test from 'ava';
import { Module } from '../../src/runtime/module/module.ts';
import { branchHints } from '../../src/validate/hints.ts';

test('branch hints are read by function and pc', async (t) => {
  const text = `(module (func (param i32) (local i32)
    local.get 0
    (@metadata.code.branch_hint "\\01") if nop end))`;
  const module = Module.from(await parse(text));
  const hints = branchHints(module.context);
  t.deepEqual([...(hints.get(0) ?? [])], [[2, true]]);
});

test('a module without the section has no hints', async (t) => {
  t.is(branchHints(Module.from(await parse('(module)')).context).size, 0);
});
