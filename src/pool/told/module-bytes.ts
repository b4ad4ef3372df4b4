// Modules that nobody has decoded yet: a pool can be given bytes, which its threads decode and check within the job's own
// time. The main thread only hashes them.

import { hashOf } from '../../runtime/beneath/sha256.ts';
import { Module } from '../../runtime/module/module.ts';
import { check } from '../../spec/options.ts';
import { shareBytes } from './parcel.ts';

/** What the main thread needs of a module; `codes` only where it is known to be valid. */
export interface Carried extends Pick<Module, 'hash' | 'bytes'> {
  readonly codes?: readonly number[];
}

/** A module as users give it: bytes are copied, once for all threads. */
export type ModuleLike = Module | Uint8Array | ArrayBuffer;

class ModuleBytes implements Carried {
  readonly bytes: Uint8Array;
  readonly hash: string;
  constructor(bytes: Uint8Array | ArrayBuffer) {
    this.bytes = shareBytes(new Uint8Array(bytes));
    this.hash = hashOf(this.bytes);
  }
}

export const aModule = check(
  (v: unknown) => v instanceof Module || v instanceof Uint8Array || v instanceof ArrayBuffer,
  'a Module, or the bytes of one',
);

export const carried = (module: ModuleLike): Carried => (module instanceof Module ? module : new ModuleBytes(module));
