// The contents of a tarball, as maps of files are given.

import { gunzipSync } from 'fflate';
import { type ParsedTarEntryWithData, unpackTar } from 'modern-tar';
import { UsageError } from '../../../spec/errors.ts';
import { instanceOf } from '../../../spec/options.ts';
import { messageOf, quoted } from '../../../spec/told.ts';
import type { Content } from '../tree.ts';

const bytesCheck = instanceOf(Uint8Array, 'bytes');

/**
 * What is in a tarball, which may be gzipped: for `imageFiles` or `memoryFiles`. Of what stands in it twice the later one
 * counts, other names of a file are copies of it, links that are absolute lead from the tarball's root, and devices and
 * pipes are left out. Rejects with UsageError where it is none, or has what is not within it.
 */
export async function tarContents(tarball: Uint8Array): Promise<Map<string, Content>> {
  bytesCheck(tarball, 'tarball');
  const contents = new Map<string, Content>();
  for (const entry of await entriesOf(tarball)) {
    const path = pathOf(entry.header.name);
    // Last again, so that directories come before what is in them.
    contents.delete(path);
    const content = contentOf(entry, path, contents);
    if (content !== undefined && path !== '') contents.set(path, content);
  }
  return contents;
}

async function entriesOf(tarball: Uint8Array): Promise<ParsedTarEntryWithData[]> {
  try {
    const isGzip = tarball[0] === 0x1f && tarball[1] === 0x8b;
    return await unpackTar(isGzip ? gunzipSync(tarball) : tarball, { strict: true });
  } catch (cause) {
    throw new UsageError(`not a tarball: ${messageOf(cause)}`, { cause });
  }
}

/** Without what stands for the root, and without dots. Throws UsageError for what leads out. */
function pathOf(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..' && parts.pop() === undefined)
      throw new UsageError(`${quoted(name)} leads out of the tarball that it is in`);
    if (part !== '' && part !== '.' && part !== '..') parts.push(part);
  }
  return parts.join('/');
}

function contentOf(
  { header, data }: ParsedTarEntryWithData,
  path: string,
  contents: Map<string, Content>,
): Content | undefined {
  const modified = header.mtime && BigInt(Math.max(0, header.mtime.getTime())) * 1_000_000n;
  const { linkname = '' } = header;
  switch (header.type) {
    case 'file':
    case undefined:
      return { data: data ?? '', modified };
    case 'directory':
      contents.set(`${path}/`, { data: '', modified });
      return undefined;
    case 'symlink':
      return { symlink: linkname.startsWith('/') ? relative(path, pathOf(linkname)) : linkname, modified };
    case 'link': {
      const target = contents.get(pathOf(linkname));
      if (target === undefined) throw new UsageError(`${quoted(path)} is another name of what is not there before it`);
      return target;
    }
    default:
      return undefined;
  }
}

/** How a link at a path says another one, both from the root on. */
const relative = (from: string, to: string): string => `${'../'.repeat(from.split('/').length - 1)}${to || '.'}`;
