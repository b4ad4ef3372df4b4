// Programs that ask the host, which calls back into them and catches what that ends with, and runs slices of another VM
// beside them. Compared on the host's WebAssembly, on both engines, at once and hopping, and through the look-alike; and,
// where inner calls run out of fuel, which the host has no word for, one engine with the other.

import { hostFunction, LimitError, Module, Trap, UsageError } from '../../src/index.ts';
import { createWebAssembly } from '../../src/js-api/index.ts';
import {
  argument,
  atOnce,
  create,
  type Difference,
  differing,
  type Ending,
  type EngineName,
  type Exports,
  exportsOf,
  fuelDiffers,
  hopping,
  instanceOf,
  newTally,
  type Ours,
  onHost,
  restore,
  show,
  stateDiffers,
  type Tally,
  ways,
} from './compare.ts';
import { counterName, type Program } from './generate.ts';
import type { Random } from './random.ts';
import type { Shape, Type } from './shape.ts';

const allowance = 2000;
/** Host functions that may run inside of each other. */
const deepest = 3;

type Told = { readonly values: readonly unknown[] } | { readonly traps: readonly string[] };

/** The host's side of one running program: the same questions get the same answers, whoever runs it. */
class Answers {
  /** Inner calls that ended otherwise than by returning, since it was asked for. */
  failed = 0;
  private depth = 0;

  constructor(
    private readonly shape: Shape,
    private readonly deepest: number,
    /** Calls an export to its end. */
    private readonly call: (name: string, args: readonly unknown[]) => Told,
    /** Lets another program go on for a while. */
    private readonly beside: () => void,
    private readonly throws: boolean,
  ) {}

  readonly ask = (n: number): number => {
    const way = n & 7;
    if (this.depth >= this.deepest) return ~n;
    if (way < 3) return this.inner(n >>> 3);
    if (way < 6) this.beside();
    if (way === 6 && this.throws) throw new Error('as was asked');
    return n ^ 21;
  };

  private inner(n: number): number {
    const { functions } = this.shape;
    const index = n % functions.length;
    this.depth++;
    try {
      const told = this.call(
        `f${index}`,
        (functions[index]?.params ?? []).map((type) => plainArgument(n, type)),
      );
      if ('values' in told) return hash(show(told.values));
      this.failed++;
      return told.traps.includes('uncaught exception') ? 2 : 1;
    } finally {
      this.depth--;
    }
  }
}

function plainArgument(n: number, type: Type): unknown {
  if (type === 'externref') return n % 2 === 0 ? null : 'seven';
  if (type === 'i64') return BigInt.asIntN(64, BigInt(n) * 0x1234_5678_9abcn);
  return type === 'i32' ? n | 0 : type === 'f32' ? Math.fround(n / 3) : n / 7;
}

function hash(text: string): number {
  let sum = 7;
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  return sum;
}

const tellEnding = (ending: Ending): Told => ('values' in ending ? ending : { traps: [ending.trap] });
const asEnding = (told: Told): Ending => ('values' in told ? told : { trap: told.traps[0] as string });

/** An inner call of a VM; it may be out of fuel. */
function innerCall(ours: Ours, name: string, args: readonly unknown[]): Told {
  try {
    return tellEnding(atOnce(ours, name, args));
  } catch (error) {
    if (error instanceof LimitError) return { traps: ['out of fuel'] };
    throw error;
  }
}

/** A second VM with the same program, of which slices run inside of others' host functions. */
class Beside {
  readonly ours: Ours;
  ending: Ending | undefined;

  constructor(
    { shape }: Program,
    module: Module,
    engines: readonly EngineName[],
    tally: Tally,
    private readonly random: Random,
  ) {
    const answers = new Answers(
      shape,
      1,
      (name, args) => innerCall(this.ours, name, args),
      () => undefined,
      false,
    );
    const imports = { h: { ask: hostFunction(['i32'], ['i32'], answers.ask) } };
    const made = create(module, engines, tally, imports) ?? create(module, ['interpreter'], tally, imports);
    this.ours = made as Ours;
    instanceOf(this.ours).global(counterName).value = allowance;
    const params = shape.functions[0]?.params ?? [];
    this.ours.vm.start(
      instanceOf(this.ours).func('f0'),
      params.map((type) => plainArgument(99, type)),
    );
  }

