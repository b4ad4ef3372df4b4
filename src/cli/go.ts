// What `run` and `resume` share: the way from a VM to its end, with what bounds and stops it, and how that is told.

import { fileCache } from '../pool/cache.ts';
import { useCodeCache } from '../rewrite/module/code-cache.ts';
import { formatValue } from '../runtime/literals.ts';
import type { PlannedCall } from '../snapshot/extras.ts';
import { withDeadline } from '../spec/patience.ts';
import type { VM, VmOptions } from '../vm.ts';
import { parseBytes, parseCount, parseMs } from './arguments.ts';
import { drive, type End, type Why } from './drive.ts';
import { type Exit, errorJson, errorLines, exitFor } from './exit.ts';
import { print, warn } from './output.ts';
import { Place } from './place.ts';
import { formatBytes, jsonValue, toJson } from './print.ts';
import { type Interrupt, listen } from './signals.ts';

export interface GoOptions {
  readonly fuel?: string;
  readonly timeout?: string;
  readonly memory?: string;
  readonly save?: string;
  readonly host?: string;
  readonly engine?: VmOptions['engine'];
  /** A folder of rewritten modules. */
  readonly cache?: string;
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
    const { fuel, timeout, memory, save, cache } = options;
    this.fuel = fuel === undefined ? Number.POSITIVE_INFINITY : parseCount(fuel, '--fuel');
    this.until = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + parseMs(timeout, '--timeout');
    this.limits = memory === undefined ? {} : { memory: parseBytes(memory, '--memory') };
    this.place = save === undefined ? undefined : new Place(save);
    if (cache !== undefined) useCodeCache(fileCache(cache));
    this.interrupt = save === undefined ? undefined : listen();
  }

  /** What is done before the guest runs is given up once the time is over. */
  timed<T>(act: () => T): T {
    return withDeadline(this.until, act);
  }

  /** Aborted when the guest has to stop. */
  private get stop(): AbortSignal | undefined {
    const signals = [
      ...(this.interrupt === undefined ? [] : [this.interrupt.signal]),
      ...(this.until === Number.POSITIVE_INFINITY
        ? []
        : [AbortSignal.timeout(Math.max(0, Math.ceil(this.until - performance.now())))]),
    ];
    return signals.length === 0 ? undefined : AbortSignal.any(signals);
  }

  /** Drives the VM and tells how it went. */
  async go(vm: VM, plan: readonly PlannedCall[]): Promise<Exit> {
    const { fuel, stop } = this;
    const end = await drive(vm, plan, { fuel, stop });
    this.interrupt?.release();
    const told = this.tell(vm, end);
    if (this.options.json) print(toJson({ ...told.json, fuelUsed: vm.fuelUsed }));
    return told.exit;
  }

  /** Results go to stdout, all else to stderr; with --json one object goes to stdout, and to stderr what went wrong. */
  private tell(vm: VM, end: End): Told {
    switch (end.status) {
      case 'returned':
        if (!this.options.json) for (const { value } of end.values) print(formatValue(value));
        return { exit: 'ok', json: { status: 'returned', values: end.values.map(jsonValue) } };
      case 'trapped':
        warn(...errorLines(end.trap));
        return { exit: exitFor(end.trap), json: errorJson(end.trap) };
      case 'suspended':
        return this.suspended(vm, end);
      default:
        return end satisfies never;
    }
  }

  private suspended(vm: VM, { why, plan }: End & { status: 'suspended' }): Told {
    const { options, place } = this;
    const bytes = place === undefined ? 0 : save(vm, plan, place);
    const kept =
      place === undefined ? 'nothing is saved: use --save FILE' : `saved to ${options.save} (${formatBytes(bytes)})`;
    warn(`suspended: ${this.cause(why)}; ${kept}`);
    return { exit: 'suspended', json: { status: 'suspended', reason: why, saved: options.save ?? null, bytes } };
  }

  private cause(why: Why): string {
    const { fuel, timeout } = this.options;
    return { fuel: `out of fuel (${fuel})`, timeout: `out of time (${timeout} ms)`, interrupt: 'interrupted' }[why];
  }
}

interface Told {
  readonly exit: Exit;
  readonly json: object;
}

/** Returns the size of the file. Throws OutputError. */
function save(vm: VM, plan: readonly PlannedCall[], place: Place): number {
  const modules = [...new Map(vm.store.instances.map(({ module }) => [module.hash, module])).values()];
  const file = vm.save().encode({ modules, calls: plan });
  place.write(file);
  return file.length;
}
