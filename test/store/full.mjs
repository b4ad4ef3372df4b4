// Fills the small disk on which it runs, and says what became of it.

import { rmSync, writeFileSync } from 'node:fs';
import { blobName, openStore } from '../../dist/src/store/disk/index.js';

const [, , path] = process.argv;
// What others have on that disk, and remove later.
writeFileSync(`${path}/others`, new Uint8Array(16_384));
const store = await openStore(`${path}/store`);
const refused = [];
const versions = [];
for (let i = 0; i < 40 && refused.length < 6; i++) {
  const blob = { bytes: new Uint8Array(3000 + i * 100).fill(i) };
  const heads = [{ name: `head/${i}`, expected: 0, state: { links: [blobName(blob)] } }];
  try {
    versions.push([i, await store.commit({ blobs: [blob], heads }), blobName(blob)]);
  } catch (error) {
    refused.push(error.reason ?? error.stack);
  }
}
await store.close();

// Another process finds what was acknowledged, and nothing else.
const again = await openStore(`${path}/store`);
let checked = 0;
for (const [i, version, name] of versions) {
  const head = await again.head(`head/${i}`);
  const { bytes } = await again.get(name);
  if (head?.version === version && bytes.every((byte) => byte === i)) checked++;
}
const listed = (await again.list()).length;
let after = true;
rmSync(`${path}/others`);
try {
  for (const [i, version] of versions.slice(0, 4))
    await again.commit({ heads: [{ name: `head/${i}`, expected: version, state: undefined }] });
  await again.collect();
  const blob = { bytes: new Uint8Array(3000).fill(255) };
  await again.commit({ blobs: [blob], heads: [{ name: 'last', expected: 0, state: { links: [blobName(blob)] } }] });
} catch (error) {
  after = `${error.stack}`;
}
await again.close();
process.stdout.write(JSON.stringify({ refused, kept: listed, checked, after }));
