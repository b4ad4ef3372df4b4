// Random sequences of operations on files in memory with little room: a file system that is saved and restored again and
// again goes on as one that never is, to the byte.

import test from 'ava';
import type { FileLimits } from '../../../src/wasi/files/limits.ts';
import type { MemoryFileSystem } from '../../../src/wasi/files/memory/system.ts';
import { openAt } from '../../../src/wasi/files/paths.ts';
import { memory, outcome } from './made.ts';
import { runBeside, type Subject, type Tally } from './random.ts';

function subject(name: string, limits: FileLimits, restored: (system: MemoryFileSystem) => MemoryFileSystem): Subject {
  return {
    name,
    system: memory(limits),
    restored: (system) => restored(system as MemoryFileSystem),
    used: (system) => (system as MemoryFileSystem).used,
  };
}

test('what is saved and restored goes on alike, also at its limits', (t) => {
  const tally: Tally = new Map();
  for (let seed = 0; seed < 150; seed++) {
    const limits = { bytes: 20_000 + 500 * seed, nodes: 8 + (seed % 20), depth: 2 + (seed % 3) };
    const subjects = [
      subject('never saved', limits, (system) => system),
      subject('saved', limits, (system) => memory(limits, structuredClone(system.save()))),
      subject('sent', limits, (system) => memory(limits, structuredClone(system.send()))),
      subject('sent, and the first goes on', limits, (system) => {
        const other = memory(limits, system.send());
        outcome(() => other.root.create('of another').write(0, new Uint8Array(100)));
        outcome(() => openAt(other.root, 'a', { follow: true, read: true, write: true }).write(0, new Uint8Array(100)));
        return system;
      }),
    ];
    runBeside(seed, 300, subjects, { directories: true, handles: true }, tally);
  }
  for (const errno of ['ok', 'nospc', 'fbig', 'nametoolong', 'noent'])
    t.true(
      [...tally].some(([key, count]) => key.endsWith(` ${errno}`) && count > 10),
      errno,
    );
});
