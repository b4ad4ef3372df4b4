// What a node cannot do because of its kind. Each class of nodes has its own for the rest.

import { type Errno, fail } from '../errno.ts';
import type { FileKind } from './kinds.ts';
import type { Access, DirEntry, FileNode, FileStat, FileSystem, FileTimes } from './types.ts';

export abstract class NodeBase implements FileNode {
  abstract readonly kind: FileKind;
  abstract readonly system: FileSystem;
  abstract hold(): void;
  abstract release(): void;
  abstract save(): unknown;
  abstract stat(): FileStat;
  abstract setTimes(times: FileTimes): void;
  abstract open(access: Access): void;
  abstract sync(dataOnly: boolean): void;

  /** How what is not for this node fails. */
  protected refuse(errno: Errno): never {
    return fail(errno);
  }

  private noFile(): never {
    return this.refuse(this.kind === 'directory' ? 'isdir' : 'inval');
  }
  size(): number {
    return this.noFile();
  }
  read(_offset: number, _into: Uint8Array, _at?: number, _count?: number): number {
    return this.noFile();
  }
  write(_offset: number, _from: Uint8Array, _at?: number, _count?: number): number {
    return this.noFile();
  }
  append(_from: Uint8Array, _at?: number, _count?: number): number {
    return this.noFile();
  }
  truncate(_size: number): void {
    this.noFile();
  }
  allocate(_offset: number, _length: number): void {
    this.noFile();
  }

  lookup(_name: string): FileNode {
    return this.refuse('notdir');
  }
  create(_name: string): FileNode {
    return this.refuse('notdir');
  }
  mkdir(_name: string): void {
    this.refuse('notdir');
  }
  unlink(_name: string): void {
    this.refuse('notdir');
  }
  rmdir(_name: string): void {
    this.refuse('notdir');
  }
  entryDir(_name: string): FileNode {
    return this;
  }
  rename(_name: string, _toDir: FileNode, _toName: string): void {
    this.refuse('notdir');
  }
  link(_name: string, _toDir: FileNode, _toName: string): void {
    this.refuse('notdir');
  }
  symlink(_name: string, _target: string): void {
    this.refuse('notdir');
  }
  list(_cookie: bigint, _read?: (names: number) => void): Iterable<DirEntry> {
    return this.refuse('notdir');
  }

  readlink(): string {
    return this.refuse('inval');
  }
}
