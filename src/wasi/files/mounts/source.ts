// File systems side by side in one tree.

import { bad, isCount } from '../../../snapshot/data/form.ts';
import { check, recordOf } from '../../../spec/options.ts';
import type { FileNode, FileSource, FileSystem, SavedFiles, Surroundings } from '../types.ts';
import { type Mounted, nodeAt } from './node.ts';
import { type Point, pointsOf } from './points.ts';

export const aFileSource = check(
  ({ create, restore }: FileSource) => typeof create === 'function' && typeof restore === 'function',
  'files, as memoryFiles and its like give',
);

/**
 * Mounts file systems by paths: `mounts({ '/': memoryFiles(), '/in': imageFiles(…) })`. Each covers what is at its path in
 * the one around. Directories that lead to a mount need not be there; if they are not, they hold nothing else. Throws
 * UsageError.
 */
export function mounts(sources: Readonly<Record<string, FileSource>>): FileSource {
  recordOf(aFileSource)(sources, 'mounts');
  const paths = Object.keys(sources);
  const list = Object.values(sources);
  const points = pointsOf(paths);
  return {
    create: (around) =>
      new MountedFiles(points, paths, around, (inner, part) => (list[part] as FileSource).create(inner)),
    restore(saved, around) {
      const parts = partsOf(saved, paths);
      return new MountedFiles(points, paths, around, (inner, part) =>
        (list[part] as FileSource).restore(parts[part] as SavedFiles, inner),
      );
    },
  };
}

interface SavedPart {
  readonly path: string;
  readonly data: unknown;
  readonly blocks: number;
}

/** Each file system's own data. Throws SnapshotError where others were mounted. */
function partsOf({ data, blocks }: SavedFiles, paths: readonly string[]): SavedFiles[] {
  const { kind, parts } = (data ?? {}) as { kind?: unknown; parts?: unknown };
  if (kind !== 'mounts' || !Array.isArray(parts)) return bad('not mounts of files', 'files');
  if (parts.length !== paths.length) bad('files are mounted at other paths', 'files');
  let at = 0;
  return (parts as Partial<SavedPart>[]).map((part, i) => {
    if (part?.path !== paths[i]) bad('files are mounted at other paths', 'files');
    const count = part?.blocks;
    if (!isCount(count, blocks.length - at)) return bad('a count of blocks expected', 'files');
    at += count;
    return { data: part?.data, blocks: blocks.slice(at - count, at) };
  });
}

/** Devices of what is mounted are set apart from those of other file systems of the VM. */
const deviceOf = (device: bigint, part: number): bigint => device + (BigInt(1 + part) << 32n);

class MountedFiles implements FileSystem, Mounted {
  readonly root: FileNode;
  readonly system = this;
  readonly device: bigint;
  private readonly parts: readonly FileSystem[];

  constructor(
    private readonly points: readonly Point[],
    private readonly paths: readonly string[],
    private readonly around: Surroundings,
    make: (around: Surroundings, part: number) => FileSystem,
  ) {
    this.device = around.device;
    const made: FileSystem[] = [];
    try {
      paths.forEach((_, part) => {
        made.push(make(this.surroundings(part), part));
      });
    } catch (error) {
      for (const system of made) system.dispose();
      throw error;
    }
    this.parts = made;
    this.root = nodeAt(this, points[0] as Point, undefined);
  }

  private surroundings(part: number): Surroundings {
    return {
      device: deviceOf(this.device, part),
      now: () => this.around.now(),
      note: (text) => this.around.note(`${this.paths[part]}: ${text}`),
      nodeData: (saved) => this.nodeData({ part, node: saved }),
    };
  }

  private nodeData(saved: SavedMountNode): unknown {
    return this.around.nodeData?.(saved) ?? saved;
  }

  rootOf(part: number): FileNode {
    return (this.parts[part] as FileSystem).root;
  }

  savePoint({ index }: Point): unknown {
    return this.nodeData({ part: -1, node: index });
  }

  save(): SavedFiles {
    return this.join('save');
  }

  send(): SavedFiles {
    return this.join('send');
  }

  private join(how: 'save' | 'send'): SavedFiles {
    const saved = this.parts.map((part) => part[how]());
    const parts = saved.map(({ data, blocks }, i) => ({ path: this.paths[i], data, blocks: blocks.length }));
    return { data: { kind: 'mounts', parts }, blocks: saved.flatMap(({ blocks }) => blocks) };
  }

  restoreNode(saved: unknown): FileNode {
    const { part, node } = (saved ?? {}) as { part?: unknown; node?: unknown };
    const among = <T>(list: readonly T[], index: unknown): T =>
      (isCount(index) ? list[index] : undefined) ?? bad('no such mount', 'an open file');
    return part === -1 ? this.restorePoint(among(this.points, node)) : among(this.parts, part).restoreNode(node);
  }

  private restorePoint({ path }: Point): FileNode {
    let node = this.root;
    node.hold();
    for (const name of path) {
      const next = node.lookup(name);
      node.release();
      node = next;
    }
    return node;
  }

  dispose(): void {
    for (const part of this.parts) part.dispose();
  }
}

/** A node of one of the file systems, or with part -1 a point by its index. */
interface SavedMountNode {
  readonly part: number;
  readonly node: unknown;
}
