// `wasbox run`: calls an export of a module.

import { parseArguments } from '../runtime/literals.ts';
import type { Module } from '../runtime/module/module.ts';
import type { PlannedCall } from '../snapshot/container/extras.ts';
import { mostOfSnapshot } from '../snapshot/restore.ts';
import { Snapshot } from '../snapshot/snapshot.ts';
import { LinkError, UsageError } from '../spec/errors.ts';
import { cut, quoted } from '../spec/told.ts';
import type { FuncType } from '../spec/types.ts';
import { VM } from '../vm.ts';
import { Calls } from './go/course.ts';
import { Bounds, type GoOptions } from './go/go.ts';
import { argumentsOf, leaveStdin, systemFor, type WasiOptions, wantsWasi, withSystem } from './go/wasi.ts';
import type { Asked, Keeping } from './keep/keeping.ts';
import { readHost, readModule } from './read/files.ts';
import { checkImports } from './read/imports.ts';
import type { Exit } from './told/exit.ts';

export interface RunOptions extends GoOptions, WasiOptions {
  readonly invoke?: string;
}

export async function run(file: string, args: readonly string[], options: RunOptions): Promise<Exit> {
  const bounds = new Bounds(options);
  const module = bounds.timed(() => readModule(file));
  const name = options.invoke ?? defaultExport(module);
  const command = wantsWasi(module) && name === '_start';
  const given = command ? [] : args;
  checkArguments(module, name, given);
  const plan = planFor(module, { export: name, args: given });
  const what = { file, module, asked: [name, ...args] };
  const keeping = await kept(options, what, bounds.stop);
  try {
    return await begun(module, plan, bounds, options, keeping, argumentsOf(file, command ? args : []));
  } finally {
    await keeping?.close();
  }
}

/** Where a program is kept, which takes a while to load. */
async function kept(options: RunOptions, what: Asked, stop: AbortSignal | undefined): Promise<Keeping | undefined> {
  if (options.store === undefined) return undefined;
  return (await import('./keep/keeping.ts')).Keeping.open(options.store, options, what, stop);
}

async function begun(
  module: Module,
  plan: readonly PlannedCall[],
  bounds: Bounds,
  options: RunOptions,
  keeping: Keeping | undefined,
  args: readonly string[],
): Promise<Exit> {
  const before = await keeping?.before();
  if (before?.kind === 'ended') {
    bounds.tell(before.told);
    return before.told.exit;
  }
  if (before?.kind === 'saved') {
    const snapshot = Snapshot.decode(before.bytes, mostOfSnapshot(bounds.limits));
    const { resumed } = await import('./resume.ts');
    return resumed(keeping?.key as string, snapshot, bounds, options, keeping);
  }
  const system = wantsWasi(module) ? await systemFor(args, options) : undefined;
  const imports = withSystem(system, await readHost(options.host));
  checkImports(module, imports, options.host);
  const vm = new VM({ engine: options.engine, limits: bounds.limits });
  bounds.timed(() => vm.instantiate(module, imports, { start: 'defer' }));
  return bounds.go(vm, new Calls(plan), keeping).finally(system && leaveStdin);
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
  parseArguments(name, exportType(module, name).params, args);
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

/** Throws LinkError. */
export function exportType(module: Module, name: string): FuncType {
  const found = module.exportNamed(name);
  if (found?.kind === 'func') return module.context.funcs[found.index]?.comp as FuncType;
  throw new LinkError(`no exported function ${quoted(name)}; ${choiceOf(exportedFuncs(module))}`);
}
