// All stores do what every store has to.

import test from 'ava';
import { conformance } from './conformance.ts';
import { allKinds, endServers } from './kinds.ts';

test.after.always(endServers);

for (const { name, test: testOf, open } of allKinds)
  for (const { title, run } of conformance)
    testOf(`${name}: ${title}`, async (t) => {
      const store = await open(title);
      try {
        await t.notThrowsAsync(run(store));
      } finally {
        await store.close();
      }
    });
