// Short jobs that came in one message, as a worker does them. A call that returns plain values is over here; whatever else
// becomes of one is a slice's business (slice.ts), which goes on with it.

import type { Outcome } from '../../runtime/engine.ts';
import type { Module } from '../../runtime/module/module.ts';
import { VM } from '../../vm.ts';
import {
  arePlain,
  type BatchedJob,
  type BatchOrder,
  type BatchReply,
  type Plain,
  reportFields,
} from '../told/batch.ts';
import { toData } from '../told/errors.ts';
import { pack } from '../told/parcel.ts';
import { lastPlainStep } from '../told/program.ts';
import { clock, type Order, pauses, type Reply, type SliceEnd, type WorkerData } from '../told/protocol.ts';

/** A VM whose call has come so far. */
export interface Begun {
  readonly vm: VM;
  readonly outcome: Outcome;
  readonly guestMs: number;
}

/** What the worker does for it. */
export interface Hands {
  /** The order as one of a slice: from the beginning, or from there. */
  slice(order: Order, begun: Begun | undefined): Promise<Pick<Reply, 'end' | 'report'>>;
}

type End = readonly Plain[] | SliceEnd;
type Numbers = readonly number[];
type Done = readonly [end: End, report: Numbers];

export class Batch {
  private readonly pause: Int32Array;

  constructor(
    private readonly order: BatchOrder,
    private readonly module: Module,
    private readonly shared: WorkerData,
    private readonly hands: Hands,
  ) {
    this.pause = shared.pause.subarray(order.slot, order.slot + 1);
  }

  /** All but the reply's code. */
  async run(): Promise<Omit<BatchReply, 'compiled'>> {
    const { jobs, slot, sliceMs } = this.order;
    const ends: End[] = [];
    const reports: number[] = [];
    const startedAt = performance.now();
    for (const [i, job] of jobs.entries()) {
      const isOver = i > 0 && performance.now() - startedAt > sliceMs;
      if (isOver || Atomics.load(this.shared.pause, slot) !== pauses.none) break;
      Atomics.store(this.shared.at, slot, i);
      const [end, report] = this.isSimple(job) ? await this.simple(job) : await this.slice(job, undefined);
      ends.push(end);
      reports.push(...report);
    }
    return { ends, reports: Float64Array.from(reports), sentAt: clock() };
  }

  /** Whether nothing comes before the call. */
  private isSimple({ services }: BatchedJob): boolean {
    const { imports, start } = this.module.syntax;
    return imports.length === 0 && start === undefined && services === undefined;
  }

  private simple(job: BatchedJob): Done | Promise<Done> {
    const { limits = {}, engine, fuel } = job;
    const startedAt = performance.now();
    let vm: VM | undefined;
    let begun: Begun;
    try {
      vm = new VM({ limits, engine });
      vm.start(vm.instantiate(this.module).func(job.name), job.args);
      const outcome = vm.run({ fuel, pause: this.pause });
      begun = { vm, outcome, guestMs: performance.now() - startedAt };
    } catch (error) {
      const report = vm === undefined ? reportFields.map(() => 0) : ended({ vm, guestMs: 0 });
      return [{ kind: 'failed', error: toData(error) }, report];
    }
    const { values } = begun.outcome;
    if (values === undefined || !arePlain(values)) return this.slice(job, begun);
    return [values, ended(begun)];
  }

  private async slice(job: BatchedJob, begun: Begun | undefined): Promise<Done> {
    const { end, report } = await this.hands.slice(this.orderOf(job, begun !== undefined), begun);
    return [end, reportFields.map((field) => report[field])];
  }

  private orderOf({ job, name, args, fuel, limits = {}, engine, services = [] }: BatchedJob, isBegun: boolean): Order {
    const { slot, modules, keep, sliceMs, sentAt } = this.order;
    const [state, next] = isBegun ? [undefined, lastPlainStep] : [{ export: name, args }, 'start'];
    return {
      ...{ slot, modules, forget: [], drop: [], job, keep, limits, engine, services, sentAt },
      vm: { kind: 'new', module: this.module.hash },
      isBrief: true,
      progress: { next, state: pack(state, 'the input') },
      ...{
        program: undefined,
        wasi: undefined,
        host: undefined,
        answer: undefined,
        mostOutput: undefined,
        times: undefined,
      },
      task: { kind: 'run', fuel, checkpoint: 'never', last: undefined, more: 0, sliceMs },
    };
  }
}

/** The numbers of a job that is over. */
function ended({ vm, guestMs }: Omit<Begun, 'outcome'>): Numbers {
  const { fuelUsed, debt, memories } = vm.store;
  const memory = memories.reduce((sum, { size }) => sum + size, 0);
  vm.dispose();
  return [fuelUsed, fuelUsed - debt, memory, guestMs, 0, guestMs];
}
