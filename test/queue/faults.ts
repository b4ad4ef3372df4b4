// Jobs of a queue whose runners, server and network fail at random, in processes of their own. Throws where a result is lost, wrong or
// another one for somebody else, or a call of a service counts twice.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { asking } from '../pool/durable/guests.ts';
import type { RedisServer } from '../servers/redis.ts';
import { openStore, Queue, type Queue as QueueType } from './built.ts';
import { Network } from './network.ts';

const program = fileURLToPath(new URL('process.mjs', import.meta.url));

export interface Campaign {
  readonly server: RedisServer;
  /** For what is written down. */
  readonly folder: string;
  /** Where the jobs are; in the server unless told. */
  readonly store?: string | undefined;
  readonly jobs: number;
  readonly rounds: number;
  readonly runners: number;
  readonly lease: number;
  /** At most so many. */
  readonly faults: number;
  /** So many jobs are under way until there have been all faults, rather than in all. */
  readonly isSteady?: boolean;
  /** How long a service takes at the most, in ms. */
  readonly askMs?: number;
  readonly random: (below: number) => number;
  readonly tell?: ((line: string) => void) | undefined;
}

export type Fault = 'kill' | 'stop' | 'cut' | 'silence' | 'end' | 'server' | 'freeze';
export const faults: readonly Fault[] = ['kill', 'stop', 'cut', 'end', 'silence', 'server', 'freeze'];

export interface Told {
  readonly calls: number;
  /** Calls that were made again. */
  readonly repeated: number;
  /** Of each kind of fault: ms until all jobs of the one that failed had gone on elsewhere, or had ended. */
  readonly recoveries: ReadonlyMap<Fault, readonly number[]>;
  readonly seconds: number;
}

/** One runner's process, behind a network of its own. */
class Member {
  private constructor(
    readonly name: string,
    readonly child: ChildProcess,
    readonly network: Network,
    private readonly closed: Promise<unknown>,
  ) {}

  static async start(
    name: string,
    { server, lease, askMs = 20 }: Campaign,
    store: string,
    log: string,
  ): Promise<Member> {
    const network = await Network.to(server.port);
    const url = `redis://127.0.0.1:${network.port}`;
    const args = [program, url, store.startsWith('redis') ? url : store, log, name, '1', String(lease), String(askMs)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const member = new Member(name, child, network, once(child, 'close'));
    await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), member.closed]);
    return member;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.kill('SIGCONT');
    this.child.kill(signal);
    await this.closed;
    await this.network.close();
  }
}

const workOf = (who: number): number => 2000 + ((who * 3701) % 20_000);

export async function campaign(all: Campaign): Promise<Told> {
  const { server, folder, jobs, rounds, lease, random } = all;
  const log = join(folder, 'log');
  writeFileSync(log, '');
  const store = all.store ?? server.url;
  const opened = await openStore(store);
  const queue = new Queue({ url: server.url, store: opened });
  const started = performance.now();
  let names = 0;
  const members = await Promise.all(
    Array.from({ length: all.runners }, () => Member.start(String(++names), all, store, log)),
  );
  const recoveries = new Map<Fault, number[]>();
  const results = new Map<number, Promise<number>>();
  let done = 0;
  const submit = (): void => {
    const who = results.size;
    const job = queue.submit<readonly number[]>({
      module: asking.bytes,
      export: 'run',
      args: [who, rounds, workOf(who)],
      key: `job ${who}`,
      saveEvery: { ms: 100 },
      priority: who % 3,
    });
    const result = job.result.then(([value]) => value as number);
    results.set(who, result);
    result.then(
      () => done++,
      () => done++,
    );
  };
  const fill = () => {
    while (results.size - done < jobs) submit();
  };
  fill();
  const filling = all.isSteady ? setInterval(fill, 50) : undefined;
  const lines = () => readFileSync(log, 'utf8').trim().split('\n').map(lineOf);
  const isOver = () => done === results.size;

  /** Until all that the named one had was asked for by another one, or has ended. */
  const recovered = async (name: string, from: number): Promise<number> => {
    const begun = performance.now();
    const mine = lastBy(lines().slice(0, from));
    const keys = [...mine].filter(([, by]) => by === name).map(([key]) => key);
    for (const key of keys)
      while (!isOver() && (await queue.state(`job ${key}`).catch(() => 'active')) !== 'done') {
        if (
          lines()
            .slice(from)
            .some(({ who, by }) => who === key && by !== name)
        )
          break;
        await sleep(20);
      }
    return performance.now() - begun;
  };

  const fail = async (fault: Fault): Promise<void> => {
    const at = random(members.length);
    const member = members[at] as Member;
    const from = lines().length;
    const again = async () => {
      members[at] = await Member.start(String(++names), all, store, log);
    };
    const took = (ms: number) => {
      recoveries.set(fault, [...(recoveries.get(fault) ?? []), ms]);
      all.tell?.(`${fault}: ${Math.round(ms)} ms; ${done} of ${results.size} done`);
    };
    if (fault === 'server' || fault === 'freeze') {
      const begun = performance.now();
      if (fault === 'server') await server.kill();
      else server.freeze();
      await sleep(random(lease));
      if (fault === 'server') await server.start();
      else server.go();
      const [now, up] = [lines().length, performance.now()];
      while (!isOver() && lines().length === now) await sleep(10);
      return took(performance.now() - (fault === 'server' ? up : begun));
    }
    if (fault === 'kill' || fault === 'end') {
      const over = member.end(fault === 'kill' ? 'SIGKILL' : 'SIGTERM');
      const time = recovered(member.name, from);
      await over;
      if (fault === 'end') equal(member.child.exitCode, 0, 'a runner that was told to end has not given all back');
      await Promise.all([again(), time.then(took)]);
      return;
    }
    if (fault === 'stop') member.child.kill('SIGSTOP');
    else member.network[fault]();
    const time = recovered(member.name, from).then(took);
    await sleep(lease * 2 + random(lease * 2));
    if (fault === 'stop') member.child.kill('SIGCONT');
    else member.network.mend();
    await time;
  };

  try {
    for (let i = 0; i < all.faults && (all.isSteady || !isOver()); i++) {
      if (all.isSteady) fill();
      const before = done;
      const wait = performance.now() + 500 + random(1500);
      while (!isOver() && (performance.now() < wait || done === before)) await sleep(10);
      if (!isOver()) await fail(faults[i % faults.length] as Fault);
    }
    clearInterval(filling);
    const values = new Map<number, number>();
    for (const [who, result] of results) values.set(who, await result);
    await Promise.all(members.map((member) => member.end('SIGTERM')));
    await sameForAll(all, opened, values);
    return { ...checked(lines(), values, rounds), recoveries, seconds: (performance.now() - started) / 1000 };
  } finally {
    clearInterval(filling);
    await Promise.all(members.map((member) => member.end('SIGKILL')));
    await queue.close();
    await opened.close();
  }
}

