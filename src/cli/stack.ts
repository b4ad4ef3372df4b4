// A saved program as a report: its modules, its memory, and its stack with names and values. The snapshot is verified
// by restoring it; no host function is needed for that, since nothing runs.

import { disassemble } from '../binary/disassemble.ts';
import type { Module } from '../runtime/module.ts';
import type { Store } from '../runtime/store.ts';
import { restoreStore } from '../snapshot/restore.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { cut } from '../spec/told.ts';
import { typeName } from '../spec/types.ts';
import { type FrameView, viewFrames } from '../vm/frames.ts';
import { columns, count, formatBytes, formatValue, jsonValue, type Report, type TypedValue } from './print.ts';
import type { PlannedCall } from './saved.ts';

/** Calls to come that are shown. */
const mostPlanned = 100;

export interface Saved {
  readonly file: string;
  readonly bytes: number;
  readonly plan: readonly PlannedCall[];
  readonly snapshot: Snapshot;
  /** Modules that the file holds, and others that it may need. */
  readonly embedded: readonly Module[];
  readonly given: readonly Module[];
}

interface Frame {
  readonly view: FrameView;
  /** The instruction at the pc. */
  readonly next: string;
}

export function describeSaved(saved: Saved, mostFrames: number): Report {
  const { snapshot, embedded, given } = saved;
  const store = restoreStore(snapshot.data, { modules: [...embedded, ...given] });
  const next = nextInstructions(store);
  const frames = viewFrames(store)
    .slice(0, mostFrames)
    .map((view) => ({ view, next: next(view) }));
  const report = {
    lines: [...overview(saved, store), ...stackLines(store, frames)],
    json: toData(saved, frames),
  };
  for (const memory of store.memories) memory.release();
  return report;
}

/** Functions are disassembled once, however often they stand on the stack. */
function nextInstructions(store: Store): (view: FrameView) => string {
  const known = new Map<string, Map<number, string>>();
  return ({ instance, func, pc }) => {
    const { module } = store.instances[instance] as Store['instances'][number];
    const key = `${module.hash} ${func}`;
    const lines =
      known.get(key) ?? new Map(disassemble(module.syntax, func).map((line) => [line.pc, line.text.trim()]));
    known.set(key, lines);
    return lines.get(pc) ?? '';
  };
}

function stateOf({ stack, pending, wait }: Store, pendingName: string): string {
  if (wait !== null) return `waiting at address ${wait.address} of memory ${wait.memory}`;
  if (pending !== null) return `waiting for the host function ${pendingName} (call ${pending.id})`;
  return stack.depth > 0 ? 'suspended in a call' : 'in no call';
}

function overview({ file, bytes, plan, snapshot, embedded }: Saved, store: Store): string[] {
  const { pages, zeroPages, pending, globals, functions, tables } = snapshot.summary();
  const names = new Map(embedded.map(({ hash }) => [hash, 'in the file']));
  const memory = store.memories.reduce((sum, { size }) => sum + size, 0);
  return [
    `saved program ${file}: ${formatBytes(bytes)}`,
    `state: ${stateOf(store, pending ? `${pending.module}.${pending.name}` : '')}`,
    `fuel used: ${store.fuelUsed}`,
    `memory: ${formatBytes(memory)} in ${count(store.memories.length, 'memory', 'memories')}; of its ${pages} pages of 4 KiB, ${zeroPages} are zero`,
    `store: ${[count(functions, 'function'), count(tables, 'table'), count(globals, 'global')].join(', ')}`,
    'modules',
    ...columns(
      modulesOf(store).map((module) => [
        cut(module.syntax.names.module ?? '(no name)'),
        formatBytes(module.bytes.length),
        names.get(module.hash) ?? 'not in the file',
        module.hash,
      ]),
    ),
    ...plan.slice(0, mostPlanned).map((call) => `then: ${cut([call.export, ...call.args].join(' '))}`),
  ];
}

const modulesOf = (store: Store): Module[] => [...new Set(store.instances.map(({ module }) => module))];

function stackLines({ stack }: Store, frames: readonly Frame[]): string[] {
  if (stack.depth === 0) return ['stack: empty'];
  const omitted = stack.depth - frames.length;
  return [
    `stack: ${count(stack.depth, 'frame')}, innermost first`,
    ...frames.flatMap(frameLines),
    ...(omitted > 0 ? [`  and ${omitted} more (--frames ${stack.depth} shows them all)`] : []),
  ];
}

function frameLines({ view, next }: Frame, i: number): string[] {
  const { name, func, pc, offset, locals, operands } = view;
  const rows = [
    ...locals.map((local, k) => [local.name ?? `local ${k}`, ...cells(local)]),
    ...operands.map((operand, k) => [`operand ${k}`, ...cells(operand)]),
  ];
  return [
    `  #${i} ${name} (function ${func}) at pc ${pc}, byte 0x${offset.toString(16)}: ${next}`,
    ...columns(rows, '       '),
  ];
}

const cells = ({ type, value }: TypedValue): string[] => [typeName(type), formatValue(value)];

function toData({ file, bytes, plan, snapshot, embedded }: Saved, frames: readonly Frame[]): object {
  return {
    kind: 'saved program',
    file,
    bytes,
    embedded: embedded.map(({ hash }) => hash),
    plan,
    ...snapshot.summary(),
    stack: frames.map(({ view, next }) => ({
      ...view,
      next,
      locals: view.locals.map((local) => ({ name: local.name, ...jsonValue(local) })),
      operands: view.operands.map(jsonValue),
    })),
  };
}
