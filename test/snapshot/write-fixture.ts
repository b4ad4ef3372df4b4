// Writes the fixture of the current snapshot format: `node --import=tsx test/snapshot/write-fixture.ts`. Only once for
// each version; what was released is never written again.

import { writeFileSync } from 'node:fs';
import { formatVersion } from '../../src/snapshot/format.ts';
import { calls, counterModule, counting, guest } from '../host/counter.ts';

const file = (extension: string) => new URL(`../fixtures/snapshot-v${formatVersion}.${extension}`, import.meta.url);

/** With state of a host module, in the middle of a call. */
async function write(): Promise<void> {
  const vm = await counting('interpreter', counterModule());
  calls(vm, 'fill', 0, 70_000, 1_000);
  vm.start(vm.instance().func('count'), [50]);
  vm.run({ fuel: 5_000 });
  writeFileSync(file('wasm'), (await guest).bytes);
  writeFileSync(file('wbx'), vm.save().encode());
}
void write();