interface Line {
  readonly by: string;
  readonly who: number;
  readonly job: string;
  readonly id: number;
  readonly answer: number;
}
const lineOf = (line: string): Line => {
  const [, by = '', who, job = '', id, answer] = line.split(' ');
  return { by, who: Number(who), job, id: Number(id), answer: Number(answer) };
};
const lastBy = (lines: readonly Line[]): Map<number, string> => new Map(lines.map(({ who, by }) => [who, by]));

/** Whoever asks later, of another queue, gets the same; and nothing else is there. */
async function sameForAll(
  { server }: Campaign,
  store: Awaited<ReturnType<typeof openStore>>,
  values: Map<number, number>,
) {
  const other: QueueType = new Queue({ url: server.url, store });
  try {
    for (const [who, value] of values) deepEqual(await other.get(`job ${who}`).result, [value]);
    let count = 0;
    for await (const { state } of other.list()) {
      equal(state, 'done');
      count++;
    }
    equal(count, values.size);
    const { active, waiting, delayed, prioritized, failed } = await other.bull.getJobCounts();
    deepEqual([active, waiting, delayed, prioritized, failed], [0, 0, 0, 0, 0]);
  } finally {
    await other.close();
  }
}

/** Each result comes of one answer to each call, in order, and no call came before the one before it had been answered. */
function checked(lines: readonly Line[], values: ReadonlyMap<number, number>, rounds: number) {
  let [calls, repeated] = [0, 0];
  const all = new Map<number, Line[]>();
  for (const line of lines) all.set(line.who, [...(all.get(line.who) ?? []), line]);
  for (const [who, value] of values) {
    const asked = all.get(who) ?? [];
    equal(new Set(asked.map(({ job }) => job)).size, 1, `job ${who} has had two identities`);
    const answers = Array.from({ length: rounds }, () => new Set<number>());
    let last = 0;
    for (const { id, answer } of asked) {
      ok(id >= 1 && id <= last + 1, `job ${who} made call ${id} after call ${last}`);
      last = Math.max(last, id);
      answers[id - 1]?.add(answer);
    }
    calls += asked.length;
    repeated += asked.length - last;
    equal(last, rounds, `job ${who} has made ${last} calls`);
    ok(comesOf(answers, workOf(who)).has(value), `the result of job ${who} comes of no answers that it was given`);
  }
  return { calls, repeated };
}

/** All results that come of one answer to each call. */
function comesOf(answers: readonly ReadonlySet<number>[], work: number): Set<number> {
  let sums = new Set([0]);
  for (const each of answers) {
    const next = new Set<number>();
    for (const sum of sums) {
      let mixed = sum;
      for (let j = 0; j < work; j++) mixed = (Math.imul(mixed, 31) + j) | 0;
      for (const answer of each) next.add(mixed ^ answer);
    }
    sums = next;
  }
  return sums;
}
