// Waiting: for times, and for descriptors that can be read or written. A guest that waits is suspended, and asks again
// when its time has come or something has arrived; so what it waits for is told by its state, and not by a timer.

import { NotYet } from '../../host/not-yet.ts';
import {
  type Event,
  eventFlags,
  eventSize,
  eventTypes,
  readSubscription,
  type Subscription,
  writeEvent,
} from '../abi.ts';
import { ErrnoError, errnos, fail } from '../errno.ts';
import { call, type Result, type Scene } from './call.ts';
import { timeOf } from './program.ts';

/** More are hardly meant. */
const mostSubscriptions = 4096;
/** Of a subscription: it is looked at as long as it takes to copy so many bytes. */
const pollWeight = 4096;

interface Waiting {
  /** Nanoseconds until the first time that is waited for; undefined where none is. */
  left: bigint | undefined;
  readonly events: PromiseLike<unknown>[];
}

function poll(scene: Scene, from: number, to: number, count: number, result: number): Result {
  const { memory, form, system } = scene;
  if (count === 0 || count > mostSubscriptions) fail('inval');
  memory.check(to, eventSize * count);
  memory.check(result, 4);
  const { size } = form.subscription;
  const subscriptions = Array.from({ length: count }, (_, i) => readSubscription(memory, from + size * i, form));
  scene.copied(pollWeight * count);
  const began = scene.again ? system.pollBegan : undefined;
  const beganNow = began ?? system.clock.monotonic();
  const waiting: Waiting = { left: undefined, events: [] };
  let events = due(scene, subscriptions, beganNow, waiting);
  if (events.length === 0) {
    const asleep = sleep(scene, waiting);
    if (asleep !== undefined) {
      system.pollBegan = beganNow;
      return asleep;
    }
    events = due(scene, subscriptions, beganNow, { left: undefined, events: [] });
  }
  system.pollBegan = undefined;
  events.forEach((event, i) => {
    writeEvent(memory, to + eventSize * i, event);
  });
  memory.setU32(result, events.length);
  return undefined;
}

/** Undefined where the time has passed by then. */
function sleep({ system: { clock } }: Scene, { left, events }: Waiting): NotYet | undefined {
  const until = left === undefined ? undefined : clock.sleep(left);
  if (left !== undefined && until === undefined) return undefined;
  return new NotYet({ until, event: events });
}

/** All that is due; what is not yet is noted. */
function due(scene: Scene, subscriptions: readonly Subscription[], began: bigint, waiting: Waiting): Event[] {
  return subscriptions.flatMap((subscription) => {
    const { userdata, type } = subscription;
    if (type === 'unknown') return fail('inval');
    try {
      const ready =
        type === 'clock' ? clockEvent(scene, subscription, began, waiting) : fdEvent(scene, subscription, waiting);
      return ready === undefined ? [] : [{ userdata, error: errnos.success, type: eventTypes[type], ...ready }];
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      return [{ userdata, error: error.number, type: eventTypes[type] }];
    }
  });
}

type Of<T extends Subscription['type']> = Extract<Subscription, { type: T }>;
type Ready = Pick<Event, 'bytes' | 'flags'> | undefined;

/** A relative time counts from when the wait began, on the clock that never goes back. */
function clockEvent(scene: Scene, { id, timeout, absolute }: Of<'clock'>, began: bigint, waiting: Waiting): Ready {
  const told = timeOf(scene, id);
  const now = absolute ? told : scene.system.clock.monotonic();
  const left = (absolute ? timeout : began + timeout) - now;
  if (left <= 0n) return {};
  if (waiting.left === undefined || left < waiting.left) waiting.left = left;
  return undefined;
}

function fdEvent({ system }: Scene, { type, fd }: Of<'read' | 'write'>, waiting: Waiting): Ready {
  const descriptor = system.descriptors.with(fd, 'poll_fd_readwrite');
  if (descriptor.kind === 'file') {
    const left = type === 'read' && descriptor.node.kind === 'file' ? descriptor.node.size() - descriptor.offset : 0;
    return { bytes: BigInt(Math.max(0, left)) };
  }
  if (type === 'write') {
    if (descriptor.kind === 'input') return fail('badf');
    const { busy } = descriptor.stream;
    if (busy === undefined) return {};
    waiting.events.push(busy);
    return undefined;
  }
  if (descriptor.kind === 'output') return fail('badf');
  const { available, coming } = descriptor.stream;
  if (available !== undefined) return { bytes: BigInt(available), flags: available === 0 ? eventFlags.hangup : 0 };
  if (coming !== undefined) waiting.events.push(coming);
  return undefined;
}

export const pollCalls = { poll_oneoff: call('i32 i32 i32 i32', poll) };
