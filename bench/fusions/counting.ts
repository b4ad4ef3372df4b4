// Writes a loop that counts how often the op at each code offset runs. Only ever run in the copy that choose.ts makes.

import { writeFileSync } from 'node:fs';
import { generateLoop } from '../../src/interpret/generate.ts';

const text = generateLoop('\n      counts[pc]!++;')
  .replace(
    "import * as num from './numeric.ts';",
    "import * as num from './numeric.ts';\nimport { countsOf } from '../../bench/fusions/counts.ts';",
  )
  .replace('  try {\n', '  const counts = countsOf(m.moduleCode);\n  try {\n');
writeFileSync(new URL('../../src/interpret/loop.ts', import.meta.url), text);
