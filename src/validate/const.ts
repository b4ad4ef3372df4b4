// Constant expressions: the sequences of body.ts, with few instructions allowed.
// https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions

import type { Expr } from '../binary/module.ts';
import type { FuncIdx, ValType } from '../spec/types.ts';
import { Sequence } from './body.ts';
import type { ModuleContext } from './context.ts';

const allowed: ReadonlySet<string> = new Set([
  'i32.const',
  'i64.const',
  'f32.const',
  'f64.const',
  'v128.const',
  'i32.add',
  'i32.sub',
  'i32.mul',
  'i64.add',
  'i64.sub',
  'i64.mul',
  'ref.null',
  'ref.func',
  'ref.i31',
  'global.get',
  'struct.new',
  'struct.new_default',
  'array.new',
  'array.new_default',
  'array.new_fixed',
  'any.convert_extern',
  'extern.convert_any',
  'end',
]);

class ConstValidator extends Sequence {
  constructor(
    context: ModuleContext,
    expr: Expr,
    expected: ValType,
    private readonly declared: Set<FuncIdx> | undefined,
  ) {
    super(context, expr, [expected]);
  }

  override apply(): void {
    const { row, x } = this.reader;
    if (!allowed.has(row.name)) this.fail(`constant expression required, not ${row.name}`);
    if (row.name === 'global.get' && this.globalAt(x).mutable) {
      this.fail(`constant expression required: global ${x} is mutable`);
    }
    super.apply();
  }

  override refFunc(func: FuncIdx): void {
    this.declared?.add(func);
  }
}

/**
 * Checks a constant expression. It sees the globals that `context` holds so far, and only immutable ones. The functions
 * it names are thereby declared: they are added to `declared`.
 */
export function validateConst(context: ModuleContext, expr: Expr, expected: ValType, declared?: Set<FuncIdx>): void {
  new ConstValidator(context, expr, expected, declared).run();
}
