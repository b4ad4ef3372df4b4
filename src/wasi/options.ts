// What a host gives a program: every option, its default, and the checks.

import type { HostFunction } from '../host/define.ts';
import { UsageError } from '../spec/errors.ts';
import {
  aCount,
  aFunction,
  anObject,
  anything,
  check,
  listOf,
  oneOf,
  optionsOf,
  recordOf,
  theOptions,
} from '../spec/options.ts';
import { quoted } from '../spec/told.ts';
import { memoryFiles } from './files/memory/source.ts';
import { aFileSource } from './files/mounts/source.ts';
import type { Contents } from './files/tree.ts';
import type { FileSource } from './files/types.ts';
import type { ClockOption } from './system/clock.ts';
import type { RandomOption } from './system/random.ts';
import { type InputOption, type OutputOption, Sink, Source } from './system/streams.ts';
import type { Giver, StreamName, WasiLimits } from './system/system.ts';

/** What `wasi` gives to a program. */
export interface WasiOptions {
  /** The program's name first; none unless told. */
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Text, bytes, a function that tells what comes next (null at the end), an iterable or a stream; nothing unless told.
   * Text and bytes are part of the VM. All else belongs to the host: where a VM is restored, it goes on with what is given
   * there.
   */
  readonly stdin?: InputOption | undefined;
  /** A function or a stream. What goes to none is kept, is part of the VM, and told by `Wasi.of`. */
  readonly stdout?: OutputOption | undefined;
  readonly stderr?: OutputOption | undefined;
  /** Which of the streams are terminals, to the program. */
  readonly terminals?: readonly StreamName[] | undefined;
  /** Files in memory, which the program sees as `/`: by path, or with `memoryFiles` and the like. */
  readonly files?: Contents | FileSource | undefined;
  /** File systems by the path that the program sees. */
  readonly preopens?: Readonly<Record<string, FileSource>> | undefined;
  /** `live` unless told. */
  readonly clock?: ClockOption | undefined;
  readonly random?: RandomOption | undefined;
  /** Output: 64 MiB where it is kept, else no bound. Descriptors: 1,024. Bytes of files: 1 GiB. */
  readonly limits?: Partial<WasiLimits> | undefined;
  /** Host functions in the place of calls, such as those on sockets. */
  readonly calls?: Readonly<Record<string, HostFunction>> | undefined;
  /** Told what the host should know and the guest cannot tell: that a file which was open is gone after a restore. */
  readonly onNote?: ((text: string) => void) | undefined;
}

const streamNames = ['stdin', 'stdout', 'stderr'] as const;
const aTextWithoutNul = check((v: string) => typeof v === 'string' && !v.includes('\0'), 'a text without NUL');

const wasiOptions = optionsOf<WasiOptions>({
  args: listOf(aTextWithoutNul),
  env: recordOf(aTextWithoutNul),
  stdin: anything,
  stdout: anything,
  stderr: anything,
  terminals: listOf(oneOf(...streamNames)),
  files: anObject,
  preopens: recordOf(aFileSource),
  clock: check(
    (v: ClockOption) => v === 'live' || typeof v.start === 'bigint' || v.start instanceof Date,
    "'live', or an object with a start",
  ),
  random: check(
    (v: RandomOption) => v === 'live' || typeof v === 'bigint' || Number.isInteger(v),
    "'live', or an integer to begin with",
  ),
  limits: optionsOf<WasiLimits>({ output: aCount, descriptors: aCount, fileBytes: aCount }),
  calls: anObject,
  onNote: aFunction,
});

const mostKept = 64 * 1024 ** 2;
const mostDescriptors = 1024;
const mostFileBytes = 1024 ** 3;

/** What VMs are made of. Throws UsageError. */
export function giverOf(options: WasiOptions): Giver {
  wasiOptions(options, theOptions);
  const { args = [], env = {}, stdin = '', terminals = [], clock = 'live', random = 'live' } = options;
  for (const name of Object.keys(env))
    if (name.includes('=') || name.includes('\0')) throw new UsageError(`${quoted(name)} is no name of a variable`);
  const stdout = options.stdout && Sink.of(options.stdout, 'stdout');
  const stderr = options.stderr && Sink.of(options.stderr, 'stderr');
  const output = stdout === undefined || stderr === undefined ? mostKept : Infinity;
  return {
    ...{ args: [...args], env: { ...env }, stdin, source: Source.of(stdin), stdout, stderr, terminals },
    ...{ preopens: preopensOf(options), clock, random },
    limits: { output, descriptors: mostDescriptors, fileBytes: mostFileBytes, ...options.limits },
    note: options.onNote ?? (() => {}),
  };
}

function preopensOf({ files, preopens = {}, limits }: WasiOptions): Giver['preopens'] {
  const named = Object.entries(preopens).map(([name, source]) => ({ name, source }));
  if (files === undefined) return named;
  const source = isSource(files)
    ? files
    : memoryFiles({ contents: files, limits: { bytes: limits?.fileBytes ?? mostFileBytes } });
  if (named.some(({ name }) => name === '/')) throw new UsageError('both `files` and `preopens` give `/`');
  return [{ name: '/', source }, ...named];
}

const isSource = (files: Contents | FileSource): files is FileSource =>
  typeof (files as Partial<FileSource>).create === 'function';
