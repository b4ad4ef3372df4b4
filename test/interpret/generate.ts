// Writes the files that are made from the instruction table: `npm run generate`.

import { writeFileSync } from 'node:fs';
import { generateAccess, generateLoop, generateVector } from '../../src/interpret/loop/generate.ts';

const room = new URL('../../src/interpret/', import.meta.url);
writeFileSync(new URL('loop/loop.ts', room), generateLoop());
writeFileSync(new URL('routines/access.ts', room), generateAccess());
writeFileSync(new URL('routines/simd/routines.ts', room), generateVector());
// It reads the files above, so it must be loaded after they are written.
const { reference } = await import('../spec/reference.ts');
writeFileSync(new URL('../spec/REFERENCE.md', room), reference());
