import { readFileSync } from 'node:fs';
import test from 'ava';
import { instructions } from '../../src/spec/instructions.ts';
import { implementedIn, reference } from './reference.ts';

test('REFERENCE.md is what the table says', (t) => {
  t.is(readFileSync(new URL('../../src/spec/REFERENCE.md', import.meta.url), 'utf8'), reference());
});

test('every instruction is carried out somewhere', (t) => {
  t.true(instructions.length > 550);
  for (const row of instructions) t.regex(implementedIn(row), /\.ts$/);
});
