// The generated files are what the instruction table says now.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { generateAccess, generateLoop, generateVector } from '../../src/interpret/generate.ts';

const read = (file: string) => readFileSync(new URL(`../../src/interpret/${file}`, import.meta.url), 'utf8');

test('loop.ts is what generate.ts prints', (t) => {
  t.is(read('loop.ts'), generateLoop());
});

test('access.ts is what generate.ts prints', (t) => {
  t.is(read('access.ts'), generateAccess());
});

test('simd/routines.ts is what generate.ts prints', (t) => {
  t.is(read('simd/routines.ts'), generateVector());
});
