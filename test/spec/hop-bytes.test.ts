// The hop test by safe points, where each hop goes from one engine to the other, and what is saved must be the bytes that
// the interpreter alone saves there. Some files of each part of the
// language; all of them with WASBOX_HOPS=all, which takes long.

import { heat } from '../../src/vm/heat.ts';
import { files, type Group, groups } from './files.ts';
import { runFile } from './run/runner.ts';
import { suiteTest } from './run/suite-test.ts';

Object.assign(heat, { least: 0, perByte: 0 });

const whole: readonly Group[] = ['legacy-exceptions', 'relaxed-simd'];
const others = `
  br_if.wast fac.wast if.wast labels.wast loop.wast switch.wast data_drop0.wast linking1.wast memory_size1.wast traps0.wast
  call_indirect64.wast table_size64.wast return_call.wast br_on_null.wast br_on_non_null.wast call_ref.wast
  ref_as_non_null.wast throw.wast throw_ref.wast try_table.wast simd_select.wast`;

const wanted = new Set([...whole.flatMap((group) => Object.keys(groups[group])), ...others.trim().split(/\s+/)]);
for (const file of ['simd_lane.wast', 'i32x4_relaxed_trunc.wast']) wanted.delete(file);
const all = process.env.WASBOX_HOPS === 'all';

for (const [file, assertions] of files)
  if (all || wanted.has(file))
    suiteTest(`the same bytes: ${file}`, async (t) => {
      const report = await runFile(file, 'safepoint', ['interpreter', 'auto'], true);
      t.deepEqual(report.failures, []);
      t.is(report.assertions, assertions);
      t.true(all || report.hops > 0);
    });
