// Fills a folder that has little room, and tells what came of it as JSON.

import { openAt, statAt, unlinkAt } from '../../../src/wasi/files/paths.ts';
import { FolderFileSystem } from '../../../src/wasi/folder/system.ts';
import { outcome, put, surroundings, textAt } from '../files/made.ts';

const { root } = new FolderFileSystem(process.argv[2] as string, surroundings(), { readOnly: false });
put(root, 'first', 'first');
const file = openAt(root, 'large', { follow: false, create: true, read: true, write: true });
let written = 0;
const end = outcome(() => {
  for (;;) written += file.write(written, new Uint8Array(10_000).fill(7));
});
const told = {
  end,
  written,
  size: Number(statAt(root, 'large', false).size),
  append: outcome(() => file.append(new Uint8Array(10_000))),
  first: textAt(root, 'first'),
  again: outcome(() => {
    unlinkAt(root, 'large');
    file.release();
    put(root, 'next', 'x'.repeat(10_000));
  }),
};
console.log(JSON.stringify(told));
