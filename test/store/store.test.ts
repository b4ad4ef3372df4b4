// All stores do what every store has to.

import { conformance } from './conformance.ts';
import { allKinds } from './kinds.ts';

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
