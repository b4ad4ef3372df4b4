// JavaScript for programs of others: runs, and goes on with tokens. What drives them is in run/, what they run in in
// machine/.

import { check, instanceOf, theOptions } from '../spec/options.ts';
import { clockOf } from '../wasi/system/clock.ts';
import { randomOf } from '../wasi/system/random.ts';
import { type Base, makeBase } from './machine/base.ts';
import { type Machine, takeMachine } from './machine/machine.ts';
import { limitsOf, type ProgramLimitOptions } from './run/limits.ts';
import { checkResume, checkRun, type ResumeOptions, type RunOptions } from './run/options.ts';
import type { ProgramOutcome } from './run/outcome.ts';
import { Program } from './run/program.ts';
import { isAwaitedTool } from './run/tools.ts';
import { decodeToken } from './token/token.ts';
import { encodeValue } from './values/encode.ts';

/** A program that runs: a promise of what it comes to. */
export interface RunningProgram extends Promise<ProgramOutcome> {
  /** Brings it to rest soon: the outcome is `paused`, with a token, unless it was over before. */
  pause(): void;
}

const wasmBytes = instanceOf(Uint8Array, 'a Uint8Array');
const codeText = check((v: unknown) => typeof v === 'string', 'a text');

/** What a VM's memory may grow to: QuickJS counts what it hands out, and needs room besides. */
const roomFor = ({ memory }: ReturnType<typeof limitsOf>): number =>
  Math.min(2 ** 32, Math.ceil(memory * 1.25) + 2 ** 22);

/** QuickJS, ready to run programs. It is made once for a thread. */
export class JavaScript {
  private made: Base | undefined;

  private constructor(private readonly bytes: Uint8Array) {}

  /** Of the bytes of `quickjs-wasi/quickjs.wasm`. Throws UsageError. */
  static from(bytes: Uint8Array): JavaScript {
    wasmBytes(bytes, 'QuickJS');
    return new JavaScript(bytes);
  }

  /** @hidden */
  get base(): Base {
    this.made ??= makeBase(this.bytes, 'auto');
    return this.made;
  }

  /**
   * Runs a program to its value, its failure, or to rest. Rejects with ProgramLimitError where it is over a limit, and with
   * UsageError for options that are none.
   */
  run(code: string, options: RunOptions = {}): RunningProgram {
    return started(() => {
      codeText(code, 'the code');
      checkRun(options, theOptions);
      const { base } = this;
      const machine = takeMachine(base, options.engine ?? 'auto', roomFor(limitsOf(options.limits)));
      begin(machine, code, options);
      return new Program(base, machine, options);
    });
  }

  /**
   * Goes on with a program where it came to rest, with the tools and limits of these options. Rejects as `run` does, and
   * with SnapshotError for bytes that are no token.
   */
  resume(token: Uint8Array, options: ResumeOptions = {}): RunningProgram {
    return started(() => {
      wasmBytes(token, 'a token');
      checkResume(options, theOptions);
      return new Program(this.base, this.restored(token, options), options);
    });
  }

  private restored(token: Uint8Array, { limits, engine = 'auto' }: ResumeOptions): Machine {
    const { base } = this;
    const memory = roomFor(limitsOf(limits as ProgramLimitOptions));
    return takeMachine(base, engine, memory, decodeToken(base, token, memory + roomBesides));
  }
}

/** What a token holds besides memory. */
const roomBesides = 2 ** 26;

function begin(machine: Machine, code: string, options: RunOptions): void {
  const { tools = {}, id, file = 'main.js', type = 'script', clock = 'live', random = 'live' } = options;
  const { state } = machine;
  state.clock = clockOf(clock);
  state.random = randomOf(random);
  state.id = id ?? randomId();
  state.fuelBefore = machine.vm.fuelUsed;
  machine.seed();
  const names = Object.entries(tools).map(([name, tool]) => ({ name, awaited: isAwaitedTool(tool) }));
  const origin = Number(state.clock.realtime() / 1_000_000n);
  const values = Object.hasOwn(options, 'input') ? { input: options.input } : {};
  const { text, blobs } = encodeValue({ tools: names, values, origin }, 'the options');
  machine.callNow('start', [machine.memory.message({ text: `+${text}`, blobs })]);
  machine.evaluate(code, file, type);
  state.phase = type;
}

const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');

function started(make: () => Program): RunningProgram {
  let program: Program | undefined;
  const run = async () => {
    program = make();
    return program.run();
  };
  return Object.assign(run(), { pause: () => program?.pause() });
}
