// What a script learns from the exit code, and how an error is told to people: in one line. Each error of wasbox has a
// row; what is none of them and no mistake of the user is ours.

import { CrashError, type ErrorCode, HostError, LinkError, Trap, UsageError, WasboxError } from '../spec/errors.ts';
import { isA, messageOf, toldThrown } from '../spec/told.ts';
import { plain } from './print.ts';

export const exits = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'the guest trapped, a host function threw, or a job of a batch failed' },
  usage: { code: 2, meaning: 'wrong usage: an option, an argument, or a file that cannot be read' },
  module: { code: 3, meaning: 'not a WebAssembly module, or an invalid one' },
  link: { code: 4, meaning: 'an import is missing or of the wrong type, or an export is unknown' },
  suspended: { code: 5, meaning: 'suspended: out of fuel, or interrupted with --save' },
  snapshot: { code: 6, meaning: 'not a snapshot that can be resumed' },
  limit: { code: 7, meaning: 'a limit was reached' },
  crash: { code: 70, meaning: 'a bug in wasbox' },
} as const;

export type Exit = keyof typeof exits;

const exitOf: Record<ErrorCode, Exit> = {
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
  crash: 'crash',
};

/** A part of the help. */
export const exitCodesHelp = [
  'Exit codes:',
  ...Object.values(exits).map(({ code, meaning }) => `  ${String(code).padEnd(3)} ${meaning}`),
].join('\n');

/** Why an operating system call failed, where Node's own message would name the call. */
const systemReasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};

/** A UsageError for what a file operation threw. */
export function fileError(act: string, path: string, cause: unknown): Error {
  const code = (cause as NodeJS.ErrnoException)?.code;
  if (typeof code !== 'string') return isA(cause, Error) ? cause : new CrashError(toldThrown(cause));
  return new UsageError(`cannot ${act} ${path}: ${systemReasons[code] ?? code}`, { cause });
}

/** What was thrown, as one of ours. */
export function known(thrown: unknown): WasboxError {
  if (isA(thrown, WasboxError)) return thrown;
  return new CrashError(messageOf(thrown), { cause: thrown });
}

export const exitFor = (error: WasboxError): Exit => exitOf[error.code];

const prefixes: Partial<Record<ErrorCode, string>> = { trap: 'trap: ', exhaustion: 'trap: ', limit: 'limit: ' };

/** The error in one line; a trap names the innermost frame. */
export function errorLine(error: WasboxError): string {
  return plain(`${prefixes[error.code] ?? kindOf(error)}${error.message}${place(error)}`);
}

const kindOf = (error: WasboxError): string => (error instanceof LinkError ? 'cannot link: ' : '');

function place(error: WasboxError): string {
  if (!(error instanceof Trap || error instanceof HostError)) return '';
  const [frame] = error.frames;
  return frame === undefined ? '' : ` (in ${frame.name}, at byte 0x${frame.offset.toString(16)})`;
}
