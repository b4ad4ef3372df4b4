// What the demo knows of a program: its module, how a job drives it, and the jobs with their answers. One file each in
// programs/; what runs on the threads is in jobs/.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Module } from 'wasbox';

export interface Job {
  readonly name: string;
  readonly module: Module;
  readonly input: unknown;
  /** Whether the output is the known answer. */
  check(output: unknown): boolean;
}

export interface Program {
  readonly name: string;
  /** What it was compiled with. */
  readonly from: string;
  /** The file in jobs/. */
  readonly steps: URL;
  /** Small enough for every job to be suspended often. */
  readonly sliceFuel: number;
  readonly jobs: readonly Job[];
}

const require = createRequire(import.meta.url);

/** A file of an installed package, also where the package does not export it. */
export function packageFile(name: string, file: string): Uint8Array {
  const folders = require.resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      return readFileSync(join(folder, name, file));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${name} is not installed: npm ci`);
}

export const packageModule = (name: string, file: string): Module => Module.from(packageFile(name, file));

export const stepsOf = (name: string): URL => new URL(`./jobs/${name}.js`, import.meta.url);

/** Bytes that are the same in every run. */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
}

export const sameBytes = (output: unknown, expected: Uint8Array): boolean =>
  output instanceof Uint8Array && Buffer.compare(output, expected) === 0;
