// The jobs of a batch, each with its answer: what is called, for wasbox, for the host's own WebAssembly, and alone.

import { isDeepStrictEqual } from 'node:util';
import { writePng } from '../demo/png.ts';
import { noise, packageFile, stepsOf } from '../demo/program.ts';
import { assemble } from '../measure/work.ts';
import { decodePng } from './guest.ts';

export interface Task {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The argument of its `run`, or the PNG that is decoded. */
  readonly input: number | Uint8Array;
  /** The same work alone, in an instance that stays. */
  alone(): unknown;
  check(output: unknown): boolean;
}

type Exports = Record<string, (arg: number) => number>;

async function call(name: string, kernel: string, arg: number): Promise<Task> {
  const bytes = await assemble(kernel);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource));
  const alone = () => (exports as Exports).run?.(arg);
  const expected = [alone()];
  return { name, bytes, input: arg, alone, check: (output) => isDeepStrictEqual(output, expected) };
}

function png(size: number): Task {
  const bytes = packageFile('@cwasm/lodepng', 'lodepng.wasm');
  const pixels = noise(size * size * 4, size).map((value, i) => (value & 7) + (i % 251));
  const input = writePng({ width: size, height: size, pixels });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource));
  return {
    name: `a PNG of ${size}x${size}`,
    bytes,
    input,
    alone: () => decodePng(instance.exports, input),
    check: (output) => isDeepStrictEqual(output, { width: size, height: size, pixels }),
  };
}

/** A block of 64 bytes takes SHA-256 64 rounds: `sha.wat` does as many for 2 KB. */
const roundsOfHash = 2048;

export const tasks = async (): Promise<Task[]> => [
  await call('fib(5)', 'fib', 5),
  await call('fib(20)', 'fib', 20),
  await call('fib(25)', 'fib', 25),
  await call('a hash of 2 KB', 'sha', roundsOfHash),
  png(64),
];

/** The job module that decodes a PNG. */
export const pngSteps = stepsOf('lodepng');
