// `wasbox resume`: goes on with what `--save` wrote.

import { fileCache } from '../pool/cache.ts';
import { useCodeCache } from '../rewrite/module/code-cache.ts';
import { Module } from '../runtime/module.ts';
import { VM } from '../vm.ts';
import type { Exit } from './exit.ts';
import { at, readBytes, readHost, readModule, readSaved } from './files.ts';
import { type GoOptions, go } from './run.ts';

export interface ResumeOptions extends GoOptions {
  readonly module?: readonly string[];
}

export async function resume(file: string, options: ResumeOptions): Promise<Exit> {
  const bytes = readBytes(file);
  const { plan, snapshot, modules } = at(file, () => readSaved(bytes));
  const given = (options.module ?? []).map(readModule);
  const imports = await readHost(options.host);
  if (options.cache !== undefined) useCodeCache(fileCache(options.cache));
  const vm = at(file, () => {
    const known = [...modules.map((part) => Module.from(part)), ...given];
    return VM.restore(snapshot, { modules: known, imports, engine: options.engine });
  });
  return go(vm, plan, options);
}
