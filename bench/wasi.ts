// Programs for WASI beside `node:wasi` on the host's engine: one that computes, one that makes small reads and writes of a
// file, one that takes standard input to standard output in small pieces; and saving files of which few have changed.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI as NodeWASI } from 'node:wasi';
import { Module, type Snapshot, VM } from 'wasbox';
import { exitCodeOf, folderFiles, memoryFiles, WASI, type WasiOptions, wasi } from 'wasbox/wasi';
import { noise } from './demo/program.ts';
import { duel, type Figure, figure, mapFigure, time } from './measure/measure.ts';
import { cell, type Section } from './measure/table.ts';

const samples = 9;
const calls = 50_000;
const step = 16;
const file = '/files/numbers';

const bytes = readFileSync(new URL('../test/fixtures/wasi/work.wasm', import.meta.url));
const args = {
  computing: ['work', 'hash', '20'],
  files: ['work', 'files', String(calls), file],
  streams: ['work', 'copy'],
};
type Program = keyof typeof args;

/** Runs one of the programs from beginning to end. */
type Run = () => unknown;

export async function wasiPrograms(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-bench-'));
  try {
    const input = join(folder, 'input');
    writeFileSync(input, Buffer.alloc(calls * step, 'some of the input\n'));
    const rows: string[][] = [];
    for (const [program, how, run] of runsIn(folder, input)) {
      const { a, b, ratio } = await duel(samples, run, byClass(NodeWASI, program, folder, input));
      rows.push([program, how, cell(a), cell(b), cell(ratio, 'x')]);
    }
    return {
      title: 'WASI',
      text: `A program in C on native code and on \`node:wasi\` with the host’s engine, in turns, both compiled before: it hashes, sorts and prints numbers; writes ${calls} times ${step} bytes to a file and reads them as often; takes ${calls} times ${step} bytes from standard input to standard output. \`class WASI\` is the one of \`wasbox/wasi\`, with the host’s engine, too. \`node:wasi\` has a folder, and files for the streams. Median (least to most) of ${samples} pairs.`,
      head: ['program', 'how', 'wasbox, ms', 'node:wasi, ms', 'wasbox / node:wasi'],
      rows,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function* runsIn(folder: string, input: string): Generator<readonly [Program, string, Run]> {
  yield ['computing', 'native code', inVm('computing', () => ({}))];
  yield ['files', 'native code, in memory', inVm('files', () => ({ preopens: { '/files': memoryFiles() } }))];
  yield ['files', 'native code, a folder', inVm('files', () => ({ preopens: { '/files': folderFiles(folder) } }))];
  yield ['files', 'class WASI, a folder', byClass(WASI, 'files', folder, input)];
  const given = readFileSync(input);
  yield ['streams', 'native code, bytes to bytes', inVm('streams', () => ({ stdin: given }))];
  yield ['streams', 'class WASI, files', byClass(WASI, 'streams', folder, input)];
}

function inVm(program: Program, options: () => WasiOptions): Run {
  const module = Module.from(bytes);
  return async () => {
    const vm = new VM({ engine: 'native' });
    const system = wasi({ args: args[program], ...options() });
    vm.start(vm.instantiate(module, system.imports).func('_start'));
    check(exitCodeOf(await vm.runAsync()));
    vm.dispose();
  };
}

const hostModule = new WebAssembly.Module(bytes);

function byClass(kind: typeof NodeWASI | typeof WASI, program: Program, folder: string, input: string): Run {
  return () => {
    const [stdin, stdout, stderr] = [openSync(input, 'r'), openSync(`${input}.out`, 'w'), openSync('/dev/null', 'w')];
    const system = new kind({
      ...{ version: 'preview1', args: args[program], preopens: { '/files': folder }, returnOnExit: true },
      ...{ stdin, stdout, stderr },
    });
    const instance = new WebAssembly.Instance(hostModule, system.getImportObject() as WebAssembly.Imports);
    check(system.start(instance));
    for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  };
}

function check(code: number): void {
  if (code !== 0) throw new Error(`the program ended with ${code}`);
}

const mebibyte = 2 ** 20;
const fileBytes = 64 * mebibyte;
/** One page in a hundred. */
const apart = 100 * 4096;
const saves = 7;

/** What a save took, and came to. */
interface Saved {
  readonly save: number[];
  readonly encode: number[];
  readonly bytes: number[];
}

/** A VM with large files is saved again and again; a guest that waits for its input changes some of them meanwhile. */
export async function wasiSaves(): Promise<Section> {
  const rounds: (() => void)[] = [];
  const next = () => new Promise<Uint8Array>((resolve) => rounds.push(() => resolve(Uint8Array.of(rounds.length))));
  const system = wasi({
    ...{ args: ['work', 'change', String(apart), '/large'], stdin: next, files: { large: noise(fileBytes, 5) } },
  });
  const vm = new VM({ engine: 'native' });
  vm.start(vm.instantiate(Module.from(bytes), system.imports).func('_start'));
  vm.run();
  const [all, changed]: [Saved, Saved] = [empty(), empty()];
  let base = vm.save();
  for (let i = 0; i <= saves; i++) {
    rounds.at(-1)?.();
    await vm.answer();
    vm.run();
    const saved = await timed(i > 0 ? changed : empty(), vm, base);
    await timed(i > 0 ? all : empty(), vm, undefined);
    base = saved;
  }
  vm.dispose();
  return {
    title: 'Saving files',
    text: `A VM with ${fileBytes / mebibyte} MiB of files in memory that nothing can be packed of, of which one page in a hundred has been changed since the save before: as what has changed (\`encode({ base })\`), and as a whole. Median (least to most) of ${saves}.`,
    head: ['what', 'save, ms', 'encode, ms', 'encoded, MiB'],
    rows: [row('what has changed', changed), row('everything', all)],
  };
}

const empty = (): Saved => ({ save: [], encode: [], bytes: [] });

async function timed({ save, encode, bytes }: Saved, vm: VM, base: Snapshot | undefined): Promise<Snapshot> {
  const made: { snapshot?: Snapshot; bytes?: Uint8Array } = {};
  save.push(await time(() => (made.snapshot = vm.save())));
  const snapshot = made.snapshot as Snapshot;
  encode.push(await time(() => (made.bytes = snapshot.encode(base === undefined ? {} : { base }))));
  bytes.push((made.bytes as Uint8Array).length);
  return snapshot;
}

const row = (what: string, { save, encode, bytes }: Saved): string[] => [
  what,
  cell(figure(save)),
  cell(figure(encode)),
  mebibytes(figure(bytes)),
];

const mebibytes = (bytes: Figure): string => mapFigure(bytes, (count) => count / mebibyte).median.toFixed(2);
