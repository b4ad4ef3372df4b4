// Runs a VM through its planned calls, slice by slice, so that signals can be heard between two slices and while a host
// function is awaited. The slices do not show in the result: fuel is charged alike however it is granted.

import { setImmediate } from 'node:timers/promises';
import { nextFuel } from '../pool/pace.ts';
import type { Outcome } from '../runtime/engine.ts';
import { parseArguments } from '../runtime/literals.ts';
import type { PlannedCall } from '../snapshot/extras.ts';
import { HostError, type Trap } from '../spec/errors.ts';
import type { FuncType, ValType } from '../spec/types.ts';
import type { VM } from '../vm.ts';
import type { TypedValue } from './print.ts';

const firstFuel = 1_000_000;
/** How long a signal may have to wait, in ms. */
const sliceMs = 50;

export type Why = 'fuel' | 'timeout' | 'interrupt';

export interface DriveOptions {
  /** For all calls together. */
  readonly fuel: number;
  /** Aborted, with the reason why: stop as soon as the guest can be left. */
  readonly stop?: AbortSignal | undefined;
}

/** `plan`: the calls still to be made after the one that the VM is in. */
export type End =
  | { readonly status: 'returned'; readonly values: readonly TypedValue[] }
  | { readonly status: 'trapped'; readonly trap: Trap | HostError }
  | { readonly status: 'suspended'; readonly why: Why; readonly plan: readonly PlannedCall[] };

/** Ends the call that the VM is in, if any, then makes the planned ones; the last one's results are the results. */
export async function drive(vm: VM, plan: readonly PlannedCall[], options: DriveOptions): Promise<End> {
  const company = keepCompany(options.stop);
  try {
    return await new Course(vm, plan, options, company.stopped).end();
  } finally {
    company.leave();
  }
}

class Course {
  private readonly plan: PlannedCall[];
  private readonly before: number;
  private fuel = firstFuel;
  private values: readonly TypedValue[] = [];

  constructor(
    private readonly vm: VM,
    plan: readonly PlannedCall[],
    private readonly options: DriveOptions,
    private readonly stopped: Promise<Stopped>,
  ) {
    this.plan = [...plan];
    this.before = paid(vm);
  }

  async end(): Promise<End> {
    const { vm, plan } = this;
    const { stop } = this.options;
    let types = typesUnderWay(vm);
    while (vm.status !== 'idle' || plan.length > 0) {
      if (stop?.aborted) return this.suspended(whyOf(stop));
      if (vm.status === 'idle') types = begin(vm, plan.shift() as PlannedCall);
      const outcome = await this.slice();
      if (outcome.status === 'stopped') return this.suspended(outcome.why);
      if (outcome.status === 'trapped') return outcome;
      if (outcome.status === 'returned') this.values = typed(outcome.values, types);
      else if (this.left === 0) return this.suspended('fuel');
      await setImmediate();
    }
    return { status: 'returned', values: this.values };
  }

  private get left(): number {
    return Math.max(0, this.options.fuel - (paid(this.vm) - this.before));
  }

  private async slice(): Promise<Outcome | Stopped> {
    const { vm, left } = this;
    const fuel = Math.min(this.fuel, left);
    const [used, startedAt] = [vm.fuelUsed, performance.now()];
    const outcome = await Promise.race([vm.runAsync({ fuel }), this.stopped]);
    if (outcome.status === 'suspended')
      this.fuel = nextFuel(this.fuel, vm.fuelUsed - used, performance.now() - startedAt, sliceMs);
    return outcome;
  }

  private suspended(why: Why): End {
    return { status: 'suspended', why, plan: this.plan };
  }
}

interface Stopped {
  readonly status: 'stopped';
  readonly why: Why;
}

const whyOf = ({ reason }: AbortSignal): Why => (typeof reason === 'string' ? 'interrupt' : 'timeout');

/**
 * While something awaits the guest, the process must neither end nor wait for nothing: where nobody can stop it, a guest
 * that waits for what no timer, file or socket will bring is told.
 */
function keepCompany(stop: AbortSignal | undefined): { stopped: Promise<Stopped>; leave: () => void } {
  let leave = () => {};
  const stopped = new Promise<Stopped>((resolve, reject) => {
    if (stop === undefined) {
      const deserted = () => reject(new HostError('the guest waits, and nothing is left that it could wait for'));
      process.once('beforeExit', deserted);
      leave = () => process.off('beforeExit', deserted);
      return;
    }
    const alive = setInterval(() => {}, 2 ** 30);
    const abort = () => resolve({ status: 'stopped', why: whyOf(stop) });
    stop.addEventListener('abort', abort);
    leave = () => {
      clearInterval(alive);
      stop.removeEventListener('abort', abort);
    };
  });
  return { stopped, leave };
}

/** Fuel that was granted and used, in the VM's whole life. */
const paid = ({ store }: VM): number => store.fuelUsed - store.debt;

/** Returns the types of the results. */
function begin(vm: VM, call: PlannedCall): readonly ValType[] {
  const func = vm.instance().func(call.export);
  const { params, results } = vm.store.funcType(func.payload);
  vm.start(func, parseArguments(call.export, params, call.args));
  return results;
}

/** Of the call that the VM is in. */
function typesUnderWay({ store }: VM): readonly ValType[] {
  const func = store.stack.depth > 0 ? store.stack.func(0) : store.pending?.func;
  return func === undefined ? [] : (store.funcType(func) satisfies FuncType).results;
}

const typed = (values: readonly unknown[], types: readonly ValType[]): TypedValue[] =>
  values.map((value, i) => ({ type: types[i] as ValType, value }));
