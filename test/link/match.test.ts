// Which external value suits which import.

import test from 'ava';
import { allocate } from '../../src/link/instantiate.ts';
import { importTypes, matchImport } from '../../src/link/match.ts';
import { exported } from '../../src/runtime/instance.ts';
import { defaultLimits, Store } from '../../src/runtime/store.ts';
import { LinkError } from '../../src/spec/errors.ts';
import { moduleOf } from '../wat.ts';

/** Whether what is exported suits the import. */
async function suits(given: string, wanted: string, types = ''): Promise<boolean> {
  const store = new Store(defaultLimits);
  const exporter = allocate(store, await moduleOf(`${types} ${given}`), [], false);
  const importer = await moduleOf(`${types} (import "m" "x" ${wanted})`);
  const value = exported(exporter, 'x');
  const [what] = importer.syntax.imports;
  const [type] = importTypes(importer);
  if (value === undefined || what === undefined || type === undefined) throw new Error('the test is wrong');
  try {
    matchImport(store, what, type, value);
    return true;
  } catch (error) {
    if (error instanceof LinkError && error.message.startsWith('incompatible import type: "m"."x" must be '))
      return false;
    throw error;
  }
}

interface Case {
  readonly given: string;
  readonly yes: readonly string[];
  readonly no: readonly string[];
  readonly types?: string;
}

const cases: Record<string, Case> = {
  functions: {
    given: '(func (export "x") (param i32) (result i64) (i64.const 0))',
    yes: ['(func (param i32) (result i64))'],
    no: [
      '(func)',
      '(func (param i64) (result i64))',
      '(func (param i32))',
      '(global i32)',
      '(table 0 funcref)',
      '(memory 0)',
      '(tag)',
    ],
  },
  'functions by subtyping': {
    types: '(type $a (sub (func))) (type $b (sub $a (func))) (type $c (sub final $b (func))) (type $d (func))',
    given: '(func (export "x") (type $b))',
    yes: ['(func (type $a))', '(func (type $b))'],
    no: ['(func (type $c))', '(func (type $d))'],
  },
  'functions of recursive groups': {
    types: '(rec (type $a (func (param (ref null $b)))) (type $b (func (result (ref null $a)))))',
    given: '(func (export "x") (type $a))',
    yes: ['(func (type $a))'],
    no: ['(func (type $b))', '(func (param (ref null $b)))'],
  },
  'tables with a maximum': {
    given: '(table (export "x") 10 20 funcref)',
    yes: ['(table 10 funcref)', '(table 5 funcref)', '(table 10 20 funcref)', '(table 0 30 funcref)'],
    no: ['(table 11 funcref)', '(table 10 19 funcref)', '(table 10 20 externref)', '(table i64 10 20 funcref)'],
  },
  'tables without one': {
    given: '(table (export "x") 10 funcref)',
    yes: ['(table 10 funcref)'],
    no: ['(table 10 4294967295 funcref)', '(table 10 (ref null nofunc))'],
  },
  'memories with a maximum': {
    given: '(memory (export "x") 1 2)',
    yes: ['(memory 1)', '(memory 0 2)', '(memory 1 65536)'],
    no: ['(memory 2)', '(memory 1 1)', '(memory i64 1 2)', '(memory 1 2 shared)'],
  },
  'shared memories': {
    given: '(memory (export "x") 1 2 shared)',
    yes: ['(memory 1 2 shared)'],
    no: ['(memory 1 2)'],
  },
  'constant globals': {
    given: '(global (export "x") (ref func) (ref.func $f)) (func $f)',
    yes: ['(global funcref)', '(global (ref func))'],
    no: ['(global (mut funcref))', '(global externref)', '(global i32)'],
  },
  'mutable globals': {
    given: '(global (export "x") (mut (ref func)) (ref.func $f)) (func $f)',
    yes: ['(global (mut (ref func)))'],
    no: ['(global (mut funcref))', '(global (ref func))'],
  },
  tags: {
    given: '(tag (export "x") (param i32))',
    yes: ['(tag (param i32))'],
    no: ['(tag)', '(tag (param i64))', '(func (param i32))'],
  },
};

for (const [name, { given, yes, no, types }] of Object.entries(cases))
  test(name, async (t) => {
    for (const wanted of yes) t.true(await suits(given, wanted, types), wanted);
    for (const wanted of no) t.false(await suits(given, wanted, types), wanted);
  });

test('tables and memories are matched at the size they have by now', async (t) => {
  const store = new Store(defaultLimits);
  const exporter = allocate(store, await moduleOf('(memory (export "x") 1 3)'), [], false);
  const importer = await moduleOf('(import "m" "x" (memory 2))');
  const value = exported(exporter, 'x');
  const [what] = importer.syntax.imports;
  const [type] = importTypes(importer);
  if (value === undefined || what === undefined || type === undefined) return t.fail();
  t.throws(() => matchImport(store, what, type, value), {
    message: 'incompatible import type: "m"."x" must be a memory (i32, 2 or more), a memory (i32, 1 to 3) was given',
  });
  store.memories[value.addr]?.grow(1);
  t.notThrows(() => matchImport(store, what, type, value));
});
