// What a pool's thread does: what it is sent it does one after the other, slices by themselves or several together.

import { resourceLimits, threadId } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { useCodeCache } from '../../rewrite/module/code-cache.ts';
import { useStack } from '../../rewrite/run/native-stack.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { BatchOrder, BatchReply } from '../told/batch.ts';
import type { GroupTask } from '../told/group.ts';
import {
  clock,
  loadedAt,
  type Order,
  type ProgramTask,
  pauses,
  type Reply,
  stages,
  type Tidy,
} from '../told/protocol.ts';
import type { TogetherOrder, TogetherReply } from '../told/together.ts';
import { Batch, type Begun } from './batch.ts';
import { fileCache } from './cache.ts';
import { groupSlice } from './group-slice.ts';
import { shared } from './here.ts';
import { holdWhilePacking } from './hold.ts';
import { learn, newCode } from './modules.ts';
import { programSlice } from './program-slice.ts';
import { Slice } from './slice.ts';
import { drop } from './warm.ts';

if (resourceLimits?.stackSizeMb !== undefined) useStack(resourceLimits.stackSizeMb);
if (shared.cache !== undefined) useCodeCache(fileCache(shared.cache));
/** Of this thread's words, as its orders say; less than 0 before the first. */
let slot = -1;
holdWhilePacking(shared.hold, () => slot);

/** The Piscina task: never rejects. */
export async function slice(
  order: Order | BatchOrder | TogetherOrder | Tidy | ProgramTask | GroupTask,
): Promise<unknown> {
  markLoaded();
  if ('kind' in order && order.kind === 'tidy') return drop(order.drop);
  slot = order.slot;
  if ('kind' in order) {
    if (order.kind === 'batch') return batch(order);
    if (order.kind === 'together') return together(order);
    if (order.kind === 'program') return programSlice(order, shared);
    drop(order.drop);
    return groupSlice(order, shared);
  }
  Atomics.store(shared.stage, order.slot, stages.begun);
  const work = new Slice(order);
  const end = await work.end();
  const reply: Reply = { end, compiled: newCode(order), report: work.report() };
  return move({ [transferableSymbol]: 'vm' in end ? end.vm.transfer : [], [valueSymbol]: reply } as never);
}

/** As `slice`, of several jobs. */
async function batch(order: BatchOrder): Promise<unknown> {
  Atomics.store(shared.at, order.slot, 0);
  Atomics.store(shared.stage, order.slot, stages.begun);
  drop(order.drop);
  const [module] = learn(order) as [Module];
  const slice = async (each: Order, begun: Begun | undefined) => {
    const work = new Slice(each);
    const end = await (begun === undefined ? work.end() : work.goOn(begun));
    return { end, report: work.report() };
  };
  const done = await new Batch(order, module, shared, { slice }).run();
  const reply: BatchReply = { ...done, compiled: newCode(order) };
  const transfer = done.ends.flatMap((end) => ('vm' in end ? end.vm.transfer : []));
  return move({ [transferableSymbol]: transfer, [valueSymbol]: reply } as never);
}

/** As `slice`, of several jobs under way. */
async function together({ orders, sliceMs, slot }: TogetherOrder): Promise<unknown> {
  Atomics.store(shared.at, slot, 0);
  Atomics.store(shared.stage, slot, stages.begun);
  for (const order of orders) {
    drop(order.drop);
    learn(order);
  }
  const replies: Reply[] = [];
  const startedAt = performance.now();
  for (const [i, order] of orders.entries()) {
    const isOver = i > 0 && performance.now() - startedAt > sliceMs;
    if (isOver || Atomics.load(shared.pause, slot) !== pauses.none) break;
    Atomics.store(shared.at, slot, i);
    const work = new Slice({
      ...order,
      modules: order.modules.map(({ hash }) => ({ hash })),
      forget: [],
      drop: [],
      sentAt: i === 0 ? order.sentAt : clock(),
    });
    const end = await work.end();
    replies.push({ end, compiled: newCode(order), report: work.report() });
  }
  const transfer = replies.flatMap(({ end }) => ('vm' in end ? end.vm.transfer : []));
  const reply: TogetherReply = { replies };
  return move({ [transferableSymbol]: transfer, [valueSymbol]: reply } as never);
}

/** From now on the thread can be ended (job/threads.ts). */
function markLoaded(): void {
  Atomics.store(shared.loaded, loadedAt(threadId), threadId);
}

// The host is not done with a module when that has run to its end, but before anything else happens.
setImmediate(markLoaded);
