// What all nodes of a file system in memory have in common: its pages, its clock, and the count of what it uses.

import { LimitError } from '../../../spec/errors.ts';
import { fail } from '../../errno.ts';
import type { FileLimits } from '../limits.ts';
import type { FileSystem, Surroundings } from '../types.ts';
import { Pages, pageBytes } from './pages.ts';

/** What a node and an entry take in the host's memory, beside the bytes of their names, which are two for a character. */
const nodeBytes = 512;
const entryBytes = 128;

export const entryCost = (name: string): number => entryBytes + 2 * name.length;
export const nodeCost = (target = ''): number => nodeBytes + 2 * target.length;

/** Room for bytes, as `FileLimits.bytes` counts them. */
export class Room {
  readonly pages = new Pages();
  used = 0;

  constructor(readonly limits: FileLimits) {}

  has(bytes: number): boolean {
    return this.used + bytes <= this.limits.bytes;
  }

  charge(bytes: number): void {
    if (!this.has(bytes)) fail('nospc');
    this.used += bytes;
  }

  refund(bytes: number): void {
    this.used -= bytes;
  }

  takePage(): number {
    this.charge(pageBytes);
    return this.pages.take();
  }

  givePage(page: number): void {
    this.refund(pageBytes);
    this.pages.give(page);
  }
}

export class Volume<N> {
  readonly room: Room;
  /** By their numbers. */
  readonly nodes = new Map<number, N>();
  nextInode = 1;

  constructor(
    readonly system: FileSystem,
    readonly around: Surroundings,
    readonly limits: FileLimits,
    /** Whether all that would change something fails with `rofs`. */
    readonly readOnly: boolean,
  ) {
    this.room = new Room(limits);
  }

  checkWritable(): void {
    if (this.readOnly) fail('rofs');
  }

  /** Before a node is made, with an entry for it. */
  chargeNode(target: string, name: string): void {
    const { room } = this;
    if (this.nodes.size >= this.limits.nodes || !room.has(nodeCost(target) + entryCost(name))) fail('nospc');
    room.charge(nodeCost(target));
  }

  /** After a restore: the limits may be lower than those that it was saved under. */
  checkLimits(): void {
    const { bytes, nodes } = this.limits;
    check('bytes', this.room.used, bytes);
    check('nodes', this.nodes.size, nodes);
  }
}

function check(limit: keyof FileLimits, value: number, most: number): void {
  if (value > most) throw new LimitError(`files: ${value} ${limit}, the limit is ${most}`, { limit, value: most });
}
