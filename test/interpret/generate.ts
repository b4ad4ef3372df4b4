// Writes the interpreter's generated files: `npm run generate`.

import { writeFileSync } from 'node:fs';
import { generateAccess, generateLoop, generateVector } from '../../src/interpret/generate.ts';

const room = new URL('../../src/interpret/', import.meta.url);
writeFileSync(new URL('loop.ts', room), generateLoop());
writeFileSync(new URL('access.ts', room), generateAccess());
writeFileSync(new URL('simd/routines.ts', room), generateVector());
