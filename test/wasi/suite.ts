// Runs the official tests of preview 1: a folder of modules, each with what it is to be given and what it is to come to.
// https://github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type HostFunction, type Imports, Module, notYet, VM, type VmOptions } from '../../src/index.ts';
import { exitCodeOf, type FileSource, memoryFiles, type Wasi, wasi } from '../../src/wasi/index.ts';

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

export interface How {
  readonly engine: VmOptions['engine'];
  /** Saved to bytes and restored, into the engines in turn, at each host call. */
  readonly hopping: boolean;
  /** What stands for a folder. */
  readonly files: (folder: string) => FileSource;
}

export const inMemory = (folder: string): FileSource => memoryFiles({ contents: contentsOfFolder(folder) });

/** What is wrong, or undefined where all is as it should be. Throws what the program traps with. */
export async function failureOf(test: Case, how: How): Promise<string | undefined> {
  const { args, env, root } = test;
  const system = wasi({ args, env, ...(root === undefined ? {} : { files: how.files(root) }) });
  const { vm, code } = await run(test.module, system, how);
  const { stdout, stderr } = system.of(vm);
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
  vm.dispose();
  if (code !== test.exitCode) return `exit code ${code} and not ${test.exitCode}: ${err.slice(-300)}`;
  if (test.stdout !== undefined && out !== test.stdout) return `wrote ${JSON.stringify(out)}`;
  if (test.stderr !== undefined && err !== test.stderr) return `wrote ${JSON.stringify(err)} to stderr`;
  return undefined;
}

async function run(module: Module, system: Wasi, { engine, hopping }: How): Promise<{ vm: VM; code: number }> {
  const imports = hopping ? askedTwice(system.imports) : system.imports;
  let vm = new VM({ engine });
  const instance = vm.instantiate(module, imports);
  vm.start(instance.func('_start'));
  if (!hopping) return { vm, code: exitCodeOf(await vm.runAsync()) };
  for (let hops = 0; ; hops++) {
    const outcome = vm.run();
    if (outcome.status !== 'suspended') return { vm, code: exitCodeOf(outcome) };
    const bytes = vm.save().encode();
    vm.dispose();
    vm = VM.restore(bytes, { modules: [module], imports, engine: hops % 2 === 0 ? 'native' : 'interpreter' });
    await vm.answer();
  }
}

/** Each call suspends the VM first, as if it had to wait. */
export const askedTwice = (imports: Wasi['imports']): Imports =>
  Object.fromEntries(
    Object.entries(imports).map(([space, functions]) => [
      space,
      Object.fromEntries(Object.entries(functions).map(([name, host]) => [name, twice(host)])),
    ]),
  );

function twice(host: HostFunction): HostFunction {
  return {
    ...host,
    body: (...args) => {
      const { callId } = args.at(-1) as { callId: number | undefined };
      return callId === undefined ? notYet({ until: 0 }) : host.body(...args);
    },
  };
}
