// The generated files are what the instruction table says now.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { generateAccess, generateLoop, generateVector } from '../../src/interpret/loop/generate.ts';

const read = (file: string) => readFileSync(new URL(`../../src/interpret/${file}`, import.meta.url), 'utf8');

test('loop.ts is what generate.ts prints', (t) => {
  t.is(read('loop/loop.ts'), generateLoop());
});

test('access.ts is what generate.ts prints', (t) => {
  t.is(read('routines/access.ts'), generateAccess());
});

test('simd/routines.ts is what generate.ts prints', (t) => {
  t.is(read('routines/simd/routines.ts'), generateVector());
});
