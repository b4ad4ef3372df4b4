// Runs `wasbox` as a user does, each run a process of its own, in a folder with modules of all kinds.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { assembleText } from '../spec/script/assemble.ts';

export const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
/** For modules of host functions. */
export const index = new URL('../../dist/src/index.js', import.meta.url).href;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const modules = {
  'math.wasm': `(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func (export "all") (param i64 f32 f64) (result f64 i64 f32)
      (local.get 2) (local.get 0) (local.get 1))
    (memory (export "memory") 1))`,
  'big.wasm': `(module
    (memory 2)
    (global $calls (mut i32) (i32.const 0))
    (func $fib (param $n i32) (result i64)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (i32.store (i32.shl (local.get $n) (i32.const 2)) (global.get $calls))
      (if (result i64) (i32.lt_s (local.get $n) (i32.const 2))
        (then (i64.extend_i32_s (local.get $n)))
        (else (i64.add
          (call $fib (i32.sub (local.get $n) (i32.const 1)))
          (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
    (func (export "run") (param $n i32) (result i64 i32 i32)
      (call $fib (local.get $n)) (global.get $calls) (i32.load (i32.const 20))))`,
  'start.wasm': `(module
    (global $n (mut i32) (i32.const 0))
    (func $count (loop $more
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (br_if $more (i32.lt_s (global.get $n) (i32.const 5000)))))
    (start $count)
    (func (export "run") (param i32) (result i32) (i32.add (global.get $n) (local.get 0))))`,
  'host.wasm': `(module
    (import "env" "twice" (func $twice (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) (call $twice (local.get 0))))`,
  'passed.wasm': `(module
    (import "env" "twice" (func $twice (param i32) (result i32)))
    (import "env" "later" (func $later (param i64) (result i64 f32)))
    (export "twice" (func $twice)) (export "later" (func $later)))`,
  'asks.wasm': `(module
    (import "env" "ask" (func $ask (result i32)))
    (func (export "run") (result i32) (i32.add (call $ask) (i32.const 1))))`,
  'many.wasm': `(module
    (import "env" "a" (func (param i32))) (import "env" "b" (global i64)) (import "other" "c" (memory 1))
    (func (export "run")))`,
  'deep.wasm': `(module
    (func $deep (export "deep") (param i32)
      (if (i32.eqz (local.get 0)) (then (unreachable)))
      (call $deep (i32.sub (local.get 0) (i32.const 1)))))`,
  /** Fills its memory with what cannot be packed. */
  'noise.wasm': `(module (memory 16) (func (export "run") (local $i i32) (local $x i32)
    (local.set $x (i32.const 12345))
    (loop $more
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
      (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
      (i32.store (i32.and (local.get $i) (i32.const 0xffffc)) (local.get $x))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br $more))))`,
  'loop.wasm': '(module (func (export "run") (loop $forever (br $forever))))',
  'grow.wasm': '(module (memory 1) (func (export "run") (result i32) (memory.grow (i32.const 100))))',
  'ready.wasm': `(module
    (import "env" "ready" (func $ready))
    (func (export "run") (call $ready) (loop $forever (br $forever))))`,
};

const hosts = {
  'twice.mjs': `import { asyncHostFunction, hostFunction } from '${index}';
    export const imports = { env: {
      twice: hostFunction(['i32'], ['i32'], (n) => 2 * n),
      later: asyncHostFunction(['i64'], ['i64', 'f32'], async (n) => [n + 1n, 0.5]),
    } };`,
  'ready.mjs': `import { hostFunction } from '${index}';
    export const imports = { env: { ready: hostFunction([], [], () => console.log('ready')) } };`,
  /** Answers when its time has come. */
  'ask.mjs': `import { asyncHostFunction } from '${index}';
    export const imports = { env: { ask: asyncHostFunction([], ['i32'], () => new Promise((resolve) => {
      console.log('ready');
      setTimeout(resolve, Number(process.env.ANSWER_MS), 41);
    })) } };`,
  'never.mjs': `import { asyncHostFunction } from '${index}';
    export const imports = { env: { ask: asyncHostFunction([], ['i32'], () => new Promise(() => console.log('ready'))) } };`,
};

export class Folder {
  private constructor(readonly path: string) {}

  /** With all modules and host functions. Throws where nothing was built. */
  static async make(): Promise<Folder> {
    if (!existsSync(main)) throw new Error('npm run build comes first');
    const folder = new Folder(await mkdtemp(join(tmpdir(), 'wasbox-cli-')));
    await Promise.all([
      ...Object.entries(modules).map(async ([name, text]) => folder.write(name, await assembleText(text))),
      ...Object.entries(hosts).map(([name, text]) => folder.write(name, text)),
    ]);
    return folder;
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async write(name: string, contents: string | Uint8Array): Promise<void> {
    await writeFile(this.file(name), contents);
  }

  /** What writing to files of these names has left beside them; other tests may be writing here meanwhile. */
  async leftovers(...names: string[]): Promise<string[]> {
    const entries = await readdir(this.path);
    return entries.filter((entry) => entry.endsWith('.tmp') && names.some((name) => entry.startsWith(`.${name}.`)));
  }

  /** A jobs file. */
  lines(name: string, jobs: readonly (object | string)[]): Promise<void> {
    const texts = jobs.map((job) => (typeof job === 'string' ? job : JSON.stringify(job)));
    return this.write(name, texts.map((text) => `${text}\n`).join(''));
  }

  /** Runs `wasbox` to its end. */
  wasbox(...args: string[]): Promise<Ran> {
    return this.command(process.execPath, [main, ...args]);
  }

  /** The same through a shell, for redirections and limits; `$wasbox` stands for the command. */
  shell(script: string): Promise<Ran> {
    return this.command('/bin/sh', ['-c', script]);
  }

  /**
   * Runs any command in the folder, to its end; `$wasbox` in its environment stands for the command. One that does not end is
   * killed after some minutes, and has no code.
   */
  command(file: string, args: readonly string[]): Promise<Ran> {
    const env = { ...process.env, ANSWER_MS: '1', wasbox: `${process.execPath} ${main}` };
    const options = { cwd: this.path, env, maxBuffer: 2 ** 28, timeout: 300_000, killSignal: 'SIGKILL' as const };
    return new Promise((resolve) => {
      const child = execFile(file, args, options, (error, out, err) => {
        resolve({ code: error === null ? 0 : (child.exitCode ?? null), out, err });
      });
      child.stdin?.end();
    });
  }

  /** Starts `wasbox`, for those who send it signals. */
  start(...args: string[]): Started {
    const env = { ...process.env, ANSWER_MS: '100000' };
    return new Started(spawn(process.execPath, [main, ...args], { cwd: this.path, env }));
  }
}

export class Started {
  out = '';
  err = '';
  private readonly ended: Promise<unknown[]>;

  constructor(readonly child: ChildProcess) {
    (child.stdout as Readable).setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    (child.stderr as Readable).setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = once(child, 'close');
  }

  /** Until its output has what is looked for, or it has ended. */
  async saw(what: RegExp): Promise<void> {
    while (!what.test(this.out) && this.child.exitCode === null && this.child.signalCode === null)
      await Promise.race([once(this.child.stdout as Readable, 'data'), this.ended]);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Its exit code and the signal that ended it, one of them null. */
  async end(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const [code, signal] = await this.ended;
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  }
}
