// A VM at rest: what it is as data, and what makes it a VM again once it is needed. That takes some bytes where its
// memories would take pages, and a process has room for only some thousands of memories.

import type { Hosts } from '../host/port.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Module } from '../runtime/module/module.ts';
import type { Store, VmLimits } from '../runtime/store.ts';
import { hostMade, type SnapshotData } from '../snapshot/data/format.ts';
import { statesOf } from '../snapshot/data/states.ts';
import { isRefillable, refill } from '../snapshot/refill.ts';
import { checkData, restoreStore } from '../snapshot/restore.ts';
import { UsageError } from '../spec/errors.ts';
import { Driver, forgetWait } from './driver.ts';

/** What a VM has around its data. */
export interface Around {
  readonly modules: readonly Module[];
  readonly limits: VmLimits;
  readonly sharedMemory: boolean;
  /** What the store's host functions are. */
  readonly hosts: Hosts;
}
export interface Rest extends Around {
  readonly data: SnapshotData;
}

/** What a VM is while it is not at rest. */
export interface Body {
  readonly store: Store;
  readonly driver: Driver;
}

export const bodyOver = (engine: Engine, store: Store): Body => ({ store, driver: new Driver(store, engine) });

/** Throws LimitError where the host has no memory left, and what restoring states throws. */
export function wake({ data, hosts, ...where }: Rest, engine: Engine): Body {
  const body = bodyOver(engine, restoreStore(data, { ...where, trusted: true }));
  try {
    bind(body, data, hosts);
  } catch (error) {
    letGo(body);
    throw error;
  }
  return body;
}

function bind({ driver: { port } }: Body, data: SnapshotData, hosts: Hosts): void {
  port.bindAll(hosts);
  port.restoreStates(statesOf(data));
}

/** Gives its memories back; nothing of it can be used any more. */
export function letGo(body: Body): void {
  const { store, driver } = body;
  forgetWhatIsUnderWay(body);
  driver.letGo();
  for (const memory of store.memories.splice(0)) memory.release();
  for (const list of [store.tables, store.globals, store.tags]) list.length = 0;
  store.heap.release();
  store.stack.release();
}

/** No call and no wait goes on, and host modules keep nothing. */
function forgetWhatIsUnderWay({ store, driver }: Body): void {
  forgetWait(store);
  store.pending = null;
  driver.port.dispose();
}

/**
 * Makes the body what `rest` is. False where that has to be made anew: then it is as before. What it throws leaves it torn,
 * and it has to be made anew as well.
 */
export function goBack(body: Body, { data, hosts }: Rest): boolean {
  const { store, driver } = body;
  if (!isRefillable(store, data)) return false;
  forgetWhatIsUnderWay(body);
  refill(store, data);
  driver.reset();
  bind(body, data, hosts);
  return true;
}

/** What this process has saved, or has verified: it is taken as it is. */
const believed = new WeakSet<SnapshotData>();

export function believe(data: SnapshotData): void {
  believed.add(data);
}

/**
 * Checks data, whoever made it, against what a VM of these modules may be, so that such a VM can be rewound to it: from now on
 * it is believed. What it says of host functions is left out: rewinding compares that with what the VM has. Throws
 * SnapshotError, LimitError.
 */
export function examine(data: SnapshotData, modules: readonly Module[], limits: Partial<VmLimits>): void {
  checkData(data, modules, limits);
  believe(data);
}

/** A VM at another time of its own, or of a fork. Throws UsageError for a snapshot of another VM. */
export function restAt(around: Around, data: SnapshotData): Rest {
  const hashes = new Set(around.modules.map(({ hash }) => hash));
  const ours = believed.has(data) && data.modules.every((hash) => hashes.has(hash)) && hasHosts(around.hosts, data);
  if (ours) return { ...around, data };
  throw new UsageError('the snapshot is none that this VM, or what it was forked from, has made; VM.restore takes it');
}

function hasHosts(hosts: Hosts, { origins, made }: SnapshotData): boolean {
  for (let addr = 0; addr * 2 < origins.func.length; addr++) {
    if (origins.func[addr * 2] !== hostMade) continue;
    const func = made.func[origins.func[addr * 2 + 1] as number];
    if (hosts[addr]?.module !== func?.module || hosts[addr]?.name !== func?.name) return false;
  }
  return true;
}
