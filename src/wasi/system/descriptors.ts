// The descriptors of a guest: numbers, each for an open file, directory or standard stream. Everything in them is state.

import { fail } from '../errno.ts';
import type { FileNode } from '../files/types.ts';
import { bitOf, type Right } from '../rights.ts';
import type { Input, Output } from './streams.ts';

interface Common {
  /** As they are told. */
  rights: number;
  inheriting: number;
  /** What the guest has given up, of its own and of those opened from it. */
  barred: number;
  barredInheriting: number;
  /** fdFlags (abi.ts). */
  flags: number;
}

export interface FileDescriptor extends Common {
  readonly kind: 'file';
  /** Held. */
  readonly node: FileNode;
  /** Which of the VM's file systems it is in. */
  readonly system: number;
  /** A safe integer. */
  offset: number;
  /** The name by which the guest was given it. */
  readonly preopen: string | undefined;
}
export interface InputDescriptor extends Common {
  readonly kind: 'input';
  readonly stream: Input;
  readonly terminal: boolean;
}
export interface OutputDescriptor extends Common {
  readonly kind: 'output';
  readonly name: 'stdout' | 'stderr';
  readonly stream: Output;
  readonly terminal: boolean;
}
export type Descriptor = FileDescriptor | InputDescriptor | OutputDescriptor;

export class Descriptors {
  private readonly list: (Descriptor | undefined)[] = [];
  /** There is none free below. */
  private lowest = 0;
  private count = 0;

  /** `most`: how many may be open. */
  constructor(readonly most: number) {}

  /** The number of a new one, the lowest that is free. Throws ErrnoError. */
  add(descriptor: Descriptor): number {
    this.checkRoom();
    while (this.list[this.lowest] !== undefined) this.lowest++;
    this.list[this.lowest] = descriptor;
    this.count++;
    return this.lowest;
  }

  /** Throws ErrnoError where no more can be opened. */
  checkRoom(): void {
    if (this.count >= this.most) fail('mfile');
  }

  /** In a table that is being restored: whether the number was free and small enough. */
  put(fd: number, descriptor: Descriptor): boolean {
    if (!Number.isInteger(fd) || fd < 0 || fd > this.most || this.count >= this.most) return false;
    if (this.list[fd] !== undefined) return false;
    this.list[fd] = descriptor;
    this.count++;
    return true;
  }

  get(fd: number): Descriptor {
    return this.list[fd] ?? fail('badf');
  }

  /** What has the right; those that the guest has given up are `notcapable`. */
  with(fd: number, right: Right): Descriptor {
    const found = this.get(fd);
    if (found.barred !== 0 && (found.barred & bitOf[right]) !== 0) fail('notcapable');
    return found;
  }

  file(fd: number, right: Right): FileDescriptor {
    const found = this.with(fd, right);
    return found.kind === 'file' ? found : fail('spipe');
  }

  directory(fd: number, right: Right): FileDescriptor {
    const found = this.with(fd, right);
    return found.kind === 'file' && found.node.kind === 'directory' ? found : fail('notdir');
  }

  close(fd: number): void {
    this.end(this.take(fd));
  }

  private take(fd: number): Descriptor {
    const found = this.get(fd);
    this.list[fd] = undefined;
    this.count--;
    this.lowest = Math.min(this.lowest, fd);
    return found;
  }

  private end(descriptor: Descriptor): void {
    if (descriptor.kind === 'file') descriptor.node.release();
  }

  /** `to` becomes what `from` is, and `from` is closed. */
  renumber(from: number, to: number): void {
    this.get(from);
    this.get(to);
    if (from === to) return;
    this.close(to);
    this.put(to, this.take(from));
  }

  get entries(): [number, Descriptor][] {
    return this.list.flatMap((each, fd) => (each === undefined ? [] : [[fd, each] as [number, Descriptor]]));
  }
}
