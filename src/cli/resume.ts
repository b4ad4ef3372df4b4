// `wasbox resume`: goes on with what `--save` wrote.

import { Module } from '../runtime/module.ts';
import { VM } from '../vm.ts';
import type { Exit } from './exit.ts';
import { readBytes, readHost, readModule, readSaved } from './files.ts';
import { type GoOptions, go } from './run.ts';

export interface ResumeOptions extends GoOptions {
  readonly module?: readonly string[];
}

export async function resume(file: string, options: ResumeOptions): Promise<Exit> {
  const { plan, snapshot, modules } = readSaved(readBytes(file));
  const known = [...modules.map((bytes) => Module.from(bytes)), ...(options.module ?? []).map(readModule)];
  const vm = VM.restore(snapshot, { modules: known, imports: await readHost(options.host) });
  return go(vm, plan, options);
}
