// Writes the fixture of the current snapshot format: `node --import=tsx test/snapshot/write-fixture.ts`. Only once for
// each version; what was released is never written again.

import { readFileSync, writeFileSync } from 'node:fs';
import { Module, Snapshot, VM } from '../../src/index.ts';
import { formatVersion } from '../../src/snapshot/data/format.ts';
import { counterModule } from '../host/counter.ts';

const file = (name: string) => new URL(`../fixtures/${name}`, import.meta.url);

/** What has changed since the fixture of version 4. */
function write(): void {
  const modules = [Module.from(readFileSync(file('snapshot-v4.wasm')))];
  const base = Snapshot.decode(new Uint8Array(readFileSync(file('snapshot-v4.wbx'))));
  const imports = { counter: counterModule().functions };
  const vm = VM.restore(base, { engine: 'interpreter', modules, imports });
  vm.run({ steps: 200 });
  writeFileSync(file(`changes-v${formatVersion}.wbx`), vm.save().encode({ base }));
}
write();
