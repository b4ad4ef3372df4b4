// A saved program as a report: its modules, its memory, and its stack with names and values. The snapshot is verified
// by restoring it; no host function is needed for that, since nothing runs.

import { disassemble } from '../../binary/disassemble.ts';
import { type JobState, readJob } from '../../pool/told/snapshot.ts';
import { formatValue } from '../../runtime/literals.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { Store } from '../../runtime/store.ts';
import { sharePages } from '../../snapshot/pages/share.ts';
import { restoreStore } from '../../snapshot/restore.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { cut } from '../../spec/told.ts';
import { typeName } from '../../spec/types.ts';
import { type FrameView, viewFrames } from '../../vm/frames.ts';
import { columns, count, formatBytes, jsonValue, type Report, type TypedValue } from '../told/print.ts';

/** Calls to come that are shown. */
const mostPlanned = 100;

export interface Saved {
  readonly file: string;
  readonly bytes: number;
  readonly snapshot: Snapshot;
  /** All of its modules, and those of them that are not in the file. */
  readonly modules: readonly Module[];
  readonly given: readonly Module[];
}

interface Frame {
  readonly view: FrameView;
  /** The instruction at the pc. */
  readonly next: string;
}

export function describeSaved(saved: Saved, mostFrames: number): Report {
  const { snapshot, modules } = saved;
  const store = restoreStore(snapshot.data, { modules });
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

function overview({ file, bytes, snapshot, given }: Saved, store: Store): string[] {
  const { pages, zeroPages, pending, globals, functions, tables } = snapshot.summary();
  const { calls, job } = snapshot.extras;
  const memory = store.memories.reduce((sum, { size }) => sum + size, 0);
  return [
    `saved program ${file}: ${formatBytes(bytes)}`,
    `state: ${stateOf(store, pending ? `${pending.module}.${pending.name}` : '')}`,
    `fuel used: ${store.fuelUsed}`,
    `memory: ${formatBytes(memory)} in ${count(store.memories.length, 'memory', 'memories')}; of its ${pages} pages of 4 KiB, ${zeroPages} are zero, and ${pages - zeroPages - differentPages(snapshot)} equal to others`,
    `store: ${[count(functions, 'function'), count(tables, 'table'), count(globals, 'global')].join(', ')}`,
    'modules',
    ...columns(
      modulesOf(store).map((module) => [
        cut(module.syntax.names.module ?? '(no name)'),
        formatBytes(module.bytes.length),
        given.includes(module) ? 'not in the file' : 'in the file',
        module.hash,
      ]),
    ),
    ...(job === undefined ? [] : [jobLine(readJob(job))]),
    ...calls.slice(0, mostPlanned).map((call) => `then: ${cut([call.export, ...call.args].join(' '))}`),
  ];
}

/** Of all memories, but for those that are zero. */
const differentPages = ({ data }: Snapshot): number => sharePages(data).different.length;

const jobLine = ({ identity, next, answer }: JobState): string =>
  `job ${identity ?? '(no name)'}: its next step is ${cut(next)}${answer === undefined ? '' : ', and the call that it waits for is answered'}`;

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

function toData({ file, bytes, snapshot, modules, given }: Saved, frames: readonly Frame[]): object {
  const { calls, job } = snapshot.extras;
  return {
    kind: 'saved program',
    file,
    bytes,
    embedded: modules.filter((module) => !given.includes(module)).map(({ hash }) => hash),
    plan: calls,
    ...(job !== undefined && { job: jobData(readJob(job)) }),
    ...snapshot.summary(),
    differentPages: differentPages(snapshot),
    stack: frames.map(({ view, next }) => ({
      ...view,
      next,
      locals: view.locals.map((local) => ({ name: local.name, ...jsonValue(local) })),
      operands: view.operands.map(jsonValue),
    })),
  };
}

const jobData = ({ identity, next, answer }: JobState): object => ({
  identity: identity ?? null,
  next: cut(next),
  answered: answer !== undefined,
});
