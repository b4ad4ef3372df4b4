// What a store on disk has to bear, with real processes and files: being killed, others at the same file, damage.
// Each function throws where something was lost or ended as it must not. The tests do a little of it, `npm run store-faults` as
// much as one likes.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type * as disk from '../../src/store/disk/index.ts';

/** As it is built: its processes start at once, and are those that users have. */
export const { openStore, blobName }: typeof disk = await import(
  new URL('../../dist/src/store/disk/index.js', import.meta.url).href
);
const writer = fileURLToPath(new URL('writer.mjs', import.meta.url));
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

/** A stream of numbers that is the same for the same seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

/** A process, what it has said, and the process that keeps the file for it. */
export class Writer {
  readonly lines: string[] = [];
  private readonly child: ChildProcess;
  private rest = '';

  constructor(path: string, mode: 'put' | 'add', most?: number) {
    const args = [writer, path, mode, ...(most === undefined ? [] : [String(most)])];
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child.stdout?.on('data', (data: Buffer) => {
      const lines = (this.rest + data).split('\n');
      this.rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
  }

  async said(): Promise<void> {
    while (this.lines.length === 0) await sleep(5);
  }

  /** The last number that was acknowledged; 0 for none. */
  get last(): number {
    return Number(/\d+/.exec(this.lines.at(-1) ?? '')?.[0] ?? 0);
  }

  get numbers(): number[] {
    return this.lines.filter((line) => line !== 'open').map((line) => Number(/\d+/.exec(line)?.[0]));
  }

  /** Ends it as a power cut would; `both`: the process that keeps the file first. */
  async kill(both: boolean): Promise<void> {
    const gone = once(this.child, 'close');
    // It must not see the other one go and end by itself.
    this.child.kill('SIGSTOP');
    if (both) for (const keeper of childrenOf(this.child.pid as number)) process.kill(keeper, 'SIGKILL');
    this.child.kill('SIGKILL');
    await gone;
  }

  async end(): Promise<number | null> {
    const [code] = this.child.exitCode === null ? await once(this.child, 'close') : [this.child.exitCode];
    return code;
  }
}

/** Where the system tells; elsewhere none. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** A process is killed in the midst of its commits, over and over: none that it told is lost, and no half of one is there. */
export async function killed(path: string, rounds: number, random: (below: number) => number): Promise<number> {
  let acknowledged = 0;
  for (let round = 0; round < rounds; round++) {
    const one = new Writer(path, 'put');
    await one.said();
    await sleep(random(150));
    await one.kill(round % 2 === 1);
    acknowledged = Math.max(acknowledged, one.last);
    const store = await openStore(path);
    const [left, right] = [await store.head('left'), await store.head('right')];
    deepEqual(text(left?.data), text(right?.data), 'half of a commit is there');
    ok(Number(text(left?.data)) >= acknowledged, `commit ${acknowledged} was acknowledged and is lost`);
    if (left !== undefined) {
      const node = await store.get(left.links[0] as string);
      equal(text(node.bytes), text(left.data));
      await store.get(node.links[0] as string);
    }
    await store.close();
  }
  return acknowledged;
}

/** Several processes count in one head: each number is reached once, also where one of them is killed now and then. */
export async function raced(path: string, each: number): Promise<void> {
  const writers = [new Writer(path, 'add', each), new Writer(path, 'add', each)];
  const victim = new Writer(path, 'add');
  await victim.said();
  await victim.kill(true);
  for (const one of writers) equal(await one.end(), 0);
  const told = [...writers, victim].flatMap((one) => one.numbers);
  equal(new Set(told).size, told.length, 'two processes were told that they had reached the same number');
  const store = await openStore(path);
  ok(Number(text((await store.head('count'))?.data)) >= Math.max(...told));
  await store.close();
}

export interface Content {
  readonly heads: ReadonlyMap<string, string>;
}

/** A store of many heads with blobs, as a file that can be damaged. */
export async function written(path: string, count: number): Promise<Content> {
  const store = await openStore(path);
  const heads = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = `job/${i}`;
    const leaf = { bytes: new Uint8Array(300 + ((i * 977) % 9000)).fill(i) };
    const node = { bytes: new TextEncoder().encode(`node ${i}`), links: [blobName(leaf)] };
    const state = { data: new TextEncoder().encode(`state ${i}`), links: [blobName(node)] };
    const before = i >= 10 ? await store.head(`job/${i - 10}`) : undefined;
    const gone = i % 7 === 0 && before !== undefined;
    const remove = gone ? [{ name: before.name, expected: before.version, state: undefined }] : [];
    if (gone) heads.delete(before.name);
    await store.commit({ blobs: [leaf, node], heads: [{ name, expected: 0, state }, ...remove] });
    heads.set(name, `state ${i}`);
  }
  await store.collect();
  await store.close();
  return { heads };
}

export type Damage = (file: string, random: (below: number) => number) => string;
export const damages: Readonly<Record<string, Damage>> = {
  'a byte': (file, random) => {
    const bytes = readFileSync(file);
    const at = random(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 + random(255));
    writeFileSync(file, bytes);
    return `byte ${at} changed`;
  },
  'a byte of a page header or of one of the first pages': (file, random) => {
    const bytes = readFileSync(file);
    const at = random(2) === 0 ? random(8192) : random(bytes.length >> 12) * 4096 + random(40);
    bytes[at] = (bytes[at] as number) ^ (1 + random(255));
    writeFileSync(file, bytes);
    return `byte ${at} changed`;
  },
  'a page': (file, random) => {
    const bytes = readFileSync(file);
    const page = random(bytes.length >> 12);
    for (let i = 0; i < 4096; i++) bytes[page * 4096 + i] = random(256);
    writeFileSync(file, bytes);
    return `page ${page} is noise`;
  },
  'two pages in each others places': (file, random) => {
    const bytes = readFileSync(file);
    const [a, b] = [random(bytes.length >> 12), random(bytes.length >> 12)];
    const first = Buffer.from(bytes.subarray(a * 4096, (a + 1) * 4096));
    bytes.copyWithin(a * 4096, b * 4096, (b + 1) * 4096);
    bytes.set(first, b * 4096);
    writeFileSync(file, bytes);
    return `pages ${a} and ${b} changed places`;
  },
  'a cut': (file, random) => {
    const { length } = readFileSync(file);
    const at = random(length);
    truncateSync(file, at);
    return `cut at ${at} of ${length}`;
  },
};

/**
 * Reads all of a damaged copy and writes to it. Each answer is right, or a StoreError that says so; heads that are whole stay
 * readable. Says whether the damage showed.
 */
export async function damagedOnce(
  from: string,
  to: string,
  { heads }: Content,
  damage: Damage,
  random: (below: number) => number,
): Promise<string> {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to);
  copyFileSync(join(from, 'data.mdb'), join(to, 'data.mdb'));
  const what = damage(join(to, 'data.mdb'), random);
  let shown = 0;
  const may = async (act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      const { code, reason, message } = error as Record<string, string>;
      ok(code === 'store', `${what}: ${(error as Error).stack}`);
      ok(['damaged', 'version', 'gone', 'io', 'missing'].includes(reason as string), `${what}: ${reason} ${message}`);
      shown++;
    }
  };
  await may(async () => {
    const store = await openStore(to);
    for (const [name, data] of heads)
      await may(async () => {
        const head = await store.head(name);
        ok(head !== undefined, `${what}: head ${name} is lost, and nobody says so`);
        equal(text(head.data), data, what);
        const node = await store.get(head.links[0] as string);
        equal(text(node.bytes), data.replace('state', 'node'), what);
        await store.get(node.links[0] as string);
      });
    await may(async () => {
      const listed = await store.list({ prefix: 'job/', limit: 10_000 });
      for (const { name, data, damage: wrong } of listed)
        if (wrong === undefined) equal(text(data), heads.get(name), what);
    });
    await may(async () => {
      const blob = { bytes: new Uint8Array(20_000).fill(1) };
      await store.commit({ blobs: [blob], heads: [{ name: 'new', expected: 0, state: { links: [blobName(blob)] } }] });
      equal((await store.get(blobName(blob))).bytes.length, 20_000);
    });
    await may(() => store.collect());
    await store.close();
  });
  return shown > 0 ? 'shown' : 'harmless';
}
