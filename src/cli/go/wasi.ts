// Programs for WASI on the command line: what they are given of the process, and of its files only what --dir names.

import { basename } from 'node:path';
import type { Module } from '../../runtime/module/module.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import type { Imports } from '../../vm.ts';
import type { Wasi } from '../../wasi/node/index.ts';
import { warn } from '../told/output.ts';

export interface WasiOptions {
  /** HOST[::GUEST][:ro] each. */
  readonly dir?: readonly string[];
  /** NAME=VALUE, or NAME for what the process has. */
  readonly env?: readonly string[];
}

const spaces = ['wasi_snapshot_preview1', 'wasi_unstable'];

export const wantsWasi = ({ syntax }: Module): boolean => syntax.imports.some(({ module }) => spaces.includes(module));
export const hasWasi = ({ data }: Snapshot): boolean => data.made.func.some(({ module }) => spaces.includes(module));

/** The program's name and its arguments, as it sees them. */
export const argumentsOf = (file: string, args: readonly string[]): string[] => [basename(file), ...args];

/** Rejects with UsageError. */
export async function systemFor(args: readonly string[], { dir = [], env = [] }: WasiOptions): Promise<Wasi> {
  const folders = dir.map(folderOf);
  const names = folders.map(({ guest }) => guest);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--dir gives ${quoted(twice)} twice`);
  const { folderFiles, wasi } = await import('../../wasi/node/index.ts');
  const { stdin, stdout, stderr } = process;
  const terminals = (Object.entries({ stdin, stdout, stderr }) as [keyof typeof process & Terminal, Stream][])
    .filter(([, stream]) => stream.isTTY === true)
    .map(([name]) => name);
  return wasi({
    ...{ args, env: Object.fromEntries(env.flatMap(variableOf)), stdin: readStdin, stdout, stderr, terminals },
    preopens: Object.fromEntries(folders.map(({ host, guest, readOnly }) => [guest, folderFiles(host, { readOnly })])),
    onNote: (text) => warn(text),
  });
}

type Terminal = 'stdin' | 'stdout' | 'stderr';
interface Stream {
  readonly isTTY?: boolean;
}

/** Those of --host go before those of WASI. */
export const withSystem = (system: Wasi | undefined, imports: Imports): Imports =>
  system === undefined ? imports : { ...system.imports, ...imports };

interface Folder {
  readonly host: string;
  readonly guest: string;
  readonly readOnly: boolean;
}

function folderOf(text: string): Folder {
  const readOnly = text.endsWith(':ro');
  const named = readOnly ? text.slice(0, -':ro'.length) : text;
  const at = named.indexOf('::');
  const [host, guest] = at < 0 ? [named, named] : [named.slice(0, at), named.slice(at + 2)];
  if (host === '' || guest === '') throw new UsageError(`--dir must be HOST[::GUEST][:ro], not ${quoted(text)}`);
  return { host, guest, readOnly };
}

function variableOf(text: string): [string, string][] {
  const at = text.indexOf('=');
  if (at > 0) return [[text.slice(0, at), text.slice(at + 1)]];
  const value = process.env[text];
  if (at === 0 || text === '') throw new UsageError(`--env must be NAME=VALUE or NAME, not ${quoted(text)}`);
  return value === undefined ? [] : [[text, value]];
}

/** What comes next on standard input; nothing is read before somebody asks. */
function next(): Uint8Array | null | Promise<Uint8Array | null> {
  const { stdin } = process;
  const chunk: Uint8Array | null = stdin.read();
  if (chunk !== null) return chunk;
  if (stdin.readableEnded || stdin.destroyed) return null;
  return new Promise((resolve, reject) => {
    const ends = {
      readable: () => done(next),
      end: () => done(() => null),
      close: () => done(() => null),
      error: failed,
    };
    const leave = () => {
      for (const [event, act] of Object.entries(ends)) stdin.off(event, act);
    };
    function done(then: () => Uint8Array | null | Promise<Uint8Array | null>): void {
      leave();
      resolve(then());
    }
    function failed(error: unknown): void {
      leave();
      reject(error);
    }
    for (const [event, act] of Object.entries(ends)) stdin.on(event, act);
  });
}

/** With what Node has read ahead, which goes along with a program that is saved. */
const readStdin = Object.assign(next, { ahead: (): Uint8Array | null => process.stdin.read() });

/** Nobody reads standard input any more: it does not keep the process alive. */
export const leaveStdin = (): void => {
  process.stdin.destroy();
};
