// Jobs as spans, as a provider of OpenTelemetry gets them.

import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import test from 'ava';
import type { Job, WatchedPool } from '../../../src/pool/index.ts';
import type * as TelemetryEntry from '../../../src/pool/watch/telemetry.ts';
import { memoryStore, Pool, UsageError } from '../durable/built.ts';
import { ends, engines, spin, sum, underWay } from './follow.ts';

const built = new URL('../../../dist/src/pool/watch/telemetry.js', import.meta.url).href;
const { tracePool } = (await import(built)) as typeof TelemetryEntry;

/** What a provider has got of a span. */
class Recorded {
  readonly events: { readonly name: string; readonly attributes: Attributes }[] = [];
  readonly exceptions: unknown[] = [];
  attributes: Attributes;
  status: { readonly code: SpanStatusCode; readonly message?: string } | undefined;
  endedAt: number | undefined;
  constructor(
    readonly name: string,
    readonly options: SpanOptions,
    readonly parent: Context,
  ) {
    this.attributes = { ...options.attributes };
  }
  setAttributes(attributes: Attributes) {
    Object.assign(this.attributes, attributes);
  }
  addEvent(name: string, attributes: Attributes) {
    this.events.push({ name, attributes });
  }
  recordException(error: unknown) {
    this.exceptions.push(error);
  }
  setStatus(status: { readonly code: SpanStatusCode; readonly message?: string }) {
    this.status = status;
  }
  end(at: number) {
    this.endedAt = at ?? -1;
  }
}

const spans: Recorded[] = [];
test.before(() => {
  const startSpan = (name: string, options: SpanOptions = {}, parent = context.active()): Span => {
    const span = new Recorded(name, options, parent);
    spans.push(span);
    return span as unknown as Span;
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan, startActiveSpan: () => undefined as never }) });
  const stored = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => stored.getStore() ?? ROOT_CONTEXT,
    with: (ctx, act, self, ...args) => stored.run(ctx, () => act.apply(self as never, args)),
    bind: (_, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
});
test.beforeEach(() => {
  spans.length = 0;
});

for (const engine of engines) {
  test.serial(`a job is a span with its slices, in the context of who submits it (${engine})`, async (t) => {
    await using pool = new Pool({ threads: 2, store: memoryStore() });
    const stop = await tracePool(pool);
    const key = Symbol('mine');
    const mine = ROOT_CONTEXT.setValue(key, 'a request');
    const job = context.with(mine, () => pool.submit({ ...sum({ engine, affinity: 'spread' }), key: 'a' }));
    await job;
    await setImmediate();
    t.is(spans.length, 1);
    const [span] = spans as [Recorded];
    t.is(span.name, 'wasbox.job');
    t.is(span.parent.getValue(key), 'a request');
    t.true((span.options.startTime as number) <= (span.endedAt as number));
    t.like(span.attributes, {
      ...{ 'wasbox.job.id': job.id, 'wasbox.job.key': 'a', 'wasbox.job.how': 'done' },
      ...{ 'wasbox.job.slices': job.stats.slices, 'wasbox.job.moves': job.stats.moves },
      ...{ 'wasbox.job.fuel': job.stats.fuelUsed, 'wasbox.job.crashes': 0 },
    });
    t.is(span.events.length, job.stats.slices);
    t.is(
      span.events.reduce((fuel, { attributes }) => fuel + (attributes['wasbox.fuel'] as number), 0),
      job.stats.fuelUsed,
    );
    t.is(span.events.filter(({ attributes }) => attributes['wasbox.moved']).length, job.stats.moves);
    t.is(span.status, undefined);
    stop();
  });

  test.serial(`a span tells how its job has ended (${engine})`, async (t) => {
    for (const [how, begin] of Object.entries(ends)) {
      spans.length = 0;
      await using pool = new Pool({ threads: 1 });
      const stop = await tracePool(pool);
      const [outcome] = await Promise.allSettled([begin(pool, engine)]);
      await setImmediate();
      const [span] = spans as [Recorded];
      t.is(span.attributes['wasbox.job.how'], how);
      const isError = !['done', 'suspended', 'cancelled'].includes(how);
      t.deepEqual(span.exceptions, isError && outcome.status === 'rejected' ? [outcome.reason] : [], how);
      t.is(span.status?.code, isError ? SpanStatusCode.ERROR : undefined, how);
      t.not(span.endedAt, undefined);
      stop();
    }
  });
}

test.serial('a job of many slices has so many events, and no more', async (t) => {
  await using pool = new Pool({ threads: 1 });
  const stop = await tracePool(pool);
  const job = pool.submit(sum({ sliceFuel: 5_000 }));
  await job;
  await setImmediate();
  t.true(job.stats.slices > 200);
  t.is(spans[0]?.events.length, 100);
  t.is(spans[0]?.attributes['wasbox.job.slices'], job.stats.slices);
  stop();
});

test.serial('only jobs of that pool, from then on until it is stopped', async (t) => {
  await using pool = new Pool({ threads: 1 });
  await using other = new Pool({ threads: 1 });
  const before = pool.submit(spin());
  await underWay(before, 1);
  const stop = await tracePool(pool);
  const after: Job<unknown> = pool.submit(spin());
  await Promise.all([other.submit(sum()), underWay(after)]);
  t.deepEqual(
    spans.map(({ attributes }) => attributes['wasbox.job.id']),
    [after.id],
  );
  stop();
  t.not(spans[0]?.endedAt, undefined, 'what is open ends');
  const heard = spans[0]?.events.length;
  await underWay(after, after.stats.slices + 3);
  before.cancel();
  after.cancel();
  await setImmediate();
  t.is(spans[0]?.events.length, heard);
  t.is(spans.length, 1);
});

test.serial('what is no pool is refused', async (t) => {
  await t.throwsAsync(tracePool({} as WatchedPool), { instanceOf: UsageError, message: /must be a Pool/ });
});
