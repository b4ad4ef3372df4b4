// What a script learns from the exit code, and how an error is told: to people in a line and the guest's stack below it,
// to programs as JSON. Each error of wasbox has a row; what is none of them and no mistake of the user is ours.

import { CommanderError } from 'commander';
import {
  CrashError,
  type ErrorCode,
  HostError,
  LinkError,
  StoreError,
  type TraceFrame,
  Trap,
  UsageError,
  WasboxError,
} from '../../spec/errors.ts';
import { isA, messageOf, plain, toldThrown } from '../../spec/told.ts';

export const exits = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'the program failed: it trapped or threw, a host function did, or a job of a batch' },
  usage: { code: 2, meaning: 'wrong usage: an option, an argument, or a file that cannot be read' },
  module: { code: 3, meaning: 'not a WebAssembly module, or an invalid one' },
  link: { code: 4, meaning: 'an import is missing or of the wrong type, or an export is unknown' },
  suspended: {
    code: 5,
    meaning: 'suspended: out of fuel or time, waiting for a call of a tool, or interrupted with --save or --output',
  },
  snapshot: { code: 6, meaning: 'not a snapshot that can be resumed' },
  limit: { code: 7, meaning: 'a limit was reached' },
  output: { code: 8, meaning: 'what was to be saved or printed could not be written: the disk is full' },
  store: { code: 9, meaning: 'a store is damaged, or of another version, or a job of it is in other hands by now' },
  crash: { code: 70, meaning: 'a bug in wasbox' },
  hangup: { code: 129, meaning: 'ended by SIGHUP' },
  interrupted: { code: 130, meaning: 'ended by SIGINT (Ctrl-C)' },
  terminated: { code: 143, meaning: 'ended by SIGTERM' },
} as const;

/** One of ours, or the code with which a program for WASI ended. */
export type Exit = keyof typeof exits | number;

/** Of a program the low eight bits, as everywhere. */
export const codeOf = (exit: Exit): number => (typeof exit === 'number' ? exit & 255 : exits[exit].code);

const exitOf: Record<ErrorCode, keyof typeof exits> = {
  malformed: 'module',
  invalid: 'module',
  link: 'link',
  trap: 'failed',
  exhaustion: 'failed',
  exception: 'failed',
  host: 'failed',
  exit: 'failed',
  snapshot: 'snapshot',
  limit: 'limit',
  usage: 'usage',
  suspended: 'suspended',
  cancelled: 'failed',
  worker: 'failed',
  lost: 'store',
  store: 'store',
  closed: 'failed',
  peer: 'failed',
  deadlock: 'failed',
  crash: 'crash',
};

/** The error, which tells more: how to go on. */
export function withMore<E extends WasboxError>(error: E, more: string): E {
  error.message = `${error.message}; ${more}`;
  return error;
}

/** A part of the help. */
export const exitCodesHelp = [
  'Exit codes:',
  ...Object.values(exits).map(({ code, meaning }) => `  ${String(code).padEnd(3)} ${meaning}`),
  'A program for WASI that ends by itself does so with its own.',
].join('\n');

/** A file could not be written when there was something to write: no mistake of the user, and perhaps a loss. */
export class OutputError extends UsageError {}

/** The command was ended before it had begun anything. */
export class GivenUpError extends UsageError {
  constructor(
    message: string,
    readonly exit: keyof typeof exits,
  ) {
    super(message);
  }
}

/** Whether it is that of a store that has no room. */
export const isFullDisk = (error: unknown): error is StoreError => isA(error, StoreError) && error.reason === 'full';

/** Why an operating system call failed, where Node's own message would name the call. */
const systemReasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EEXIST: 'it is there already',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it would be larger than files may be',
  EIO: 'the disk fails',
  EROFS: 'the disk is read-only',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links lead nowhere',
  EMFILE: 'too many files are open',
};

/** Why a file operation failed, or undefined where that was none. */
export function systemReason(cause: unknown): string | undefined {
  if (isA(cause, WasboxError)) return undefined;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? (systemReasons[code] ?? code) : undefined;
}

/** A UsageError for what a file operation threw. */
export function fileError(act: string, path: string, cause: unknown): Error {
  const reason = systemReason(cause);
  if (reason === undefined) return isA(cause, Error) ? cause : new CrashError(toldThrown(cause));
  return new UsageError(`cannot ${act} ${path}: ${reason}`, { cause });
}

/** What was thrown, as one of ours. */
export function known(thrown: unknown): WasboxError {
  if (isA(thrown, WasboxError)) return thrown;
  if (isA(thrown, CommanderError)) return new UsageError(thrown.message.replace(/^error: /, ''), { cause: thrown });
  return new CrashError(messageOf(thrown), { cause: thrown });
}

export function exitFor(error: WasboxError): keyof typeof exits {
  if (error instanceof GivenUpError) return error.exit;
  return error instanceof OutputError || isFullDisk(error) ? 'output' : exitOf[error.code];
}

const prefixes: Partial<Record<ErrorCode, string>> = { trap: 'trap: ', exhaustion: 'trap: ', limit: 'limit: ' };

/** The error in one line; a trap names the innermost frame. */
export function errorLine(error: WasboxError): string {
  const [frame] = framesOf(error);
  const place = frame === undefined ? '' : ` (in ${placeOf(frame)})`;
  return plain(`${prefixes[error.code] ?? kindOf(error)}${error.message}${place}`);
}

/** The error and the frames around its own: a line each. */
export function errorLines(error: WasboxError): string[] {
  const callers = framesOf(error).slice(1);
  const omitted = isTraced(error) ? error.omitted : 0;
  return [
    errorLine(error),
    ...callers.map((frame) => plain(`  called by ${placeOf(frame)}`)),
    ...(omitted > 0 ? [`  and ${omitted} more`] : []),
  ];
}

const kindOf = (error: WasboxError): string => (error instanceof LinkError ? 'cannot link: ' : '');

const isTraced = (error: WasboxError): error is Trap | HostError => error instanceof Trap || error instanceof HostError;
const framesOf = (error: WasboxError): readonly TraceFrame[] => (isTraced(error) ? error.frames : []);
const placeOf = ({ name, offset }: TraceFrame): string => `${name}, at byte 0x${offset.toString(16)}`;

/** The same for programs, whatever it is and whichever command it ends. */
export function errorJson(error: WasboxError): object {
  const exit = exitFor(error);
  return {
    status: 'failed',
    code: exit === 'output' || error instanceof GivenUpError ? exit : error.code,
    message: error.message,
    ...(isTraced(error) && { frames: error.frames, omitted: error.omitted }),
  };
}
