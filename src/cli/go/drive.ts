// Runs a VM through its course, slice by slice, so that signals can be heard between two slices and while a host
// function is awaited. The slices do not show in the result: fuel is charged alike however it is granted.

import { setImmediate } from 'node:timers/promises';
import { nextFuel } from '../../pool/line/pace.ts';
import type { Outcome } from '../../runtime/engine.ts';
import type { Value } from '../../runtime/heap/ref.ts';
import type { HostError, Trap } from '../../spec/errors.ts';
import type { VM } from '../../vm.ts';
import { attended } from '../told/attended.ts';
import type { Course, Finished } from './course.ts';

const firstFuel = 1_000_000;
/** How long a signal may have to wait, in ms. */
const sliceMs = 50;

export type Why = 'fuel' | 'timeout' | 'interrupt';

export interface DriveOptions {
  /** For all calls together. */
  readonly fuel: number;
  /** Aborted, with the reason why: stop as soon as the guest can be left. */
  readonly stop?: AbortSignal | undefined;
  /** Of one slice, at the most; what takes some 50 ms unless told. */
  readonly sliceFuel?: number | undefined;
  /** Between two slices: the VM rests, and may be saved. What it throws ends the drive. */
  readonly between?: (() => Promise<void>) | undefined;
}

export type End =
  | { readonly status: 'returned'; readonly finished: Finished }
  | { readonly status: 'trapped'; readonly trap: Trap | HostError }
  | { readonly status: 'exited'; readonly code: number }
  | { readonly status: 'suspended'; readonly why: Why };

/** Ends the call that the VM is in, if any, then makes those of its course. */
export async function drive(vm: VM, course: Course, options: DriveOptions): Promise<End> {
  const watch = new Watch(options.stop);
  try {
    const end = new Drive(vm, course, options, watch).end();
    return await attended(
      end,
      options.stop !== undefined,
      'the guest waits, and nothing is left that it could wait for',
    );
  } finally {
    watch.end();
  }
}

class Drive {
  private readonly before: number;
  private fuel = firstFuel;

  constructor(
    private readonly vm: VM,
    private readonly course: Course,
    private readonly options: DriveOptions,
    private readonly watch: Watch,
  ) {
    this.before = paid(vm);
  }

  async end(): Promise<End> {
    const { vm, course } = this;
    const { stop } = this.options;
    let results: readonly Value[] = [];
    for (;;) {
      const finished = vm.status === 'idle' ? await course.next(vm, results) : undefined;
      if (finished !== undefined) return { status: 'returned', finished };
      const outcome = await this.slice();
      if (outcome.status === 'stopped') return { status: 'suspended', why: outcome.why };
      if (outcome.status === 'trapped' || outcome.status === 'exited') return outcome;
      if (outcome.status === 'returned') results = outcome.values;
      else if (this.left === 0) return { status: 'suspended', why: 'fuel' };
      if (vm.status !== 'idle') await this.options.between?.();
      await setImmediate();
      // Between two calls there may be results that only the course knows what to do with.
      if (stop?.aborted && vm.status !== 'idle') return { status: 'suspended', why: whyOf(stop) };
    }
  }

  private get left(): number {
    return Math.max(0, this.options.fuel - (paid(this.vm) - this.before));
  }

  private async slice(): Promise<Outcome | Stopped> {
    const { vm, left } = this;
    const fuel = Math.min(this.fuel, left, this.options.sliceFuel ?? Infinity);
    const [used, startedAt] = [vm.fuelUsed, performance.now()];
    const outcome = await this.watch.over(vm.runAsync({ fuel }));
    if (outcome.status === 'suspended')
      this.fuel = nextFuel(this.fuel, vm.fuelUsed - used, performance.now() - startedAt, sliceMs);
    return outcome;
  }
}

interface Stopped {
  readonly status: 'stopped';
  readonly why: Why;
}

export const whyOf = ({ reason }: AbortSignal): Why => (typeof reason === 'string' ? 'interrupt' : 'timeout');

/** Whether somebody wants a guest to stop while it awaits something. */
class Watch {
  private settle: ((end: Stopped) => void) | undefined;

  constructor(private readonly stop: AbortSignal | undefined) {
    stop?.addEventListener('abort', this.aborted);
  }

  /** What comes of a run, or that it is to stop: it then waits, and goes on no further. */
  over<T>(run: Promise<T>): Promise<T | Stopped> {
    return new Promise((resolve, reject) => {
      this.settle = resolve;
      run.then(resolve, reject);
      if (this.stop?.aborted) this.aborted();
    });
  }

  /** A run that does not wait has settled before the next turn of the event loop. */
  private readonly aborted = (): void => {
    void setImmediate().then(() => {
      this.settle?.({ status: 'stopped', why: whyOf(this.stop as AbortSignal) });
    });
  };

  end(): void {
    this.settle = undefined;
    this.stop?.removeEventListener('abort', this.aborted);
  }
}

/** Fuel that was granted and used, in the VM's whole life. */
const paid = ({ store }: VM): number => store.fuelUsed - store.debt;
