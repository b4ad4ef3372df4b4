// The fixed work that engines are compared by: kernels of one kind of instruction each (kernels/*.wat), and real
// programs.

import { readFile } from 'node:fs/promises';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { writePng } from '../demo/png.ts';
import { noise, packageFile } from '../demo/program.ts';
import { hashModule } from '../demo/programs/hash-wasm.ts';
import type { Guest } from './guest.ts';

export interface Work {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Once for each guest. */
  prepare(guest: Guest): void;
  /** Does the work; what it returns is the same on every engine. */
  run(guest: Guest): unknown;
}

/** Each some hundredths of a second. */
const kernelSizes: Readonly<Record<string, number>> = {
  fib: 27,
  collatz: 20_000,
  mix: 400_000,
  nbody: 3_000,
  sieve: 1_000_000,
  indirect: 600_000,
  straight: 1,
};

export async function assemble(name: string): Promise<Uint8Array> {
  return parse(await readFile(new URL(`../kernels/${name}.wat`, import.meta.url), 'utf8'));
}

async function kernel(name: string, size: number): Promise<Work> {
  const bytes = await assemble(name);
  return { name, bytes, prepare() {}, run: (guest) => guest.call('run', size) };
}

export const kernels = (): Promise<Work[]> =>
  Promise.all(Object.entries(kernelSizes).map(([name, size]) => kernel(name, size)));

function pngDecoding(scale: number): Work {
  const [width, height] = [160, 120 * scale];
  const pixels = noise(width * height * 4, 1).map((value, i) => (value & 7) + (i % 251));
  const png = writePng({ width, height, pixels });
  let at = 0;
  return {
    name: 'lodepng, decode',
    bytes: packageFile('@cwasm/lodepng', 'lodepng.wasm'),
    prepare(guest) {
      guest.call('_initialize');
      at = guest.call('malloc', png.length + 12) as number;
    },
    run(guest) {
      guest.memory().set(png, at + 12);
      const error = guest.call('lodepng_decode32', at, at + 4, at + 8, at + 12, png.length);
      const [out = 0] = new Uint32Array(guest.memory().slice(at, at + 4).buffer);
      const sum = guest
        .memory()
        .subarray(out, out + pixels.length)
        .reduce((total, byte) => (total * 31 + byte) | 0, 0);
      guest.call('free', out);
      return `${error} ${sum}`;
    },
  };
}

function hashing(name: string, length: number, ...init: number[]): Work {
  const data = noise(length, 7);
  return {
    name: `hash-wasm, ${name}`,
    bytes: hashModule(name).bytes,
    prepare() {},
    run(guest) {
      const at = guest.call('Hash_GetBuffer') as number;
      guest.call('Hash_Init', ...init);
      for (let from = 0; from < length; from += 16384) {
        const part = data.subarray(from, from + 16384);
        guest.memory().set(part, at);
        guest.call('Hash_Update', part.length);
      }
      guest.call('Hash_Final', ...(name === 'blake3' ? [32] : []));
      return Buffer.from(guest.memory().slice(at, at + 16)).toString('hex');
    },
  };
}

/** Each some hundredths of a second on the interpreter, times `scale`. */
export const programs = (scale = 1): Work[] => [
  pngDecoding(scale),
  hashing('sha256', 262_144 * scale, 256),
  hashing('sha512', 131_072 * scale, 512),
  hashing('blake3', 524_288 * scale, 0),
];
