// Where `--save` writes. A file that is there stays as it is until the new one is whole and on the disk: the new one is
// written beside it and takes its name in one step. That it can be written is tried before the work begins.

import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileError, OutputError, systemReason } from '../told/exit.ts';

export class Place {
  /** The file itself, where the path is a link to it. */
  private readonly target: string;
  private readonly found: Stats | undefined;

  /** Throws UsageError for a path that cannot be written. */
  constructor(private readonly path: string) {
    try {
      this.found = statSync(path, { throwIfNoEntry: false });
      this.target = this.found === undefined ? path : realpathSync(path);
      this.tried();
    } catch (cause) {
      throw fileError('write', path, cause);
    }
  }

  /** Pipes and devices are written as they are. */
  private get isPlain(): boolean {
    return this.found === undefined || this.found.isFile();
  }

  private get beside(): string {
    return join(dirname(this.target), `.${basename(this.target).slice(0, 200)}.${process.pid}.tmp`);
  }

  private tried(): void {
    if (this.found !== undefined) accessSync(this.target, constants.W_OK);
    if (this.found?.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    if (!this.isPlain) return;
    closeSync(this.opened());
    unlinkSync(this.beside);
  }

  private opened(): number {
    return openSync(this.beside, 'wx', this.found === undefined ? 0o666 : this.found.mode & 0o777);
  }

  /** Throws OutputError; then the file is as it was. */
  write(bytes: Uint8Array): void {
    try {
      if (this.isPlain) this.replace(bytes);
      else put(openSync(this.target, 'w'), bytes, false);
    } catch (cause) {
      const kept = this.found?.isFile() ? '; the file is as it was' : '';
      throw new OutputError(`cannot save to ${this.path}: ${systemReason(cause) ?? String(cause)}${kept}`, { cause });
    }
  }

  private replace(bytes: Uint8Array): void {
    const file = this.opened();
    try {
      put(file, bytes, true);
      renameSync(this.beside, this.target);
    } catch (error) {
      unlinkSync(this.beside);
      throw error;
    }
    syncFolder(dirname(this.target));
  }
}

/** Writes all of it, and closes the file. */
function put(file: number, bytes: Uint8Array, sync: boolean): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    if (sync) fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** So that the new name is on the disk, too. Not all systems can open a folder; then the name comes there by itself. */
function syncFolder(folder: string): void {
  try {
    const opened = openSync(folder, 'r');
    try {
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
  } catch {}
}
