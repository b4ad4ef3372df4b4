// Ruby, as others have built it: a script with files and a sleep, on native code in one go, and on the threads of a pool.

import test from 'ava';
import { Module, VM } from '../../src/index.ts';
import { Pool, type StepResult } from '../../src/pool/index.ts';
import type { Left } from '../../src/wasi/index.ts';
import * as ruby from '../pool/fixtures/ruby.ts';
import { text } from './run.ts';

type Output = Left & { readonly error: number };
const steps: Readonly<Record<string, unknown>> = ruby;

/** The job without a pool. */
async function alone(module: Module): Promise<Output> {
  const vm = new VM({ engine: 'native' });
  const guest = vm.instantiate(module, ruby.imports());
  let step: StepResult = ruby.start();
  while (!('done' in step)) {
    vm.start(guest.func(step.call), step.args ?? []);
    const outcome = await vm.runAsync();
    if (outcome.status !== 'returned') throw new Error(`${step.call}: ${outcome.status}`);
    const next = steps[step.next] as (...args: unknown[]) => StepResult;
    step = next(guest, step.state, outcome.values);
  }
  vm.dispose();
  return step.done as Output;
}

test('a script with files and a sleep comes to the same whether it stays or moves from thread to thread', async (t) => {
  t.timeout(600_000, 'it is a large module');
  const module = Module.from(ruby.rubyFile());
  const program = new URL('../pool/fixtures/ruby.ts', import.meta.url);
  const pool = new Pool({ threads: 2 });
  const job = pool.submit<Output>({
    module,
    program,
    engine: 'interpreter',
    affinity: 'spread',
    sliceFuel: 10_000_000,
  });
  const stayed = await alone(module);
  t.deepEqual([stayed.error, text(stayed.stderr)], [0, '']);
  t.deepEqual(text(stayed.stdout).trimEnd().split('\n'), [
    '500500',
    '["0", "1", "10", "11", "12"]',
    '["numbers"]',
    '8892',
    'FROM STANDARD INPUT',
  ]);
  t.deepEqual(Object.keys(stayed.files), ['made/numbers']);
  t.deepEqual(await job.result, stayed);
  t.true(job.stats.moves > 20, `${job.stats.moves} moves`);
  await pool.close();
});
