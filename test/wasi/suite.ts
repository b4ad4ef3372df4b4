// Runs the official tests of preview 1: a folder of modules, each with what it is to be given and what it is to come to.
// https://github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Module } from '../../src/index.ts';
import { type FileSource, memoryFiles } from '../../src/wasi/index.ts';
import { folderFiles } from '../../src/wasi/node/index.ts';
import { engines, run, told, type Way } from './run.ts';

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

/** In a copy of it, as tests write to it; the copies are made in a folder. */
const inFolder = (copies: string) => (folder: string) => {
  const copy = mkdtempSync(join(copies, 'test-'));
  cpSync(folder, copy, { recursive: true });
  return folderFiles(copy);
};

/** On both engines, staying and hopping, with files in memory and in a folder; by what they are called. */
export function allWays(copies: string): Map<string, How> {
  const places = { 'in memory': inMemory, 'in a folder': inFolder(copies) };
  const ways = Object.entries(places).flatMap(([place, files]) =>
    [false, true].flatMap((hopping) =>
      engines.map((engine): [string, How] => [
        `${told({ engine, hopping })}, files ${place}`,
        { engine, hopping, files },
      ]),
    ),
  );
  return new Map(ways);
}

/** A folder for copies, to be removed by whoever asks. */
export const copiesFolder = (): string => mkdtempSync(join(tmpdir(), 'wasbox-wasi-'));

/** The tests that fail, each with what is wrong. */
export async function failuresOf(cases: readonly Case[], how: How): Promise<string[]> {
  const failures: string[] = [];
  for (const test of cases) {
    const failure = await failureOf(test, how).catch((error: unknown) => String(error));
    if (failure !== undefined) failures.push(`${test.name}: ${failure}`);
  }
  return failures;
}

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
