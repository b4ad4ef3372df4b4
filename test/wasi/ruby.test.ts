// Ruby, as others have built it: a script with files and a sleep, on the threads of a pool.

import test from 'ava';
import { Module } from '../../src/index.ts';
import { Pool } from '../../src/pool/index.ts';
import type { Left } from '../../src/wasi/index.ts';
import { rubyFile } from '../pool/fixtures/ruby.ts';
import { text } from './run.ts';

const program = new URL('../pool/fixtures/ruby.ts', import.meta.url);

test('a script with files and a sleep comes to the same whether it stays or moves from thread to thread', async (t) => {
  t.timeout(300_000, 'it is a large module');
  const module = Module.from(rubyFile());
  const pool = new Pool({ threads: 2 });
  const outputs: (Left & { readonly error: number })[] = [];
  for (const moving of [{ affinity: 'keep' }, { affinity: 'spread', sliceFuel: 250_000_000 }] as const) {
    const job = pool.submit<Left & { readonly error: number }>({ module, program, engine: 'native', ...moving });
    outputs.push(await job.result);
    t.true(moving.affinity === 'keep' || job.stats.moves > 4, `${job.stats.moves} moves`);
  }
  await pool.close();
  const [stayed, moved] = outputs as [Left & { readonly error: number }, Left & { readonly error: number }];
  t.deepEqual([stayed.error, text(stayed.stderr)], [0, '']);
  t.deepEqual(text(stayed.stdout).trimEnd().split('\n'), [
    '500500',
    '["0", "1", "10", "11", "12"]',
    '["numbers"]',
    '8892',
    'FROM STANDARD INPUT',
  ]);
  t.deepEqual(Object.keys(stayed.files), ['made/numbers']);
  t.deepEqual(moved, stayed);
});
