// What anybody of wasbox has saved, taken apart and put together: the VM's container, which a thread or a VM wants by
// itself, and what stood beside it. Forms that older versions wrote are read, too.

import { hashOf } from '../../runtime/beneath/sha256.ts';
import { Module } from '../../runtime/module/module.ts';
import type { SnapshotData } from '../data/format.ts';
import { type DecodeOptions, decodeSnapshot, encodeSnapshot } from './container.ts';
import { type Extras, extraParts, extrasOf, isSome, type Opened } from './extras.ts';
import { isOlder, readOlder } from './older.ts';
import { isContainer, joinParts, readParts, withoutExtras } from './parts.ts';

/** Whether it begins as something that was saved does. */
export const looksSaved = (bytes: Uint8Array): boolean => isContainer(bytes) || isOlder(bytes);

/** Throws SnapshotError. The VM's parts are not looked into. */
export function openSaved(bytes: Uint8Array): Opened {
  if (isOlder(bytes)) return readOlder(bytes);
  const parts = readParts(bytes);
  const extras = extrasOf(parts);
  const { parts: own, version } = withoutExtras(parts);
  return { vm: isSome(extras) ? joinParts(own, version) : bytes, extras };
}

/** The reverse. Throws SnapshotError where the VM's container is none. */
export function closeSaved({ vm, extras }: Opened): Uint8Array<ArrayBuffer> {
  const { parts, version } = withoutExtras(readParts(vm));
  return joinParts([...parts, ...extraParts(extras)], version);
}

/**
 * A series: what was saved, and then what had changed each time since the one before. The last state of it. Throws
 * SnapshotError.
 */
export function lastOf(series: readonly Uint8Array[], bounds: DecodeOptions = {}): SnapshotData {
  let base: SnapshotData | undefined;
  for (const bytes of series) base = decodeSnapshot(bytes, { ...bounds, base }).data;
  return base as SnapshotData;
}

/** A series as one, with what stands beside its last, and the modules beside any of them. Throws SnapshotError. */
export function joinSeries(series: readonly Uint8Array[]): Uint8Array {
  const last = series.at(-1) as Uint8Array;
  if (series.length === 1) return last;
  const beside = series.map((bytes) => openSaved(bytes).extras);
  const modules = new Map(beside.flatMap((each) => each.modules).map((bytes) => [hashOf(bytes), bytes]));
  const extras = { ...(beside.at(-1) as Extras), modules: [...modules.values()] };
  return closeSaved({ vm: encodeSnapshot(lastOf(series)), extras });
}

/**
 * The modules that were given, and of those that came along the ones that are wanted besides. Throws MalformedError and
 * InvalidError.
 */
export function modulesAmong(given: readonly Module[], wanted: readonly string[], { modules }: Extras): Module[] {
  if (modules.length === 0) return [...given];
  const missing = new Set(wanted);
  for (const { hash } of given) missing.delete(hash);
  return [...given, ...modules.filter((bytes) => missing.delete(hashOf(bytes))).map((bytes) => Module.from(bytes))];
}
