// Jobs of a queue whose runners, server and network fail at random, in processes of their own. Throws where a result is lost, wrong or
// another one for somebody else, or a call of a service counts twice.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Entry } from '../../src/pool/durable/entry.ts';
import { asking } from '../pool/durable/guests.ts';
import type { PostgresServer } from '../servers/postgres.ts';
import type { RedisServer } from '../servers/redis.ts';
import { Ledger, openStore, Queue, type Queue as QueueType, StoreError } from './built.ts';
import { Namespace } from './namespace.ts';
import { Network, type Way } from './network.ts';

const program = fileURLToPath(new URL('process.mjs', import.meta.url));

export interface Campaign {
  readonly server: RedisServer | PostgresServer;
  /** Networks are namespaces of Linux, for which the server listens everywhere, rather than something in between. */
  readonly namespaces?: boolean;
  /** For what is written down. */
  readonly folder: string;
  /** Where the jobs are; in the server unless told. */
  readonly store?: string | undefined;
  readonly jobs: number;
  /** So many of them are under way or in line at a time; all of them unless told. */
  readonly atOnce?: number | undefined;
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

/**
 * Of a runner: it is killed, stands still for longer than its lock, is told to end; its network is cut, or silent; its store is slow,
 * full or away. Of the server: it is killed and started again, or stands still.
 */
export type Fault = 'kill' | 'stop' | 'cut' | 'silence' | 'end' | 'slow' | 'full' | 'away' | 'server' | 'freeze';
export const faults: readonly Fault[] = [
  ...(['kill', 'stop', 'cut', 'slow', 'end', 'silence', 'full', 'server', 'away', 'freeze'] as const),
];
const ofStore: readonly Fault[] = ['slow', 'full', 'away'];
const ofServer: readonly Fault[] = ['server', 'freeze'];

export interface Told {
  readonly calls: number;
  /** Calls that were made again. */
  readonly repeated: number;
  readonly recoveries: ReadonlyMap<Fault, Recovery>;
  readonly seconds: number;
}

/** What is known of a kind of fault. */
export interface Recovery {
  /** How long each has lasted, in ms: 0 for those that are over at once. */
  readonly lasted: number[];
  /** Of each job that somebody had whom it hit: ms from the fault to the next change of it that was committed, by whoever has it then. */
  readonly jobs: number[];
}

/** One runner's process, behind a network of its own. */
class Member {
  private constructor(
    readonly name: string,
    readonly child: ChildProcess,
    readonly network: Way,
    private readonly closed: Promise<unknown>,
    /** What it is called as an owner. */
    readonly owner: string,
  ) {}

  static async start(name: string, campaign: Campaign, store: string, log: string): Promise<Member> {
    const { server, lease, askMs = 20, namespaces = false } = campaign;
    const network = namespaces ? Namespace.make() : await Network.to(server.port);
    const url = network.url(server.url);
    const args = [program, url, network.url(store), log, name, '1', String(lease), String(askMs)];
    const [command = '', ...all] = [...network.command, process.execPath, ...args];
    const child = spawn(command, all, { stdio: ['pipe', 'pipe', 'inherit'] });
    const closed = once(child, 'close');
    const said = once(child.stdout as NonNullable<typeof child.stdout>, 'data');
    const [first] = (await Promise.race([said, closed])) as [unknown];
    return new Member(name, child, network, closed, String(first).trim().split(' ')[1] ?? '');
  }

  say(word: string): void {
    this.child.stdin?.write(`${word}\n`);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.kill('SIGCONT');
    this.child.kill(signal);
    await this.closed;
    await this.network.close();
  }
}

/** Where a job stood as somebody failed. */
interface Hit {
  readonly key: string;
  readonly version: number;
}

/** In ms: then it is a failure. */
const mostRecovery = 180_000;

class Recoveries {
  readonly all = new Map<Fault, Recovery>();

  constructor(private readonly ledger: InstanceType<typeof Ledger>) {}

  /** The jobs that are that one's by the store, or anybody's. */
  async hit(owner?: string): Promise<Hit[]> {
    const isTheirs = (entry: unknown) => (entry as Partial<Entry>).owner?.startsWith(owner ?? '') === true;
    const hit: Hit[] = [];
    for await (const { key, entry } of this.ledger.entries()) {
      if (!isTheirs(entry)) continue;
      // It may have ended since.
      const now = await this.ledger.look(key);
      if (isTheirs(now.entry)) hit.push({ key, version: now.version });
    }
    return hit;
  }

