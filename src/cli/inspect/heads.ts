// `wasbox inspect` of a store: its heads, as a tree by the slashes in their names.

import { openStore } from '../../store/disk/index.ts';
import type { Head } from '../../store/index.ts';
import { toldPlace } from '../../store/open/url.ts';
import { checkStore } from '../keep/store.ts';
import { count, formatBytes, type Report } from '../told/print.ts';

const page = 10_000;
/** Rows of the tree for people; programs get all. */
const mostRows = 10_000;

export async function reportStore(path: string): Promise<Report> {
  checkStore(path);
  const store = await openStore(path);
  try {
    const heads: Head[] = [];
    for (let some = await store.list({ limit: page }); some.length > 0; ) {
      heads.push(...some);
      some = some.length < page ? [] : await store.list({ limit: page, after: heads.at(-1)?.name as string });
    }
    return {
      lines: [`${toldPlace(path)}: a store of ${count(heads.length, 'head')}`, ...treeOf(heads)],
      json: jsonOf(path, heads),
    };
  } finally {
    await store.close();
  }
}

const jsonOf = (file: string, heads: readonly Head[]): object => ({
  kind: 'store',
  file,
  heads: heads.map(({ name, version, links, data, damage }) => ({ name, version, links, bytes: data.length, damage })),
});

/** What names have in common is told once. */
function treeOf(heads: readonly Head[]): string[] {
  const lines: string[] = [];
  let above: readonly string[] = [];
  for (const head of heads.slice(0, mostRows)) {
    const parts = head.name.split('/');
    const folders = parts.slice(0, -1);
    const same = folders.findIndex((part, i) => above[i] !== part);
    for (let i = same < 0 ? folders.length : same; i < folders.length; i++)
      lines.push(`${'  '.repeat(i + 1)}${folders[i]}/`);
    lines.push(`${'  '.repeat(parts.length)}${parts.at(-1)}  ${toldHead(head)}`);
    above = folders;
  }
  if (heads.length > mostRows) lines.push(`  and ${heads.length - mostRows} more`);
  return lines;
}

const toldHead = ({ version, links, data, damage }: Head): string =>
  damage === undefined
    ? `version ${version}, ${count(links.length, 'link')}, ${formatBytes(data.length)}`
    : `damaged: ${damage}`;
