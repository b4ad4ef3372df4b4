// What the demo knows of a program: its module, how a job drives it, and the jobs with their answers. One file each in
// programs/; what runs on the threads is in jobs/.

import { existsSync, readFileSync } from 'node:fs';
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

/** Where a file of an installed package is, also where the package does not export it. */
export function packagePath(name: string, file: string): string {
  const folders = require.resolve.paths(name) ?? [];
  const found = folders.map((folder) => join(folder, name, file)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not installed: npm ci`);
  return found;
}

export const packageFile = (name: string, file: string): Uint8Array => readFileSync(packagePath(name, file));

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
