// The class of `node:wasi`, for packages that import it and for memories that Node's own refuses: those of
// `wasbox/webassembly`, or of whatever has the shape of one. Its calls are JavaScript functions that block, as Node's do;
// what is to be stopped and moved takes `wasi` and a VM.

import { readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { NotYet } from '../../host/not-yet.ts';
import { LimitError, UsageError } from '../../spec/errors.ts';
import { aFlag, anInteger, anObject, anything, listOf, oneOf, optionsOf, theOptions } from '../../spec/options.ts';
import { type Form, preview1, unstable } from '../abi.ts';
import type { Call, Scene } from '../calls/call.ts';
import { calls, perform } from '../calls/calls.ts';
import type { FileSource } from '../files/types.ts';
import { folderFiles } from '../folder/source.ts';
import { GuestMemory } from '../memory.ts';
import { giverOf } from '../options.ts';
import type { Reader, Writer } from '../system/streams.ts';
import { newSystem, type StreamName, type System } from '../system/system.ts';

/** What `new WASI` takes, as `node:wasi` does. */
export interface WASIOptions {
  /** Which form of the interface; `preview1` unless told. */
  readonly version?: 'preview1' | 'unstable' | undefined;
  readonly args?: readonly unknown[] | undefined;
  readonly env?: Readonly<Record<string, unknown>> | undefined;
  /** By the paths that the program sees: folders of the host, or other sources of files. */
  readonly preopens?: Readonly<Record<string, string | FileSource>> | undefined;
  /** True unless told: `start` returns the exit code. Else the process ends with it. */
  readonly returnOnExit?: boolean | undefined;
  /** Descriptors of the process: 0, 1 and 2 unless told. */
  readonly stdin?: number | undefined;
  readonly stdout?: number | undefined;
  readonly stderr?: number | undefined;
}

const aDescriptor = anInteger(0, 2 ** 31 - 1);
const wasiOptions = optionsOf<WASIOptions>({
  version: oneOf('preview1', 'unstable'),
  args: listOf(anything),
  env: anObject,
  preopens: anObject,
  returnOnExit: aFlag,
  stdin: aDescriptor,
  stdout: aDescriptor,
  stderr: aDescriptor,
});

interface Exports {
  readonly [name: string]: unknown;
}
interface InstanceLike {
  readonly exports: Exports;
}

/** What ends the program, past all of its frames. */
class Exit {
  constructor(readonly code: number) {}
}

/** WASI in the form of `node:wasi`: for `WebAssembly` of the host or of wasbox. Its calls block the thread. */
export class WASI {
  /** The functions that a module imports. */
  readonly wasiImport: Readonly<Record<string, (...args: (number | bigint)[]) => unknown>>;
  private readonly system: System;
  private readonly form: Form;
  private readonly returnOnExit: boolean;
  private memory: { readonly buffer: ArrayBufferLike } | undefined;
  private guest: GuestMemory | undefined;
  private started = false;

  /** Throws UsageError. */
  constructor(options: WASIOptions = {}) {
    wasiOptions(options, theOptions);
    const { version = 'preview1', returnOnExit = true } = options;
    this.form = version === 'preview1' ? preview1 : unstable;
    this.returnOnExit = returnOnExit;
    this.system = newSystem(giverOf(givenBy(options)));
    this.wasiImport = Object.fromEntries(
      Object.entries(calls).map(([name, call]) => [name, (...args) => this.call(call, args)]),
    );
  }

  /** For `WebAssembly.instantiate`. */
  getImportObject(): Record<string, WASI['wasiImport']> {
    return { [this.form === preview1 ? 'wasi_snapshot_preview1' : 'wasi_unstable']: this.wasiImport };
  }

  /** Runs a command: `_start`. Returns the exit code. Throws UsageError for what is none, and what the program throws. */
  start(instance: InstanceLike): number {
    const { _start: start, _initialize: initialize } = this.exportsOf(instance);
    if (typeof start !== 'function') throw new UsageError('the instance must export a function `_start`');
    if (initialize !== undefined)
      throw new UsageError('an instance with `_initialize` is a library: it is not started');
    this.finalizeBindings(instance);
    try {
      start();
      return 0;
    } catch (thrown) {
      if (!(thrown instanceof Exit)) throw thrown;
      if (!this.returnOnExit) process.exit(thrown.code);
      return thrown.code;
    }
  }

  /** Makes a library ready: `_initialize`, where there is one. */
  initialize(instance: InstanceLike): void {
    const { _start: start, _initialize: initialize } = this.exportsOf(instance);
    if (start !== undefined) throw new UsageError('an instance with `_start` is a program: start it');
    this.finalizeBindings(instance);
    if (typeof initialize === 'function') initialize();
  }

  /** Binds the memory that the calls work on: that of the instance, unless another one is given. */
  finalizeBindings(
    instance: InstanceLike,
    { memory = this.exportsOf(instance).memory }: { memory?: unknown } = {},
  ): void {
    if (this.started) throw new UsageError('this WASI has been started already');
    const { buffer } = Object(memory) as { readonly buffer?: unknown };
    if (Object(buffer) !== buffer) throw new UsageError('the instance must export a memory `memory`');
    this.memory = memory as { readonly buffer: ArrayBufferLike };
    this.started = true;
  }

  private exportsOf(instance: InstanceLike): Exports {
    anObject(instance, 'the instance');
    anObject(instance.exports, 'instance.exports');
    return instance.exports;
  }

  private call(call: Call, args: (number | bigint)[]): unknown {
    for (let again = false; ; again = true) {
      const scene = new BlockingScene(this.system, this.bytes(), this.form, again);
      const result = perform(call, scene, args);
      if (!(result instanceof NotYet)) return result;
      block(result);
    }
  }

  private bytes(): GuestMemory {
    if (this.memory === undefined)
      throw new UsageError('no memory is bound: call start, initialize or finalizeBindings');
    const { buffer } = this.memory;
    const { bytes } = this.guest ?? {};
    if (bytes?.buffer !== buffer || bytes.length !== buffer.byteLength)
      this.guest = new GuestMemory(new Uint8Array(buffer));
    return this.guest as GuestMemory;
  }
}

class BlockingScene implements Scene {
  constructor(
    readonly system: System,
    readonly memory: GuestMemory,
    readonly form: Form,
    readonly again: boolean,
  ) {}

  /** Nobody counts fuel. */
  copied(): void {}
  exit(code: number): never {
    throw new Exit(code | 0);
  }
  overLimit(limit: string, value: number): never {
    throw new LimitError(`the guest is over the limit ${limit} of ${value}`, { limit, value });
  }
}

/** What the class's options are as those of `wasi`. */
function givenBy({ args = [], env = {}, preopens = {}, stdin = 0, stdout = 1, stderr = 2 }: WASIOptions) {
  const sources = Object.entries(preopens).map(([name, from]) => [
    name,
    typeof from === 'string' ? folderFiles(from) : from,
  ]);
  const terminals = (Object.entries({ stdin, stdout, stderr }) as [StreamName, number][])
    .filter(([, fd]) => isatty(fd))
    .map(([name]) => name);
  return {
    args: args.map(String),
    env: Object.fromEntries(
      Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
    ),
    preopens: Object.fromEntries(sources),
    ...{ stdin: reader(stdin), stdout: writer(stdout), stderr: writer(stderr), terminals },
  };
}

const readAtOnce = 65_536;

const reader =
  (fd: number): Reader =>
  () => {
    const bytes = new Uint8Array(readAtOnce);
    const count = untilReady(() => readSync(fd, bytes));
    return count === 0 ? null : bytes.subarray(0, count);
  };

const writer =
  (fd: number): Writer =>
  (bytes) => {
    for (let at = 0; at < bytes.length; ) at += untilReady(() => writeSync(fd, bytes, at));
  };

/** Pipes and terminals of Node may not block by themselves. */
function untilReady(act: () => number): number {
  for (;;) {
    try {
      return act();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      wait(5);
    }
  }
}

const word = new Int32Array(new SharedArrayBuffer(4));
const wait = (ms: number): void => void Atomics.wait(word, 0, 0, ms);

function block({ left, events }: NotYet): void {
  if (left === undefined || events.length > 0)
    throw new UsageError('what is waited for never comes to a thread that blocks');
  wait(left);
}
