// A job for each input, no more of them at a time than asked for, their outputs in order.

import type { Value } from '../../runtime/heap/ref.ts';
import { UsageError } from '../../spec/errors.ts';
import type { ModuleLike } from '../told/module-bytes.ts';
import type { CallSpec, JobOptions, MapOptions, ProgramSpec, WasiSpec } from '../told/options.ts';
import { withInput } from '../told/wasi.ts';
import type { Job } from './job.ts';

type AnyIterable = Iterable<unknown> & AsyncIterable<unknown>;
/** Inputs of `pool.map`, one for each job; they may be endless. */
export type Inputs = Iterable<unknown> | AsyncIterable<unknown>;

type AnySpec = CallSpec & ProgramSpec & WasiSpec;
type Submit<T> = (spec: AnySpec) => Job<T>;
/** The name of an export, the URL of a job module, or what a program for WASI is given. */
type Target = string | URL | Pick<WasiSpec, 'wasi'>;

/** `room`: how many jobs may be under way, where nobody says. */
export async function* mapInputs<T>(
  submit: Submit<T>,
  room: () => number,
  module: ModuleLike,
  target: Target,
  inputs: Inputs,
  { inFlight, ...options }: MapOptions,
): AsyncGenerator<T, void, void> {
  const source = iteratorOf(inputs);
  const jobs: Job<T>[] = [];
  let pulled: Promise<IteratorResult<unknown>> | undefined;
  let exhausted = false;
  try {
    while (!exhausted || jobs.length > 0) {
      if (!exhausted && jobs.length < (inFlight ?? room())) pulled ??= pull(source);
      const first = await firstOf(pulled, jobs[0]);
      if ('output' in first) {
        jobs.shift();
        yield first.output;
      } else {
        pulled = undefined;
        exhausted = first.input.done === true;
        if (!exhausted) jobs.push(submit(specOf(module, target, first.input.value, options)));
      }
    }
  } finally {
    for (const job of jobs) job.cancel();
    if (!exhausted) await close(source, pulled !== undefined);
  }
}

type First<T> = { readonly input: IteratorResult<unknown> } | { readonly output: T };

/** The next output or the next input, whichever is there first. */
function firstOf<T>(pulled: Promise<IteratorResult<unknown>> | undefined, job: Job<T> | undefined): Promise<First<T>> {
  const races: Promise<First<T>>[] = [];
  if (job !== undefined) races.push(job.result.then((output) => ({ output })));
  if (pulled !== undefined) races.push(pulled.then((input) => ({ input })));
  return Promise.race(races);
}

function iteratorOf(inputs: Inputs): AsyncIterator<unknown> | Iterator<unknown> {
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = Object(inputs) as Partial<AnyIterable>;
  const iterator = async?.call(inputs) ?? sync?.call(inputs);
  if (iterator === undefined) throw new UsageError('the inputs of map must be iterable');
  return iterator;
}

const pull = async (source: AsyncIterator<unknown> | Iterator<unknown>): Promise<IteratorResult<unknown>> =>
  source.next();

/** A source that is asked for its next input may never give it: then we do not wait for its end, either. */
async function close(source: AsyncIterator<unknown> | Iterator<unknown>, busy: boolean): Promise<void> {
  const closing = (async () => source.return?.())();
  if (busy) closing.catch(() => {});
  else await closing;
}

function specOf(module: ModuleLike, target: Target, input: unknown, options: JobOptions): AnySpec {
  if (target instanceof URL) return { ...options, module, program: target, input } as AnySpec;
  if (typeof target === 'object') return { ...options, module, wasi: withInput(target.wasi, input) } as AnySpec;
  const args: readonly Value[] = Array.isArray(input) ? input : [input];
  return { ...options, module, export: target, args } as AnySpec;
}
