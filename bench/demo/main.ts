// The demo: real programs as jobs on two threads, each suspended and moved many times on its way, each answer checked.
// Exits with 1 where an answer is wrong or a job was moved too little to prove anything.

import cliProgress from 'cli-progress';
import { Pool } from 'wasbox/pool';
import type { Job, Program } from './program.ts';
import { asSha256 } from './programs/as-sha256.ts';
import { gofmt } from './programs/gofmt.ts';
import { hashWasm } from './programs/hash-wasm.ts';
import { lodepng } from './programs/lodepng.ts';
import { secp256k1 } from './programs/secp256k1.ts';
import { type Ended, table } from './table.ts';

const programs = [lodepng, gofmt, secp256k1, asSha256, hashWasm];
const threads = 2;
/** What every job must have been through. */
const least = { suspensions: 10, moves: 3 };
/** About how many slices all of it takes: for the bar alone, which would stand still as long as no job is done. */
const usualSlices = 2080;

const total = programs.reduce((sum, { jobs }) => sum + jobs.length, 0);
console.log(`${total} jobs of ${programs.length} programs on ${threads} threads`);
const display = progress(total);
const started = performance.now();

const pool = new Pool({ threads });
const ends = await Promise.all(programs.flatMap((program) => program.jobs.map((job) => runJob(program, job))));
await pool.close();
display.stop();

console.log(table(programs, ends).join('\n'));
const seconds = ((performance.now() - started) / 1000).toFixed(1);
const problems = ends.flatMap(problemsOf);
for (const problem of problems) console.error(problem);
const few = (key: keyof typeof least) => Math.min(...ends.map(({ stats }) => stats[key]));
console.log(
  problems.length === 0
    ? `All ${ends.length} answers are right. Every job was suspended at least ${few('suspensions')} times and moved to another thread at least ${few('moves')} times. ${seconds} s`
    : `${problems.length} problems. ${seconds} s`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

async function runJob(program: Program, job: Job): Promise<Ended> {
  const { module, input } = job;
  const { steps, sliceFuel } = program;
  const onProgress = () => display.slice();
  const handle = pool.submit({ module, program: steps, input, sliceFuel, affinity: 'spread', onProgress });
  const ended = await handle.result.then(
    (output) => ({ right: job.check(output) }),
    (error: Error) => ({ right: false, error }),
  );
  display.done(program);
  return { program, job, stats: handle.stats, ...ended };
}

function problemsOf({ program, job, right, error, stats }: Ended): string[] {
  const who = `${program.name}, ${job.name}`;
  if (error !== undefined) return [`${who}: ${error.message}`];
  if (!right) return [`${who}: the answer is wrong`];
  return (['suspensions', 'moves'] as const)
    .filter((key) => stats[key] < least[key])
    .map((key) => `${who}: only ${stats[key]} ${key}, ${least[key]} are the least`);
}

interface Progress {
  /** A slice of some job has run. */
  slice(): void;
  done(program: Program): void;
  stop(): void;
}

/** A bar on a terminal; elsewhere a line for each program that is done. */
function progress(jobs: number): Progress {
  if (process.stdout.isTTY) return bar(jobs);
  const left = new Map(programs.map((program) => [program, program.jobs.length]));
  return {
    slice() {},
    done(program) {
      left.set(program, (left.get(program) as number) - 1);
      if (left.get(program) === 0) console.log(`${program.name}: ${program.jobs.length} jobs done`);
    },
    stop() {},
  };
}

/** It moves with each slice, and is full when all jobs are done. */
function bar(jobs: number): Progress {
  const single = new cliProgress.SingleBar(
    {
      format: '{bar} {percentage}%, {done}/{jobs} jobs, {duration_formatted}',
      hideCursor: true,
      clearOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  process.once('SIGINT', () => {
    single.stop();
    process.exit(130);
  });
  let [slices, done] = [0, 0];
  single.start(usualSlices, 0, { done, jobs });
  const show = () => single.update(done === jobs ? usualSlices : Math.min(slices, usualSlices - 1), { done });
  return {
    slice() {
      slices++;
      show();
    },
    done() {
      done++;
      show();
    },
    stop: () => single.stop(),
  };
}
