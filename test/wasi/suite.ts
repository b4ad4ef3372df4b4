// Runs the official tests of preview 1: a folder of modules, each with what it is to be given and what it is to come to.
// https://github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Module } from '../../src/index.ts';
import { type FileSource, memoryFiles } from '../../src/wasi/index.ts';
import { run, type Way } from './run.ts';

export interface Case {
  readonly name: string;
  readonly module: Module;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder that is to be its `/`. */
  readonly root: string | undefined;
  readonly exitCode: number;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

/** All tests below a folder that are of preview 1. */
export const casesIn = (folder: string): Case[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /wasm32-wasip1[/\\][^/\\]+\.wasm$/.test(file))
    .sort()
    .map((file) => caseOf(join(folder, file)));

function caseOf(file: string): Case {
  const told = file.replace(/\.wasm$/, '.json');
  const spec = existsSync(told) ? JSON.parse(readFileSync(told, 'utf8')) : {};
  const name = basename(file, '.wasm');
  return {
    ...{ name, module: Module.from(readFileSync(file)), args: [basename(file), ...(spec.args ?? [])] },
    ...{ env: spec.env ?? {}, root: spec.root === undefined ? undefined : join(dirname(file), spec.root) },
    ...{ exitCode: spec.exit_code ?? 0, stdout: spec.stdout, stderr: spec.stderr },
  };
}

/** The contents of a folder, as `memoryFiles` takes them. */
export const contentsOfFolder = (folder: string): Record<string, Uint8Array> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => !file.includes('.cleanup'))
      .map((file) =>
        statSync(join(folder, file)).isDirectory()
          ? [`${file}/`, new Uint8Array(0)]
          : [file, new Uint8Array(readFileSync(join(folder, file)))],
      ),
  );

export interface How extends Way {
  /** What stands for a folder. */
  readonly files: (folder: string) => FileSource;
}

export const inMemory = (folder: string): FileSource => memoryFiles({ contents: contentsOfFolder(folder) });

/** What is wrong, or undefined where all is as it should be. Throws what the program traps with. */
export async function failureOf(test: Case, how: How): Promise<string | undefined> {
  const { args, env, root } = test;
  const options = { args, env, ...(root === undefined ? {} : { files: how.files(root) }) };
  const { code, stdout: out, stderr: err, vm } = await run(test.module, options, how);
  vm.dispose();
  if (code !== test.exitCode) return `exit code ${code} and not ${test.exitCode}: ${err.slice(-300)}`;
  if (test.stdout !== undefined && out !== test.stdout) return `wrote ${JSON.stringify(out)}`;
  if (test.stderr !== undefined && err !== test.stderr) return `wrote ${JSON.stringify(err)} to stderr`;
  return undefined;
}
