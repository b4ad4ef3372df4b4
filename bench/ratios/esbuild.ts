// esbuild, a program in Go, driven by its package's own script: in the world of this process, or in another one.

import { constants } from 'node:fs';
import path from 'node:path';
import type { WebAssemblyNamespace } from 'wasbox/webassembly';
import { packagePath } from '../demo/program.ts';
import { loadWith } from './glue.ts';

type Done<T> = (error: Error | null, result?: T) => void;

/** What the program looks up by name. Of files it gets what `fs` holds; what it writes is the result. */
export interface World {
  readonly fs: Readonly<Record<string, unknown>>;
  readonly process: object;
  readonly crypto: Pick<Crypto, 'getRandomValues'>;
  readonly performance: Pick<Performance, 'now'>;
  readonly Date: { new (): Pick<Date, 'getTime' | 'getTimezoneOffset'>; now(): number };
}

interface Go {
  argv: string[];
  env: Record<string, string>;
  exit(code: number): void;
  importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<void>;
}

/** The exit code, and all that was written. A program in Go runs once in an instance: starting it is part of the work. */
export async function runEsbuild(
  wasm: WebAssemblyNamespace,
  module: WebAssembly.Module,
  args: readonly string[],
  world: World,
): Promise<{ code: number; output: Uint8Array }> {
  const told: Uint8Array[] = [];
  const write = (_fd: number, bytes: Uint8Array, from: number, length: number, _at: unknown, done: Done<number>) => {
    told.push(bytes.slice(from, from + length));
    done(null, length);
  };
  const { Object: object, Array: array, Uint8Array: uint8Array, Error: error } = globalThis;
  const fs = { constants, ...world.fs, write };
  const hidden = { Object: object, Array: array, Uint8Array: uint8Array, Error: error, TextEncoder, TextDecoder };
  const own: Record<string, unknown> = { ...hidden, ...world, fs, path };
  const { crypto, performance, Date: date } = world;
  const names = { globalThis: own, crypto, performance, Date: date };
  loadWith(wasm, packagePath('esbuild-wasm', 'wasm_exec.js'), names);
  const go = new (own.Go as new () => Go)();
  let code = -1;
  go.argv = ['esbuild', ...args];
  go.env = { TMPDIR: '/tmp' };
  go.exit = (given) => {
    code = given;
  };
  await go.run(new wasm.Instance(module, go.importObject));
  return { code, output: Buffer.concat(told) };
}

/** A world without chance, time and files: the program reads `input`, and nothing else is there. */
export function closedWorld(input: Uint8Array): World {
  let [at, time] = [0, 0];
  const missing = (...args: unknown[]): void =>
    (args.at(-1) as Done<never>)(Object.assign(new Error('no such file'), { code: 'ENOENT' }));
  const read = (_fd: number, bytes: Uint8Array, from: number, length: number, _at: unknown, done: Done<number>) => {
    const part = input.subarray(at, at + length);
    bytes.set(part, from);
    at += part.length;
    done(null, part.length);
  };
  class Frozen {
    static readonly now = (): number => 1.7e12;
    readonly getTime = Frozen.now;
    readonly getTimezoneOffset = (): number => 0;
  }
  return {
    fs: { read, stat: missing, lstat: missing, open: missing, readdir: missing },
    process: { cwd: () => '/' },
    crypto: { getRandomValues: (bytes) => bytes },
    performance: { now: () => ++time },
    Date: Frozen,
  };
}
