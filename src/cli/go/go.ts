// What `run` and `resume` share: the way from a VM to its end, with what bounds and stops it, and how that is told.

import { fileCache } from '../../pool/thread/cache.ts';
import { useCodeCache } from '../../rewrite/module/code-cache.ts';
import { formatValue } from '../../runtime/literals.ts';
import { Snapshot } from '../../snapshot/snapshot.ts';
import { withDeadline } from '../../spec/patience.ts';
import type { VM, VmOptions } from '../../vm.ts';
import { type CacheOption, cacheFolder } from '../keep/cache.ts';
import type { Keeping } from '../keep/keeping.ts';
import { checkKeep, type KeepOptions } from '../keep/options.ts';
import { parseBytes, parseCount, parseMs } from '../read/arguments.ts';
import { type Exit, errorJson, errorLines, exitFor } from '../told/exit.ts';
import { print, warn } from '../told/output.ts';
import { formatBytes, jsonValue, toJson } from '../told/print.ts';
import { type Interrupt, listen } from '../told/signals.ts';
import type { Told } from '../told/went.ts';
import type { Course, Finished } from './course.ts';
import { drive, type End, type Why } from './drive.ts';
import { Place } from './place.ts';

export interface GoOptions extends KeepOptions {
  readonly fuel?: string;
  readonly timeout?: string;
  readonly memory?: string;
  readonly save?: string;
  readonly host?: string;
  readonly engine?: VmOptions['engine'];
  readonly cache?: CacheOption;
  readonly json?: boolean;
}

/** What a command was told about its program's bounds, and where it is saved: all of it is checked before anything is read. */
export class Bounds {
  readonly fuel: number;
  readonly limits: { readonly memory?: number };
  readonly place: Place | undefined;
  /** By `performance.now()`. */
  private readonly until: number;
  private readonly interrupt: Interrupt | undefined;

  /** Throws UsageError. */
  constructor(private readonly options: GoOptions) {
    const { fuel, timeout, memory, save, cache, store } = options;
    checkKeep(options);
    this.fuel = fuel === undefined ? Number.POSITIVE_INFINITY : parseCount(fuel, '--fuel');
    this.until = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + parseMs(timeout, '--timeout');
    this.limits = memory === undefined ? {} : { memory: parseBytes(memory, '--memory') };
    this.place = save === undefined ? undefined : new Place(save);
    const folder = cacheFolder(cache);
    if (folder !== undefined) useCodeCache(fileCache(folder));
    this.interrupt = save === undefined && store === undefined ? undefined : listen();
  }

  /** What is done before the guest runs is given up once the time is over. */
  timed<T>(act: () => T): T {
    return withDeadline(this.until, act);
  }

  /**
   * Aborted when the guest has to stop, with the reason why. It is held by what aborts it: on Node 20 a signal of
   * `AbortSignal.any` does not hold those it was made of, and a collected `AbortSignal.timeout` never fires.
   */
  get stop(): AbortSignal | undefined {
    const { interrupt, until } = this;
    if (interrupt === undefined && until === Number.POSITIVE_INFINITY) return undefined;
    const controller = new AbortController();
    const interrupted = () => controller.abort(interrupt?.signal.reason);
    if (interrupt?.signal.aborted) interrupted();
    else interrupt?.signal.addEventListener('abort', interrupted);
    if (until !== Number.POSITIVE_INFINITY)
      setTimeout(() => controller.abort(), Math.max(0, Math.ceil(until - performance.now()))).unref();
    return controller.signal;
  }

  /** The guest has stopped: from now on signals end the process at once. */
  release(): void {
    this.interrupt?.release();
  }

  /** Drives the VM and tells how it went; where it is kept, once that is durable. */
  async go(vm: VM, course: Course, keeping?: Keeping): Promise<Exit> {
    const { fuel, stop } = this;
    const state = () => programOf(vm, course);
    const between = keeping && (() => keeping.between(vm.fuelUsed, state));
    const end = await drive(vm, course, { fuel, stop, between, sliceFuel: keeping?.sliceFuel });
    this.release();
    const told = this.told(vm, course, end, keeping);
    const json = { ...told.json, fuelUsed: vm.fuelUsed };
    if (end.status === 'suspended') await keeping?.suspended(vm.fuelUsed, state);
    else await keeping?.result({ ...told, json });
    this.tell({ ...told, json });
    return told.exit;
  }

  /** Results go to stdout, all else to stderr; with --json one object goes to stdout, and to stderr what went wrong. */
  tell({ out, err, json }: Told): void {
    if (!this.options.json) for (const line of out) print(line);
    if (err.length > 0) warn(...err);
    if (this.options.json) print(toJson(json));
  }

  private told(vm: VM, course: Course, end: End, keeping: Keeping | undefined): Told {
    const nothing = { out: [], err: [] };
    switch (end.status) {
      case 'returned':
        return {
          ...nothing,
          ...{ exit: 'ok', out: linesOf(end.finished), json: { status: 'returned', ...jsonOf(end.finished) } },
        };
      case 'trapped':
        return { ...nothing, exit: exitFor(end.trap), err: errorLines(end.trap), json: errorJson(end.trap) };
      case 'exited':
        return { ...nothing, exit: end.code, json: { status: 'exited', code: end.code } };
      case 'suspended':
        return this.suspended(vm, course, end.why, keeping);
      default:
        return end satisfies never;
    }
  }

  private suspended(vm: VM, course: Course, why: Why, keeping: Keeping | undefined): Told {
    const { options, place } = this;
    const bytes = place === undefined ? 0 : save(vm, course, place);
    const file = place === undefined ? [] : [`saved to ${options.save} (${formatBytes(bytes)})`];
    const store = keeping === undefined ? [] : [`kept in ${options.store} as ${keeping.key}`];
    const where = [...file, ...store].join(', ') || 'nothing is saved: use --save FILE';
    const json = { status: 'suspended', reason: why, saved: options.save ?? null, bytes };
    return {
      exit: 'suspended',
      out: [],
      err: [`suspended: ${this.cause(why)}; ${where}`],
      json: keeping === undefined ? json : { ...json, key: keeping.key },
    };
  }

  /** Why the guest was suspended, for people. */
  cause(why: Why): string {
    const { fuel, timeout } = this.options;
    return { fuel: `out of fuel (${fuel})`, timeout: `out of time (${timeout} ms)`, interrupt: 'interrupted' }[why];
  }
}

const linesOf = (finished: Finished): string[] =>
  'values' in finished ? finished.values.map(({ value }) => formatValue(value)) : [toJson(finished.output) ?? 'done'];

const jsonOf = (finished: Finished): object =>
  'values' in finished ? { values: finished.values.map(jsonValue) } : finished;

/** Returns the size of the file. Throws OutputError. */
function save(vm: VM, course: Course, place: Place): number {
  const file = programOf(vm, course).encode();
  place.write(file);
  return file.length;
}

/** The program as it is, with all that is still to be done and its modules. */
function programOf(vm: VM, { extras }: Course): Snapshot {
  const modules = [...new Map(vm.store.instances.map(({ module }) => [module.hash, module.bytes])).values()];
  return new Snapshot(vm.save().data, { ...extras, modules });
}
