// Commits until the file may not grow any more, and says what became of it: run where the size of files is limited.

import { blobName, openStore } from '../../dist/src/store/disk/index.js';

const [, , path] = process.argv;
const told = (error) => ({ reason: error.reason, message: error.message });
const outcome = { done: 0 };
try {
  const store = await openStore(path);
  try {
    for (let i = 0; i < 100; i++) {
      const blob = { bytes: new Uint8Array(100_000).fill(i) };
      await store.commit({ blobs: [blob], heads: [{ name: `${i}`, expected: 0, state: { links: [blobName(blob)] } }] });
      outcome.done++;
    }
  } catch (error) {
    outcome.refused = told(error);
  }
  outcome.listed = (await store.list()).length;
  await store.close();
} catch (error) {
  outcome.failed = told(error);
}
process.stdout.write(JSON.stringify(outcome));
