// What anybody of wasbox has saved, taken apart and put together: the VM's container, which a thread or a VM wants by
// itself, and what stood beside it. Forms that older versions wrote are read, too.

import { Module } from '../../runtime/module.ts';
import { hashOf } from '../../runtime/sha256.ts';
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
 * The modules that were given, and of those that came along the ones that are wanted besides. Throws MalformedError and
 * InvalidError.
 */
export function modulesAmong(given: readonly Module[], wanted: readonly string[], { modules }: Extras): Module[] {
  if (modules.length === 0) return [...given];
  const missing = new Set(wanted);
  for (const { hash } of given) missing.delete(hash);
  return [...given, ...modules.filter((bytes) => missing.delete(hashOf(bytes))).map((bytes) => Module.from(bytes))];
}
