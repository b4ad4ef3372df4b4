// Jobs in a process that is killed over and over, and started again until all are done. Throws where a result is wrong, a job was
// run from its beginning twice, or went on from before what was saved.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childrenOf } from '../../store/faults.ts';
import { openStore } from './built.ts';
import { asking, expected } from './guests.ts';

const program = fileURLToPath(new URL('process.mjs', import.meta.url));

export interface Campaign {
  readonly jobs: number;
  readonly rounds: number;
  /** At most so many. */
  readonly kills: number;
  readonly random: (below: number) => number;
  readonly tell?: (line: string) => void;
  /** The path or URL of the store; a folder in that of the campaign unless told. */
  readonly at?: string;
}

export interface Outcome {
  readonly kills: number;
  readonly calls: number;
  /** Calls that were made again. */
  readonly repeated: number;
  readonly collected: number;
}

export async function campaign(folder: string, { jobs, rounds, kills, random, tell, at }: Campaign): Promise<Outcome> {
  const [log, wasm] = [join(folder, 'log'), join(folder, 'guest.wasm')];
  const store = at ?? join(folder, 'store');
  writeFileSync(wasm, asking.bytes);
  writeFileSync(log, '');
  let killed = 0;
  for (let isOver = false; !isOver; ) {
    const child = spawn(process.execPath, [program, store, log, wasm, String(jobs), String(rounds)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (data) => {
      said += data;
    });
    const closed = once(child, 'close');
    if (killed < kills) {
      // By what it has done, since machines are slow at times; at moments that have nothing to do with that.
      const from = statSync(log).size;
      const more = random(6000);
      await Promise.race([closed, until(() => statSync(log).size > from + more).then(() => sleep(random(30)))]);
      if (child.exitCode === null) {
        killed++;
        kill(child, killed % 3 === 0);
        if (killed % 20 === 0) tell?.(`${killed} kills, ${done(log).size} done`);
      }
    }
    const [code] = await closed;
    isOver = said.includes('all\n');
    ok(isOver || code === null, `the process ended by itself: ${readFileSync(log, 'utf8').match(/^error .*$/m)?.[0]}`);
  }
  return { kills: killed, ...checked(log, jobs, rounds), collected: await left(store, jobs) };
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await sleep(5);
}

/** `both`: also the process that keeps the store's file. */
function kill(child: ChildProcess, both: boolean): void {
  // It must not see the other one go and end by itself.
  child.kill('SIGSTOP');
  if (both) for (const pid of childrenOf(child.pid as number)) process.kill(pid, 'SIGKILL');
  child.kill('SIGKILL');
}

const linesOf = (log: string): string[][] =>
  readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
const done = (log: string): Set<string> =>
  new Set(linesOf(log).flatMap(([what, key]) => (what === 'done' ? [key as string] : [])));

function checked(log: string, jobs: number, rounds: number): Pick<Outcome, 'calls' | 'repeated'> {
  const results = new Map<string, Set<string>>();
  const identities = new Map<string, string>();
  const last = new Map<string, number>();
  let [calls, repeated] = [0, 0];
  for (const [what, key = '', value = '', id] of linesOf(log)) {
    if (what === 'done') results.set(key, (results.get(key) ?? new Set()).add(value));
    if (what !== 'ask') continue;
    calls++;
    equal(identities.get(key) ?? value, value, `job ${key} was begun twice`);
    identities.set(key, value);
    const [before, now] = [last.get(key) ?? 0, Number(id)];
    ok(
      now === before || now === before + 1,
      `job ${key} made call ${now} after call ${before}: what was saved is gone`,
    );
    if (now === before) repeated++;
    last.set(key, now);
  }
  for (let who = 0; who < jobs; who++) {
    deepEqual(
      [...(results.get(String(who)) ?? [])],
      [String(expected(who, rounds, 100 + ((who * 37) % 400)))],
      `job ${who}`,
    );
    equal(last.get(String(who)), rounds);
  }
  return { calls, repeated };
}

/** All have their results in the store, and nothing else is there once that is collected. */
async function left(path: string, jobs: number): Promise<number> {
  const store = await openStore(path);
  const { blobs } = await store.collect();
  equal((await store.list({ prefix: 'job/', limit: 10_000 })).length, jobs);
  equal((await store.list({ prefix: 'owner/' })).length, 0);
  await store.close();
  return blobs;
}
