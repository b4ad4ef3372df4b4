// Writes a loop that counts how often the op at each code offset runs. Only ever run in the copy that choose.ts makes.

import { writeFileSync } from 'node:fs';
import { generateLoop } from '../../src/interpret/loop/generate.ts';

const text = generateLoop('\n      counts[pc]!++;')
  .replace(
    "import * as num from '../machine/numeric.ts';",
    "import * as num from '../machine/numeric.ts';\nimport { countsOf } from './counts.ts';",
  )
  .replace('  try {\n', '  const counts = countsOf(m.moduleCode);\n  try {\n');
writeFileSync(new URL('../../src/interpret/loop/loop.ts', import.meta.url), text);
