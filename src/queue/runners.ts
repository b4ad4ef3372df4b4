// What runners are told and tell each other: hints, which may be lost. What has to be known is in the store or in the queue.

import type { QueueEvents, QueueEventsProducer } from 'bullmq';

/** A job is to be looked at: somebody wishes something of it. Or a runner has nothing to do. */
export type RunnerMessage =
  | { readonly what: 'look'; readonly key: string }
  | { readonly what: 'idle'; readonly runner: string; readonly free: number };

const eventName = 'wasbox';

/** How often a runner that has nothing to do says so, in ms: from, and up to, doubling; all of them together about so often. */
const idleEvery = { least: 300, most: 10_000, together: 1000 } as const;

/** When it says so again, where it waited so long for the last time and heard it of so many `others` meanwhile. */
export const nextIdle = (before: number, others: number): number =>
  Math.min(Math.max(idleEvery.most, (others + 1) * idleEvery.together), before * 2);
/** When one says so that has just ceased to be busy. */
export const firstIdle: number = idleEvery.least;
/** Older ones are of no use. */
const mostKept = 1000;

/** Never rejects. */
export async function tell(producer: QueueEventsProducer, message: RunnerMessage): Promise<void> {
  await producer.publishEvent({ eventName, message: JSON.stringify(message) }, mostKept).catch(() => {});
}

/** What is no message is left out. */
export function hear(events: QueueEvents, heard: (message: RunnerMessage) => void): void {
  (events as unknown as { on(name: string, listener: (event: { message?: unknown }) => void): void }).on(
    eventName,
    ({ message }) => {
      const read = readMessage(message);
      if (read !== undefined) heard(read);
    },
  );
}

function readMessage(message: unknown): RunnerMessage | undefined {
  try {
    const { what, key, runner, free } = Object(JSON.parse(String(message))) as Record<string, unknown>;
    if (what === 'look' && typeof key === 'string') return { what, key };
    if (what === 'idle' && typeof runner === 'string' && Number.isSafeInteger(free))
      return { what, runner, free: free as number };
  } catch {}
  return undefined;
}
