// Random sequences of operations on a folder of the host and on files in memory, side by side.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { bestReach, type Reach, reachByPath } from '../../../src/wasi/folder/reach.ts';
import { FolderFileSystem } from '../../../src/wasi/folder/system.ts';
import { memory, surroundings } from '../files/made.ts';
import { runBeside, type Subject, type Tally } from '../files/random.ts';

const inMemory = (how: 'save' | 'send'): Subject => ({
  name: `memory (${how})`,
  system: memory(),
  restored: (system) => memory({}, structuredClone(system[how]())),
});

function inFolder(path: string, reach: Reach): Subject {
  const make = () => new FolderFileSystem(path, surroundings(), { readOnly: false, reach });
  return {
    name: 'folder',
    system: make(),
    restored(system) {
      const again = make();
      again.restore(structuredClone(system.save()));
      system.dispose();
      return again;
    },
  };
}

const sum = (tally: Tally, end: string): number =>
  [...tally].reduce((count, [key, value]) => count + (key.endsWith(end) ? value : 0), 0);

for (const [name, reach] of Object.entries({ 'as the host can': bestReach(), 'by paths': reachByPath }))
  test(`a folder reached ${name} answers as memory does`, (t) => {
    const tally: Tally = new Map();
    for (let seed = 0; seed < 40; seed++) {
      const path = mkdtempSync(join(tmpdir(), 'wasbox-beside-'));
      try {
        const options = { directories: reach.keepsOpen, handles: reach.keepsOpen };
        runBeside(seed, 200, [inMemory('save'), inMemory('send'), inFolder(path, reach)], options, tally);
      } finally {
        rmSync(path, { recursive: true });
      }
    }
    t.true(sum(tally, ' ok') > 1500);
    for (const errno of [
      'noent',
      'exist',
      'notdir',
      'isdir',
      'notempty',
      'notcapable',
      'loop',
      'inval',
      'busy',
      'perm',
    ])
      t.true(sum(tally, ` ${errno}`) > 0, errno);
  });
