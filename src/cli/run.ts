// `wasbox run`: calls an export of a module. What `run` and `resume` share, the way from a VM to an exit code, is here.

import { fileCache } from '../pool/cache.ts';
import { useCodeCache } from '../rewrite/module/code-cache.ts';
import type { Module } from '../runtime/module.ts';
import { LinkError, UsageError } from '../spec/errors.ts';
import { cut, quoted } from '../spec/told.ts';
import type { FuncType } from '../spec/types.ts';
import { VM, type VmOptions } from '../vm.ts';
import { parseArguments, parseCount } from './arguments.ts';
import { drive, type End } from './drive.ts';
import { type Exit, errorLine } from './exit.ts';
import { readHost, readModule, writeBytes } from './files.ts';
import { formatBytes, formatValue, jsonValue, toJson } from './print.ts';
import { encodeRun, type PlannedCall } from './saved.ts';

export interface GoOptions {
  readonly fuel?: string;
  readonly save?: string;
  readonly host?: string;
  readonly engine?: VmOptions['engine'];
  /** A folder of rewritten modules. */
  readonly cache?: string;
  readonly json?: boolean;
}
export interface RunOptions extends GoOptions {
  readonly invoke?: string;
}

export async function run(file: string, args: readonly string[], options: RunOptions): Promise<Exit> {
  const module = readModule(file);
  const name = options.invoke ?? defaultExport(module);
  checkArguments(module, name, args);
  const imports = await readHost(options.host);
  if (options.cache !== undefined) useCodeCache(fileCache(options.cache));
  const vm = new VM({ engine: options.engine });
  vm.instantiate(module, imports, { start: 'defer' });
  return go(vm, planFor(module, { export: name, args }), options);
}

/** A reactor is told to initialise itself before anything else. */
function planFor(module: Module, call: PlannedCall): PlannedCall[] {
  const wanted = isFunc(module, '_initialize') && call.export !== '_initialize';
  return wanted ? [{ export: '_initialize', args: [] }, call] : [call];
}

const usualNames = ['_start', 'run', 'main'];

/** What is called where no name is given. Throws UsageError. */
export function defaultExport(module: Module): string {
  const names = exportedFuncs(module);
  const found = usualNames.find((name) => names.includes(name)) ?? (names.length === 1 ? names[0] : undefined);
  if (found !== undefined) return found;
  throw new UsageError(`which exported function is meant? ${choiceOf(names)}`);
}

const exportedFuncs = (module: Module): string[] =>
  module.syntax.exports.filter(({ kind }) => kind === 'func').map(({ name }) => name);

const isFunc = (module: Module, name: string): boolean => module.exportNamed(name)?.kind === 'func';

/** Before anything runs. */
function checkArguments(module: Module, name: string, args: readonly string[]): void {
  const type = exportType(module, name);
  if (type === undefined)
    throw new LinkError(`no exported function ${quoted(name)}; ${choiceOf(exportedFuncs(module))}`);
  parseArguments(name, type.params, args);
}

const mostChoices = 20;

function choiceOf(names: readonly string[]): string {
  const more = names.length > mostChoices ? `, and ${names.length - mostChoices} more` : '';
  return names.length === 0
    ? 'there are none'
    : `there are ${names
        .slice(0, mostChoices)
        .map((name) => cut(name))
        .join(', ')}${more}`;
}

export function exportType(module: Module, name: string): FuncType | undefined {
  const found = module.exportNamed(name);
  return found?.kind === 'func' ? (module.context.funcs[found.index]?.comp as FuncType) : undefined;
}

/** Drives the VM and tells how it went. */
export async function go(vm: VM, plan: readonly PlannedCall[], options: GoOptions): Promise<Exit> {
  const fuel = options.fuel === undefined ? Number.POSITIVE_INFINITY : parseCount(options.fuel, '--fuel');
  const interrupt = new AbortController();
  const abort = () => interrupt.abort();
  if (options.save !== undefined) process.once('SIGINT', abort);
  const end = await drive(vm, plan, { fuel, signal: interrupt.signal });
  process.off('SIGINT', abort);
  const told = tellers[end.status](vm, end as never, options);
  if (options.json) console.log(toJson({ ...told.json, fuelUsed: vm.fuelUsed }));
  return told.exit;
}

interface Told {
  readonly exit: Exit;
  readonly json: object;
}
type Of<S extends End['status']> = Extract<End, { status: S }>;
type Teller<S extends End['status']> = (vm: VM, end: Of<S>, options: GoOptions) => Told;

/** Results go to stdout, all else to stderr; with --json one object goes to stdout, and to stderr what went wrong. */
const tellers: { [S in End['status']]: Teller<S> } = {
  returned(_vm, { values }, { json }) {
    if (!json) for (const { value } of values) console.log(formatValue(value));
    return { exit: 'ok', json: { status: 'returned', values: values.map(jsonValue) } };
  },
  trapped(_vm, { trap }) {
    console.error(`wasbox: ${errorLine(trap)}`);
    const { code, message, frames } = trap;
    return { exit: 'failed', json: { status: 'failed', code, message, frames } };
  },
  suspended(vm, { why, plan }, { save, fuel }) {
    const cause = why === 'fuel' ? `out of fuel (${fuel})` : 'interrupted';
    const bytes = save === undefined ? undefined : saveRun(vm, plan, save);
    const kept = bytes === undefined ? 'nothing is saved: use --save FILE' : `saved to ${save} (${formatBytes(bytes)})`;
    console.error(`wasbox: suspended: ${cause}; ${kept}`);
    return { exit: 'suspended', json: { status: 'suspended', reason: why, saved: save ?? null, bytes: bytes ?? 0 } };
  },
};

/** Returns the size of the file. */
function saveRun(vm: VM, plan: readonly PlannedCall[], path: string): number {
  const modules = new Map(vm.store.instances.map(({ module }) => [module.hash, module.bytes]));
  const file = encodeRun({ plan, snapshot: vm.save().encode(), modules: [...modules.values()] });
  writeBytes(path, file);
  return file.length;
}
