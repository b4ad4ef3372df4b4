// Runs a VM through its planned calls, slice by slice, so that Ctrl-C can be heard between two slices. The slices do
// not show in the result: fuel is charged alike however it is granted.

import { setImmediate } from 'node:timers/promises';
import type { HostError, Trap } from '../spec/errors.ts';
import type { FuncType, ValType } from '../spec/types.ts';
import type { VM } from '../vm.ts';
import { parseArguments } from './arguments.ts';
import type { TypedValue } from './print.ts';
import type { PlannedCall } from './saved.ts';

/** About a third of a second. */
const sliceFuel = 20_000_000;

export interface DriveOptions {
  /** For all calls together. */
  readonly fuel: number;
  /** Aborted: stop after the slice. */
  readonly signal: AbortSignal;
}

/** `plan`: the calls still to be made after the one that the VM is in. */
export type End =
  | { readonly status: 'returned'; readonly values: readonly TypedValue[] }
  | { readonly status: 'trapped'; readonly trap: Trap | HostError }
  | { readonly status: 'suspended'; readonly why: 'fuel' | 'interrupt'; readonly plan: readonly PlannedCall[] };

/** Ends the call that the VM is in, if any, then makes the planned ones; the last one's results are the results. */
export async function drive(vm: VM, plan: readonly PlannedCall[], { fuel, signal }: DriveOptions): Promise<End> {
  const rest = [...plan];
  const before = paid(vm);
  let values: readonly TypedValue[] = [];
  while (vm.status !== 'idle' || rest.length > 0) {
    if (vm.status === 'idle') begin(vm, rest.shift() as PlannedCall);
    const types = resultTypes(vm);
    const outcome = await vm.runAsync({ fuel: Math.min(sliceFuel, fuel - (paid(vm) - before)) });
    if (outcome.status === 'trapped') return outcome;
    if (outcome.status === 'returned')
      values = outcome.values.map((value, i) => ({ type: types[i] as ValType, value }));
    else if (paid(vm) - before >= fuel) return { status: 'suspended', why: 'fuel', plan: rest };
    await setImmediate();
    if (signal.aborted && vm.status !== 'idle') return { status: 'suspended', why: 'interrupt', plan: rest };
  }
  return { status: 'returned', values };
}

/** Fuel that was granted and used, in the VM's whole life. */
const paid = ({ store }: VM): number => store.fuelUsed - store.debt;

function begin(vm: VM, call: PlannedCall): void {
  const func = vm.instance().func(call.export);
  vm.start(func, parseArguments(call.export, vm.store.funcType(func.payload).params, call.args));
}

/** Of the call that the VM is in. */
function resultTypes({ store }: VM): readonly ValType[] {
  const func = store.stack.depth > 0 ? store.stack.func(0) : store.pending?.func;
  return func === undefined ? [] : (store.funcType(func) satisfies FuncType).results;
}
