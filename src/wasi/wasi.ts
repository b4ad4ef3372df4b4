// WASI preview 1 as a host module: what a program imports, and what there is to know of one that ran.

import { type HostContext, type HostFunction, retryHostFunction } from '../host/define.ts';
import { HostModule, ownedBy } from '../host/module.ts';
import type { Outcome } from '../runtime/engine.ts';
import { UsageError } from '../spec/errors.ts';
import type { VM } from '../vm.ts';
import { type Form, preview1, unstable } from './abi.ts';
import type { Call, Scene } from './calls/call.ts';
import { calls, endings, perform } from './calls/calls.ts';
import { contentsOf } from './files/tree.ts';
import { GuestMemory } from './memory.ts';
import { giverOf, type WasiOptions } from './options.ts';
import { restoreSystem, saveSystem } from './system/saved.ts';
import { type Giver, newSystem, type System } from './system/system.ts';

/** The names by which programs import it. */
export type WasiImports = {
  readonly [name in 'wasi_snapshot_preview1' | 'wasi_unstable']: Readonly<Record<string, HostFunction>>;
};

/** What a program has left behind. */
export interface Left {
  /** What it wrote and was kept: what went to no function or stream. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Files below `/` of `files`, by path; of directories those that are empty, whose names end with a slash. */
  readonly files: Readonly<Record<string, Uint8Array | { readonly symlink: string }>>;
}

/** What programs import, and what they have left behind, for as many VMs as you like; `wasi` makes one. */
export class Wasi {
  /** For `vm.instantiate` and `VM.restore`. */
  readonly imports: WasiImports;
  private readonly module: HostModule<System>;
  private readonly giver: Giver;

  /** Throws UsageError. */
  constructor(options: WasiOptions = {}) {
    this.giver = giverOf(options);
    const { giver } = this;
    const names = giver.preopens.map(({ name }) => name);
    this.module = new HostModule<System>({
      name: 'wasi',
      state: {
        create: () => newSystem(giver),
        save: (system) => saveSystem(system, names, 'save'),
        send: (system) => saveSystem(system, names, 'send'),
        restore: (saved) => restoreSystem(saved, giver),
        dispose: (system) => system.dispose(),
      },
      functions: { ...functions.preview1, ...options.calls },
      keepsViews: false,
    });
    this.imports = {
      wasi_snapshot_preview1: this.module.functions,
      wasi_unstable: ownedBy(this.module, { ...functions.unstable, ...options.calls }),
    };
  }

  /** What a program has left in a VM, while it runs or after it. Throws UsageError for a VM without it. */
  of(vm: VM): Left {
    const system = vm.state(this.module);
    const at = this.giver.preopens.findIndex(({ name }) => name === '/');
    return {
      stdout: system.stdout.bytes,
      stderr: system.stderr.bytes,
      get files() {
        return at < 0 ? {} : Object.fromEntries(contentsOf((system.systems[at] as System['systems'][number]).root));
      },
    };
  }

  /** Nothing more is asked of a stream or iterable that standard input comes from; it is told. */
  close(): void {
    this.giver.source?.close();
  }
}

/**
 * What a program for WASI preview 1 imports, and `wasi_unstable` for older ones. Throws UsageError.
 *
 *     const system = wasi({ args: ['greet', 'you'], stdin: 'hello', files: { 'a.txt': 'text' } });
 *     const instance = vm.instantiate(module, system.imports);
 *     vm.start(instance.func('_start'));
 *     const code = exitCodeOf(await vm.runAsync());
 *     system.of(vm).stdout;
 */
export const wasi = (options: WasiOptions = {}): Wasi => new Wasi(options);

/** The code with which a program ended: 0 where its start function returned. Throws what it trapped with; UsageError. */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.status) {
    case 'returned':
      return 0;
    case 'exited':
      return outcome.code;
    case 'trapped':
      throw outcome.trap;
    case 'suspended':
      throw new UsageError('the program has not ended yet');
    default:
      return outcome satisfies never;
  }
}

const functionsOf = (form: Form): Record<string, HostFunction> =>
  Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [name, functionOf(call, form, endings.includes(name))]),
  );

/** All systems have the same ones, but for those that are given in their place. */
const functions = { preview1: functionsOf(preview1), unstable: functionsOf(unstable) };

function functionOf(call: Call, form: Form, isEnding: boolean): HostFunction {
  const params = (call.params === '' ? [] : call.params.split(' ')) as ('i32' | 'i64')[];
  return retryHostFunction(params, isEnding ? [] : ['i32'], (...args: unknown[]) => {
    const context = args.pop() as HostContext<System>;
    return perform(call, new VmScene(context, form), args);
  });
}

/** As for what a guest copies itself. */
const bytesPerUnit = 16;

class VmScene implements Scene {
  readonly system: System;
  readonly memory: GuestMemory;
  readonly again: boolean;

  constructor(
    private readonly context: HostContext<System>,
    readonly form: Form,
  ) {
    this.system = context.state;
    this.memory = memoryOf(context, context.memory());
    this.again = context.callId !== undefined;
  }

  copied(bytes: number): void {
    this.context.spend(bytes / bytesPerUnit);
  }
  exit(code: number): never {
    return this.context.exit(code);
  }
  overLimit(limit: string, value: number): never {
    return this.context.overLimit(limit, value);
  }
}

function memoryOf({ state }: HostContext<System>, bytes: Uint8Array): GuestMemory {
  if (state.memory?.isOf(bytes) !== true) state.memory = new GuestMemory(bytes);
  return state.memory as GuestMemory;
}