  readonly slice = (): void => this.go(this.random.below(300));

  private go(fuel: number): void {
    if (this.ending !== undefined) return;
    const outcome = this.ours.vm.run({ fuel });
    this.ours.tally.beside++;
    if (outcome.status === 'returned') this.ending = { values: outcome.values };
    else if (outcome.status === 'suspended') {
      if (this.random.chance(4)) restore(this.ours, this.random);
    } else if (outcome.status === 'exited') throw new Error(outcome.status);
    else if (outcome.trap instanceof Trap) this.ending = { trap: outcome.trap.kind };
    else throw outcome.trap;
  }

  finish(): Ending {
    while (this.ending === undefined) this.go(10_000_000);
    return this.ending;
  }
}

/** One of those who run the program. */
interface Party {
  readonly how: string;
  readonly answers: Answers;
  readonly beside: Beside;
  /** Undefined for the look-alike. */
  readonly ours: Ours | undefined;
  readonly exports: Exports;
  call(name: string, args: readonly unknown[]): Ending;
}

type Common = readonly [program: Program, module: Module, random: Random, tally: Tally];

function vmParty(
  [program, module, random, tally]: Common,
  { how, engines, hops }: (typeof ways)[number],
  limits: { innerFuel?: number } = {},
): Party | undefined {
  const beside = new Beside(program, module, engines, tally, random);
  const holder: { ours?: Ours } = {};
  const inner = (name: string, args: readonly unknown[]) => innerCall(holder.ours as Ours, name, args);
  const depth = limits.innerFuel === undefined ? deepest : 1;
  const answers = new Answers(program.shape, depth, inner, beside.slice, false);
  const ours = create(module, engines, tally, { h: { ask: hostFunction(['i32'], ['i32'], answers.ask) } }, limits);
  if (ours === undefined) return undefined;
  holder.ours = ours;
  const call = (name: string, args: readonly unknown[]) =>
    hops ? hopping(ours, name, args, random) : atOnce(ours, name, args);
  return { how, answers, beside, ours, exports: exportsOf(ours, program.shape), call };
}

function jsParty([program, module, random, tally]: Common, engine: EngineName, throws: boolean): Party | undefined {
  const api = createWebAssembly({ engine });
  const beside = new Beside(program, module, [engine], tally, random);
  const trapsOf = (error: unknown): readonly string[] => {
    if (error instanceof api.Exception) return ['uncaught exception'];
    const { cause, message } = error as Error;
    return [cause instanceof Trap ? cause.kind : message];
  };
  const holder: { exports?: Exports } = {};
  const tell = (name: string, args: readonly unknown[]) => onHost(holder.exports as Exports, name, args, trapsOf);
  const answers = new Answers(program.shape, deepest, tell, beside.slice, throws);
  try {
    const instance = new api.Instance(new api.Module(program.bytes as BufferSource), { h: { ask: answers.ask } });
    holder.exports = instance.exports as unknown as Exports;
  } catch (error) {
    if (error instanceof UsageError && engine === 'native') return undefined;
    throw error;
  }
  const call = (name: string, args: readonly unknown[]) => asEnding(tell(name, args));
  return { how: `look-alike, ${engine}`, answers, beside, ours: undefined, exports: holder.exports, call };
}

/** The host's own, and what the program beside comes to there. */
function hostParty({ bytes, shape }: Program, throws: boolean) {
  const compiled = new WebAssembly.Module(bytes as BufferSource);
  const instance = (deepest: number, throws: boolean): Exports => {
    const tell = (name: string, args: readonly unknown[]) => onHost(exports, name, args);
    const answers = new Answers(shape, deepest, tell, () => undefined, throws);
    const exports: Exports = new WebAssembly.Instance(compiled, { h: { ask: answers.ask } })
      .exports as unknown as Exports;
    return exports;
  };
  const beside = instance(1, false);
  (beside[counterName] as WebAssembly.Global).value = allowance;
  const told = onHost(
    beside,
    'f0',
    (shape.functions[0]?.params ?? []).map((type) => plainArgument(99, type)),
  );
  return { exports: instance(deepest, throws), beside, told };
}

