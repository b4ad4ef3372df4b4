// A VM at rest: what it is as data, and what makes it a VM again once it is needed. That takes some bytes where its
// memories would take pages, and a process has room for only some thousands of memories.

import type { Hosts } from '../host/port.ts';
import type { NamedState } from '../host/state.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Module } from '../runtime/module.ts';
import type { Store, VmLimits } from '../runtime/store.ts';
import { hostMade, type SnapshotData } from '../snapshot/data/format.ts';
import { statesOf } from '../snapshot/data/states.ts';
import { isRefillable, refill } from '../snapshot/refill.ts';
import { restoreStore } from '../snapshot/restore.ts';
import { UsageError } from '../spec/errors.ts';
import { Driver, forgetWait } from './driver.ts';

export interface Rest {
  readonly data: SnapshotData;
  readonly states: readonly NamedState[];
  readonly modules: readonly Module[];
  readonly limits: VmLimits;
  readonly sharedMemory: boolean;
  /** What the store's host functions are. */
  readonly hosts: Hosts;
}

/** What a VM is while it is not at rest. */
export interface Body {
  readonly store: Store;
  readonly driver: Driver;
}

export function bodyOver(engine: Engine, store: Store): Body {
  return { store, driver: new Driver(store, engine) };
}

/** Throws LimitError where the host has no memory left, and what restoring states throws. */
export function wake({ data, hosts, states, ...where }: Rest, engine: Engine): Body {
  const body = bodyOver(engine, restoreStore(data, { ...where, trusted: true }));
  try {
    body.driver.port.bindAll(hosts);
    body.driver.port.restoreStates(states);
  } catch (error) {
    for (const memory of body.store.memories.splice(0)) memory.release();
    throw error;
  }
  return body;
}

/** Nothing of it goes on: no call is awaited, and host modules keep nothing. */
export function comeToRest({ store, driver }: Body): void {
  forgetWait(store);
  store.pending = null;
  driver.port.dispose();
}

/** The same body in the state of `rest`; false, and then it is as before, where that has to be made anew. */
export function goBack(body: Body, { data, hosts, states }: Rest): boolean {
  const { store, driver } = body;
  if (!isRefillable(store, data)) return false;
  comeToRest(body);
  refill(store, data);
  driver.reset();
  driver.port.bindAll(hosts);
  driver.port.restoreStates(states);
  return true;
}

/** What this process has saved, or has verified: it is taken as it is. */
const believed = new WeakSet<SnapshotData>();
export const believe = (data: SnapshotData): WeakSet<SnapshotData> => believed.add(data);

/** The same VM at another time of its own, or of a fork. Throws UsageError for a snapshot of another VM. */
export function restAt(rest: Rest, data: SnapshotData): Rest {
  const hashes = new Set(rest.modules.map(({ hash }) => hash));
  const ours = believed.has(data) && data.modules.every((hash) => hashes.has(hash)) && hasHosts(rest.hosts, data);
  if (!ours)
    throw new UsageError(
      'the snapshot is none that this VM, or what it was forked from, has made; VM.restore takes it',
    );
  return { ...rest, data, states: statesOf(data) };
}

function hasHosts(hosts: Hosts, { origins, made }: SnapshotData): boolean {
  for (let addr = 0; addr * 2 < origins.func.length; addr++) {
    if (origins.func[addr * 2] !== hostMade) continue;
    const func = made.func[origins.func[addr * 2 + 1] as number];
    if (hosts[addr]?.module !== func?.module || hosts[addr]?.name !== func?.name) return false;
  }
  return true;
}
