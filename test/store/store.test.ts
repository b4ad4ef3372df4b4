// Both stores do what every store has to.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { memoryStore, openStore, type Store } from '../../src/store/disk/index.ts';
import { conformance } from './conformance.ts';

const root = mkdtempSync(join(tmpdir(), 'wasbox-store-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const kinds: Readonly<Record<string, (title: string) => Promise<Store>>> = {
  memory: async () => memoryStore(),
  disk: (title) => openStore(join(root, title.replaceAll(/\W/g, '-'))),
};

for (const [kind, open] of Object.entries(kinds))
  for (const { title, run } of conformance)
    test.serial(`${kind}: ${title}`, async (t) => {
      const store = await open(title);
      try {
        await t.notThrowsAsync(run(store));
      } finally {
        await store.close();
      }
    });
