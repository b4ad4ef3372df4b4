// `wasbox resume`: goes on with whatever wasbox has saved.

import { deliverAnswer } from '../pool/thread/answer.ts';
import type { Program } from '../pool/told/program.ts';
import { readJob } from '../pool/told/snapshot.ts';
import { modulesAmong } from '../snapshot/container/whole.ts';
import { mostOfSnapshot } from '../snapshot/restore.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { type Imports, VM } from '../vm.ts';
import { courseOf } from './go/course.ts';
import { Bounds, type GoOptions } from './go/go.ts';
import { hasWasi, leaveStdin, systemFor, type WasiOptions, withSystem } from './go/wasi.ts';
import type { TokenOptions } from './javascript/resume.ts';
import type { Keeping } from './keep/keeping.ts';
import { checkFor } from './read/arguments.ts';
import {
  at,
  checkModules,
  isAtRest,
  loaded,
  madeImports,
  readBytes,
  readHost,
  readModule,
  savedIn,
} from './read/files.ts';
import { checkHosts } from './read/imports.ts';
import type { Exit } from './told/exit.ts';

export interface ResumeOptions extends Omit<GoOptions, 'key'>, Pick<WasiOptions, 'dir'> {
  readonly module?: readonly string[];
  /** The job module of a job. */
  readonly program?: string;
}

export async function resume(file: string, options: ResumeOptions & TokenOptions): Promise<Exit> {
  const bytes = readBytes(file);
  if (isAtRest(bytes)) {
    checkFor('a JavaScript program', options, 'host', 'module', 'program', 'dir');
    return (await import('./javascript/resume.ts')).resumeProgram(file, bytes, options);
  }
  checkFor('a program of WebAssembly', options, 'tools', 'result', 'error', 'results', 'key', 'import', 'limit');
  const bounds = new Bounds(options);
  const snapshot = bounds.timed(() => savedIn(file, bytes, mostOfSnapshot(bounds.limits)));
  return resumed(file, snapshot, bounds, options);
}

/** Goes on with what was saved in a file, or in a store. */
export async function resumed(
  file: string,
  snapshot: Snapshot,
  bounds: Bounds,
  options: ResumeOptions,
  keeping?: Keeping,
): Promise<Exit> {
  const { host, engine } = options;
  const given = bounds.timed(() => (options.module ?? []).map(readModule));
  const program = options.program === undefined ? undefined : await loaded(options.program);
  const system = hasWasi(snapshot) ? await systemFor([], options) : undefined;
  const imports = withSystem(system, await importsOf(host, program));
  const { vm, course } = bounds.timed(() =>
    at(file, () => {
      const { data, extras } = snapshot;
      const modules = modulesAmong(given, data.modules, extras);
      checkModules(snapshot, modules);
      checkHosts(snapshot, imports, host);
      const restored = VM.restore(snapshot, { modules, imports, engine, limits: bounds.limits });
      const answer = extras.job === undefined ? undefined : readJob(extras.job).answer;
      if (answer !== undefined) deliverAnswer(restored, answer);
      return { vm: restored, course: courseOf(extras, restored, program) };
    }),
  );
  return bounds.go(vm, course, keeping).finally(system && leaveStdin);
}

/** A job module may have host functions of its own; those that are given by --host come first. */
async function importsOf(host: string | undefined, program: Program | undefined): Promise<Imports> {
  const given = await readHost(host);
  return program?.imports === undefined ? given : { ...(await madeImports(program.imports)), ...given };
}
