// Runs a call on both engines at once, in the same slices of fuel, and once more on a VM that goes from one engine to the
// other at every stop. After each slice all of them must be in the same state, to the byte of what they save.

import { type Module, type Outcome, Trap, type Value, VM, type VmOptions } from '../../src/index.ts';

export interface Trio {
  readonly module: Module;
  readonly interpreted: VM;
  readonly native: VM;
  hopping: VM;
  /** How many times the last one changed its engine. */
  hops: number;
}

const limits: VmOptions['limits'] = { frames: 2_000, stack: 2 ** 20 };

export function trioOf(module: Module): Trio {
  const make = (engine: VmOptions['engine']) => {
    const vm = new VM({ engine, limits });
    vm.instantiate(module);
    return vm;
  };
  return { module, interpreted: make('interpreter'), native: make('native'), hopping: make('native'), hops: 0 };
}

const vmsOf = ({ interpreted, native, hopping }: Trio): VM[] => [interpreted, native, hopping];

export function disposeOf(trio: Trio): void {
  for (const vm of vmsOf(trio)) vm.dispose();
}

/** What can be told of an outcome, the trace included. */
export function show(outcome: Outcome): string {
  const shown = outcome.status === 'trapped' ? { ...outcome, trap: showTrap(outcome.trap) } : outcome;
  return JSON.stringify(shown, (key, value) =>
    typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : key === 'words' ? undefined : value,
  );
}

const showTrap = (trap: (Outcome & { status: 'trapped' })['trap']): unknown => ({
  kind: trap instanceof Trap ? trap.kind : trap.name,
  message: trap.message,
  frames: trap.frames.map(({ func, pc }) => `${func}@${pc}`),
});

/**
 * Calls a function in slices: `slice` says how much fuel beyond what is owed. Returns the first difference, or undefined.
 * After `most` slices the call goes on to its end.
 */
export function differs(
  trio: Trio,
  name: string,
  args: readonly Value[],
  slice: () => number,
  most: number,
): string | undefined {
  for (const vm of vmsOf(trio)) vm.start(vm.instance(0).func(name), args);
  for (let i = 0; ; i++) {
    const beyond = i < most ? slice() : Infinity;
    const outcomes = vmsOf(trio).map((vm) => vm.run({ fuel: vm.store.debt + beyond }));
    const [expected, ...others] = outcomes.map(show);
    const other = others.find((it) => it !== expected);
    if (other !== undefined) return `slice ${i}: ${expected} and ${other}`;
    const ended = outcomes[0]?.status;
    if (ended === 'trapped') evenFuel(trio);
    const state = stateDiffers(trio, i, ended === 'suspended');
    if (state !== undefined) return state;
    if (ended !== 'suspended') return undefined;
    if (i < most) hop(trio);
  }
}

/** Native code that traps does not know what it has used since it was entered, so it says more. */
function evenFuel(trio: Trio): void {
  for (const vm of vmsOf(trio)) {
    vm.store.fuelUsed = trio.interpreted.store.fuelUsed;
    vm.store.debt = trio.interpreted.store.debt;
  }
}

function stateDiffers(trio: Trio, i: number, suspended: boolean): string | undefined {
  const { interpreted } = trio;
  for (const vm of vmsOf(trio).slice(1))
    if (vm.fuelUsed !== interpreted.fuelUsed) return `slice ${i}: fuel ${interpreted.fuelUsed} and ${vm.fuelUsed}`;
  if (!suspended) return undefined;
  const [bytes, ...others] = vmsOf(trio).map((vm) => Buffer.from(vm.save().encode()));
  if (others.every((it) => it.equals(bytes as Buffer))) return undefined;
  return `slice ${i}: saved bytes; ${JSON.stringify(
    vmsOf(trio).map((vm) => vm.frames()),
    bigints,
  )}`;
}

const bigints = (key: string, value: unknown): unknown =>
  key === 'type' ? undefined : typeof value === 'bigint' ? `${value}n` : value;

function hop(trio: Trio): void {
  const bytes = trio.hopping.save().encode();
  trio.hopping.dispose();
  const engine = trio.hops++ % 2 === 0 ? 'interpreter' : 'native';
  trio.hopping = VM.restore(bytes, { modules: [trio.module], engine, limits });
}
