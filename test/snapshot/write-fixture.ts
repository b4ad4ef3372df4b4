// Writes the fixture of the current snapshot format: `node --import=tsx test/snapshot/write-fixture.ts`. Only once for
// each version; what was released is never written again.

import { writeFileSync } from 'node:fs';
import { formatVersion } from '../../src/snapshot/format.ts';
import { guest, waiting } from './guest.ts';

const file = (extension: string) => new URL(`../fixtures/snapshot-v${formatVersion}.${extension}`, import.meta.url);
const write = async (): Promise<void> => {
  writeFileSync(file('wasm'), (await guest).bytes);
  writeFileSync(file('wbx'), (await waiting()).save().encode());
};
void write();
