// What the `stack` of our errors shows: the innermost frames of the guest, then who called us, and none of our own
// functions. Only V8 says where a stack begins; on other hosts the whole of it stands below the guest's frames.

import { CrashError, GuestError, hide, type TraceFrame, WasboxError } from './errors.ts';
import { attempt, isA, plain } from './told.ts';

/** Lines of frames of the guest, of which an error has more in `frames`, and of the host. */
const most = { guest: 8, host: 4 };

/** Errors that `act` throws show the stack of whoever called `entry`; bugs of ours show all of it. */
export function calledFrom<T>(entry: object, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw showCaller(error, entry);
  }
}

/** The error, with the stack of whoever called the function `entry`, which is running. */
export const showCaller = <E>(error: E, entry: object): E => show(error, () => holderLines(holderOf(entry)));

function show<E>(error: E, callers: () => readonly string[]): E {
  if (isA(error, WasboxError) && !(error instanceof CrashError) && 'captureStackTrace' in Error)
    write(error, [...guestLines(error), ...callers()]);
  return error;
}

/** Tells an error the guest's stack. */
export function showGuest(error: GuestError, frames: readonly TraceFrame[], omitted: number): void {
  error.frames = frames;
  error.omitted = omitted;
  const own = 'captureStackTrace' in Error ? [] : [error.stack ?? ''];
  write(error, [...guestLines(error), ...own]);
}

/**
 * For errors that come later than the call: what `calledFrom` does for those of the call. To be made while `entry` runs; nothing
 * is written before there is an error.
 */
export function laterFrom(entry: object): <E>(error: E) => E {
  const holder = holderOf(entry);
  return (error) => show(error, () => holderLines(holder));
}

function write(error: WasboxError, lines: readonly string[]): void {
  hide(error, 'stack', [`${error.name}: ${error.message}`, ...lines].join('\n'));
}

/** The guest's frames as V8 writes those of its own modules. */
export function guestLines(error: WasboxError): string[] {
  if (!(error instanceof GuestError) || error.frames.length === 0) return [];
  const { frames, omitted } = error;
  const shown = frames.slice(0, most.guest);
  const rest = frames.length - shown.length + omitted;
  const lines = shown.map(
    ({ name, func, offset }) => `    at ${plain(name)} (wasm-function[${func}]:0x${offset.toString(16)})`,
  );
  return rest === 0 ? lines : [...lines, `    ... ${rest} more frames of the guest`];
}

/** V8 writes a stack when it is first read. */
interface Holder {
  stack?: unknown;
}

function holderOf(entry: object): Holder {
  const holder: Holder = {};
  if ('captureStackTrace' in Error) Error.captureStackTrace(holder, entry as () => void);
  return holder;
}

const holderLines = ({ stack }: Holder): string[] => hostLines(typeof stack === 'string' ? stack : '');

/** Where our own functions begin, below a host function that they have called (host/port.ts). */
const belowHostFunction = /^ +at (?:async )?(?:callBody|Port\.answer) /;

/** Takes what is ours from the stack of whatever a host function threw, where it is such as V8 makes. */
export function trimThrown(thrown: unknown): void {
  attempt(() => {
    if (!isA(thrown, Error) || typeof thrown.stack !== 'string') return;
    const lines = thrown.stack.split('\n');
    const end = lines.findIndex((line) => belowHostFunction.test(line));
    if (end > 0) hide(thrown, 'stack', lines.slice(0, end).join('\n'));
  }, undefined);
}

/** Node's own functions, and those of modules: the guest's as we write them, and our native code. */
const ofNobody = /\(node:|at (?:async )?node:|wasm-function\[/;

/** Of a stack as V8 writes it: the first frames that are the program's, down to where our functions called a host function. */
export function hostLines(stack: string): string[] {
  const lines = stack.split('\n').filter((line) => /^ +at /.test(line));
  const end = lines.findIndex((line) => belowHostFunction.test(line));
  const own = end < 0 ? lines : lines.slice(0, end);
  return own.filter((line) => !ofNobody.test(line)).slice(0, most.host);
}