/** The first difference in what the calls of a program that asks come to. */
export function compareNested(program: Program, random: Random, tally = newTally()): Difference | undefined {
  const throws = random.chance(3);
  const common: Common = [program, Module.from(program.bytes), random, tally];
  const host = hostParty(program, throws);
  const parties = [
    ...(throws ? [] : ways.map((way) => vmParty(common, way))),
    ...(['interpreter', 'native'] as const).map((engine) => jsParty(common, engine, throws)),
  ].filter((party) => party !== undefined);
  tally.modules++;
  const expect = (name: string, args: readonly unknown[]): Told => {
    (host.exports[counterName] as WebAssembly.Global).value = allowance;
    tally.calls++;
    return onHost(host.exports, name, args);
  };
  const found =
    compareCalls(common, parties, host.exports, expect) ??
    besidesDiffer(parties, program.shape, host.beside, host.told);
  return found ?? (throws ? undefined : compareBounded(common));
}

/** Inner calls have little fuel. */
function compareBounded(common: Common): Difference | undefined {
  const [{ shape }, , random] = common;
  const limits = { innerFuel: 5 + random.below(random.chance(2) ? 40 : 400) };
  const [first, ...others] = ways.map((way) => vmParty(common, way, limits)).filter((party) => party !== undefined);
  const { call, exports, beside } = first as Party;
  let fuel = 0;
  const expect = (name: string, args: readonly unknown[]): Told => {
    (exports[counterName] as WebAssembly.Global).value = allowance;
    const before = first?.ours?.vm.fuelUsed ?? 0;
    const told = tellEnding(call(name, args));
    fuel = (first?.ours?.vm.fuelUsed ?? 0) - before;
    return told;
  };
  const told = () => tellEnding(beside.finish());
  const found =
    compareCalls(common, others, exports, expect, () => fuel) ??
    besidesDiffer(others, shape, exportsOf(beside.ours, shape), told());
  first?.ours?.vm.dispose();
  beside.ours.vm.dispose();
  return found && { ...found, what: `innerFuel ${limits.innerFuel}: ${found.what}` };
}

function compareCalls(
  [{ shape }, , random, tally]: Common,
  parties: readonly Party[],
  host: Exports,
  expect: (name: string, args: readonly unknown[]) => Told,
  fuelOf?: () => number,
): Difference | undefined {
  for (const [i, { params }] of shape.functions.entries()) {
    const args = params.map((type) => argument(random, type));
    const name = `f${i}`;
    const expected = expect(name, args) as Parameters<typeof differing>[0];
    let fuel = fuelOf?.();
    for (const { how, ours, answers, exports, call } of parties) {
      (exports[counterName] as WebAssembly.Global).value = allowance;
      answers.failed = 0;
      const before = ours?.vm.fuelUsed ?? 0;
      const ending = call(name, args);
      const used = (ours?.vm.fuelUsed ?? 0) - before;
      tally.inner += answers.failed;
      // Native code that traps says more than it has used.
      if (ours !== undefined && answers.failed === 0) fuel ??= used;
      const difference =
        differing(expected, ending) ??
        stateDiffers(host, exports, shape) ??
        (ours !== undefined && answers.failed === 0 && fuel !== undefined
          ? fuelDiffers(ending, fuel, used)
          : undefined);
      if (difference !== undefined) return { ...difference, what: `${name}${show(args)} ${how}: ${difference.what}` };
    }
  }
  return undefined;
}

function besidesDiffer(parties: readonly Party[], shape: Shape, host: Exports, told: Told): Difference | undefined {
  for (const { how, beside, ours } of parties) {
    const ending = beside.finish();
    const difference =
      differing(told as Parameters<typeof differing>[0], ending) ??
      stateDiffers(host, exportsOf(beside.ours, shape), shape);
    if (difference !== undefined) return { ...difference, what: `beside ${how}: ${difference.what}` };
    beside.ours.vm.dispose();
    ours?.vm.dispose();
  }
  return undefined;
}