  /** Resolves once all of them have gone on. `begun`: when that was which has hit them. */
  async follow(fault: Fault, begun: number, hit: readonly Hit[]): Promise<void> {
    const told = this.of(fault);
    let left = [...hit];
    while (left.length > 0) {
      if (performance.now() - begun > mostRecovery)
        throw new Error(`after ${fault}, these have not gone on: ${left.map(({ key }) => key)}`);
      await sleep(10);
      const found = await Promise.all(left.map((each) => this.hasGoneOn(each)));
      const now = performance.now();
      for (const is of found) if (is) told.jobs.push(now - begun);
      left = left.filter((_, i) => !found[i]);
    }
  }

  private async hasGoneOn({ key, version }: Hit): Promise<boolean> {
    try {
      const now = await this.ledger.look(key);
      if (now.version === version || now.entry === undefined || now.entry instanceof StoreError) return false;
      // Given back it has not gone on.
      return now.entry.state !== 'live' || now.entry.owner !== undefined;
    } catch {
      return false;
    }
  }

  of(fault: Fault): Recovery {
    const known = this.all.get(fault) ?? { lasted: [], jobs: [] };
    this.all.set(fault, known);
    return known;
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
  const ledger = new Ledger(opened, 10_000);
  const recoveries = new Recoveries(ledger);
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
  const { atOnce = jobs } = all;
  const hasMore = () => all.isSteady || results.size < jobs;
  const fill = () => {
    while (results.size - done < atOnce && hasMore()) submit();
  };
  fill();
  const filling = setInterval(fill, 50);
  const lines = () => readFileSync(log, 'utf8').trim().split('\n').map(lineOf);
  const isOver = () => done === results.size && !hasMore();

  const fail = async (fault: Fault): Promise<void> => {
    const at = random(members.length);
    const member = members[at] as Member;
    const isOfServer = ofServer.includes(fault);
    // What is asked after the fault has come through before it, but of a server.
    const before = isOfServer ? await recoveries.hit() : [];
    const begun = performance.now();
    let lasted = 0;
    const lasts = async (ms: number, over: () => unknown) => {
      await sleep(ms);
      await over();
      lasted = performance.now() - begun;
    };
    const hit = () => recoveries.hit(member.owner);
    const follow = async (jobs: readonly Hit[]) => recoveries.follow(fault, begun, jobs);
    const long = lease * 2 + random(lease * 2);
    if (isOfServer) {
      if (fault === 'server') await server.kill();
      else server.freeze();
      await lasts(random(lease), () => (fault === 'server' ? server.start() : server.go()));
      await follow(before);
    } else if (fault === 'kill') {
      await member.end('SIGKILL');
      const followed = follow(await hit());
      members[at] = await Member.start(String(++names), all, store, log);
      await followed;
    } else if (fault === 'end') {
      const followed = follow(await hit());
      await member.end('SIGTERM');
      equal(member.child.exitCode, 0, 'a runner that was told to end has not given all back');
      members[at] = await Member.start(String(++names), all, store, log);
      await followed;
    } else {
      if (fault === 'stop') member.child.kill('SIGSTOP');
      else if (ofStore.includes(fault)) member.say(fault);
      else member.network[fault as 'cut' | 'silence']();
      const followed = follow(await hit());
      await lasts(long, () => {
        if (fault === 'stop') member.child.kill('SIGCONT');
        else if (ofStore.includes(fault)) member.say('well');
        else member.network.mend();
      });
      await followed;
    }
    recoveries.of(fault).lasted.push(lasted);
    const { jobs } = recoveries.of(fault);
    all.tell?.(
      `${fault}: ${jobs.length} jobs, the last after ${Math.round(jobs.at(-1) ?? 0)} ms; ${done} of ${results.size} done`,
    );
  };

  try {
    for (let i = 0; i < all.faults && (all.isSteady || !isOver()); i++) {
      if (all.isSteady) fill();
      const before = done;
      const wait = performance.now() + 500 + random(1500);
      while (!isOver() && (performance.now() < wait || done === before)) await sleep(10);
      if (!isOver()) await fail(faults[i % faults.length] as Fault);
    }
    while (!all.isSteady && !isOver()) await sleep(50);
    clearInterval(filling);
    const values = new Map<number, number>();
    for (const [who, result] of results) values.set(who, await result);
    await Promise.all(members.map((member) => member.end('SIGTERM')));
    await sameForAll(all, opened, values);
    return {
      ...checked(lines(), values, rounds),
      recoveries: recoveries.all,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    clearInterval(filling);
    await Promise.all(members.map((member) => member.end('SIGKILL')));
    await queue.close();
    await ledger.close();
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
