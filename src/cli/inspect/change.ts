// `wasbox inspect` of a change: what was saved beside an older snapshot, its base, and is nothing without it. A base may be a
// change itself; then all of the series are given, the whole one first.

import type { Module } from '../../runtime/module/module.ts';
import { readMetadata } from '../../snapshot/container/metadata.ts';
import { contentsOf, readParts } from '../../snapshot/container/parts.ts';
import { modulesAmong, openSaved } from '../../snapshot/container/whole.ts';
import { zeroPage } from '../../snapshot/data/format.ts';
import { sharePages } from '../../snapshot/pages/share.ts';
import { Snapshot } from '../../snapshot/snapshot.ts';
import { UsageError } from '../../spec/errors.ts';
import { readBytes, savedIn } from '../read/files.ts';
import { count, formatBytes, type Report } from '../told/print.ts';

/** What a change is read with. */
export interface Base {
  readonly files: readonly string[];
  readonly snapshot: Snapshot;
  /** Bytes of modules that any of them has. */
  readonly modules: readonly Uint8Array[];
}

/** A series, each part by the one before. Throws UsageError, SnapshotError. */
export function readBase(files: readonly string[]): Base | undefined {
  let base: Snapshot | undefined;
  const modules: Uint8Array[] = [];
  for (const file of files) {
    base = savedIn(file, readBytes(file), { base });
    modules.push(...base.extras.modules);
  }
  return base && { files, snapshot: base, modules };
}

/** What a file holds, beside its base where that is needed. Throws SnapshotError, and UsageError where the base is missing. */
export function readBeside(bytes: Uint8Array, base: Base | undefined): Snapshot {
  if (base === undefined && isChange(bytes))
    throw new UsageError(
      `it is a change, ${formatBytes(bytes.length)}: it holds only what differs from an older saved program; give that with --base FILE, and where it is a change, too, its own base before it`,
    );
  return Snapshot.decode(bytes, { base: base?.snapshot });
}

/** Throws SnapshotError. */
function isChange(bytes: Uint8Array): boolean {
  const metadata = readMetadata(contentsOf(readParts(openSaved(bytes).vm), 'metadata', mostMetadata), mostMetadata);
  return typeof (metadata as { base?: unknown } | undefined)?.base === 'string';
}
/** As whoever decodes snapshots reads, unless told. */
const mostMetadata = 2 ** 24;

/** Those that the base has and the change does not. Throws MalformedError, InvalidError. */
export function modulesBeside(given: readonly Module[], { data, extras }: Snapshot, base: Base): readonly Module[] {
  const own = modulesAmong(given, data.modules, extras).map(({ hash }) => hash);
  const missing = data.modules.filter((hash) => !own.includes(hash));
  return [...given, ...modulesAmong([], missing, { ...extras, modules: base.modules })];
}

/** The report of what was saved, with how much of it is the base's. */
export function withBase({ lines: [first = '', ...rest], json }: Report, snapshot: Snapshot, base: Base): Report {
  const pages = pagesBeside(snapshot, base);
  const { same, differing, own, zero } = pages;
  const told = [
    `base: ${base.files.join(', ')}`,
    `beside its base: of its pages of 4 KiB, ${same} are those of the base, ${differing} are told by how they differ, ${own} are its own (${count(pages.ownDifferent, 'different one')}), and ${zero} are zero`,
  ];
  return { lines: [first, ...told, ...rest], json: { ...json, base: { files: base.files, pages } } };
}

/** As it is written down beside the base. */
function pagesBeside({ data }: Snapshot, base: Base) {
  const { runs, deltas, different } = sharePages(data, base.snapshot.data);
  let [all, zero, own] = [0, 0, 0];
  for (const row of runs)
    for (let i = 0; i < row.length; i += 2) {
      const [pages, source] = [row[i] as number, row[i + 1] as number];
      all += pages;
      if (source === zeroPage) zero += pages;
      else if (source >= 0) own += pages;
    }
  const differing = deltas.length;
  return { same: all - zero - own - differing, differing, own, ownDifferent: different.length, zero };
}
