// `wasbox resume`: goes on with whatever wasbox has saved.

import { deliverAnswer } from '../pool/answer.ts';
import { mostBytes } from '../snapshot/restore.ts';
import { modulesAmong } from '../snapshot/whole.ts';
import { VM } from '../vm.ts';
import { courseOf } from './course.ts';
import type { Exit } from './exit.ts';
import { at, checkModules, readHost, readModule, readSaved } from './files.ts';
import { Bounds, type GoOptions } from './go.ts';
import { checkHosts } from './imports.ts';

export interface ResumeOptions extends GoOptions {
  readonly module?: readonly string[];
}

export async function resume(file: string, options: ResumeOptions): Promise<Exit> {
  const bounds = new Bounds(options);
  const { host, engine } = options;
  const snapshot = bounds.timed(() => readSaved(file, mostBytes(bounds.limits)));
  const given = bounds.timed(() => (options.module ?? []).map(readModule));
  const imports = await readHost(host);
  const { vm, calls } = bounds.timed(() =>
    at(file, () => {
      const modules = modulesAmong(given, snapshot.data.modules, snapshot.extras);
      checkModules(snapshot, modules);
      checkHosts(snapshot, imports, host);
      const course = courseOf(snapshot);
      const restored = VM.restore(snapshot, { modules, imports, engine, limits: bounds.limits });
      if (course.answer !== undefined) deliverAnswer(restored, course.answer);
      return { vm: restored, calls: course.calls };
    }),
  );
  return bounds.go(vm, calls);
}
