// A host function that never comes back. That it has begun is told by a file.

import { writeFileSync } from 'node:fs';
import { hostFunction } from '../../../src/index.ts';

export const imports = {
  env: {
    hang: hostFunction([], [], () => {
      writeFileSync(process.env.WASBOX_HANGS as string, '');
      for (;;);
    }),
  },
};
