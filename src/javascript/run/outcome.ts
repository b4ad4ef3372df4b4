// What a run comes to: to an end, or to rest.

import { attempt, cut, isError, told } from '../../spec/told.ts';
import { libraryFile } from '../guest/ops.ts';
import type { ToolRequest } from '../machine/state.ts';
import { decodeValue } from '../values/decode.ts';
import type { Message } from '../values/format.ts';

/** What a program printed. */
export interface ConsoleEvent {
  readonly level: 'log' | 'info' | 'warn' | 'error' | 'debug';
  /** Copies of what it was given; functions and what else cannot be copied are texts. */
  readonly values: readonly unknown[];
}

/** A place in a program's code. */
export interface Place {
  /** The function's name; empty where it has none. */
  readonly name: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** What a program threw and did not catch. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  /** Name, message and places, as text. */
  readonly stack: string;
  /** Innermost first. */
  readonly places: readonly Place[];
  /** A copy of what was thrown. */
  readonly thrown: unknown;
}

/** A call of a tool that a program waits for. */
export interface WaitingCall {
  readonly id: string;
  readonly tool: string;
  readonly args: readonly unknown[];
}

/** What an outcome may be asked for before its status is: undefined where it has none. */
export interface OutcomeOf<S extends string> {
  readonly status: S;
  /** Units of fuel that the program has used so far; of a session, the evaluation. */
  readonly fuel: number;
  readonly value?: unknown;
  readonly error?: Failure | undefined;
  /** With which the program goes on, anywhere. */
  readonly token?: Uint8Array<ArrayBuffer> | undefined;
  readonly call?: WaitingCall | undefined;
  readonly calls?: readonly WaitingCall[] | undefined;
  readonly until?: number | undefined;
}
/** Of outcomes of programs that can go on. */
export interface AtRest {
  /** With which it goes on, anywhere. */
  readonly token: Uint8Array<ArrayBuffer>;
}

/** What a run comes to. */
export type ProgramOutcome =
  | (OutcomeOf<'done'> & { readonly value: unknown })
  | (OutcomeOf<'failed'> & { readonly error: Failure })
  /**
   * It waits for calls of tools that nobody here answers: `call` is the first of `calls`. Where a timer of it is due
   * before, `until` tells when, in milliseconds since 1970: resumed then, it goes on without them.
   */
  | (OutcomeOf<'waiting'> & AtRest & { readonly call: WaitingCall; readonly calls: readonly WaitingCall[] })
  /** It sleeps `until` then, in milliseconds since 1970. */
  | (OutcomeOf<'sleeping'> & AtRest & { readonly until: number })
  /** It was paused. */
  | (OutcomeOf<'paused'> & AtRest);

/** What a program came to where it ran, which may be another thread: values as messages, calls by their numbers. */
export type RawOutcome =
  | { readonly status: 'done'; readonly fuel: number; readonly value: Message }
  /** Without an error where it waits for a promise that nothing will settle. */
  | { readonly status: 'failed'; readonly fuel: number; readonly error?: Message }
  | (RawRest & { readonly status: 'waiting'; readonly timer?: Timer | undefined })
  | (RawRest & { readonly status: 'sleeping'; readonly timer: Timer })
  | (RawRest & { readonly status: 'paused' });
interface RawRest {
  readonly fuel: number;
  readonly token: Uint8Array<ArrayBuffer>;
  /** Calls that have no reply; the first is the one that the program is in, if it is in one. */
  readonly calls: readonly ToolRequest[];
  readonly isInCall: boolean;
}
/** When the first one of a program is due, by the program's clock, and in how many ms. */
export interface Timer {
  readonly until: number;
  readonly left: number;
}

/** What whoever ran a program is told. `idOf`: of a call, by its number. */
export function outcomeOf(raw: RawOutcome, idOf: (number: number) => string): ProgramOutcome {
  const { status, fuel } = raw;
  switch (status) {
    case 'done':
      return { status, value: decodeValue(raw.value), fuel };
    case 'failed':
      return { status, error: raw.error === undefined ? stalled : failureOfMessage(raw.error), fuel };
    case 'waiting': {
      const calls = raw.calls.map(({ number, tool, args }) => ({ id: idOf(number), tool, args: argsOf(args) }));
      const until = raw.timer && { until: Math.ceil(raw.timer.until) };
      return { status, call: calls[0] as WaitingCall, calls, ...until, token: raw.token, fuel };
    }
    case 'sleeping':
      return { status, until: Math.ceil(raw.timer.until), token: raw.token, fuel };
    case 'paused':
      return { status, token: raw.token, fuel };
  }
}

const argsOf = (args: Message) => decodeValue(args) as unknown[];

const stalledMessage = 'the program waits for a promise that nothing will settle';
const stalled = {
  ...{ name: 'Error', message: stalledMessage, stack: `Error: ${stalledMessage}` },
  ...{ places: [], thrown: undefined },
} as const;

export const eventOf = (level: string, message: Message): ConsoleEvent => ({
  level: level as ConsoleEvent['level'],
  values: decodeValue(message) as readonly unknown[],
});

const line = /^ *at (?:(.*?) \()?(.*?):(\d+)(?::(\d+))?\)?$/;

/** Places of a stack as QuickJS writes it, without those in the library. */
function placesOf(stack: string): Place[] {
  return stack.split('\n').flatMap((text) => {
    const [, name = '', file = '', row, column] = line.exec(text) ?? [];
    if (row === undefined || file === libraryFile) return [];
    return [{ name: name.replace(/^<.*>$/, ''), file, line: Number(row), column: Number(column ?? 1) }];
  });
}

/** What a program failed with, of the message that tells it. */
function failureOfMessage(message: Message): Failure {
  const thrown = decodeValue(message);
  if (!isError(thrown)) return { name: '', message: told(thrown), stack: told(thrown), places: [], thrown };
  const { name, message: text } = thrown;
  const places = placesOf(attempt(() => String(thrown.stack), ''));
  const shown = places.map(
    (place) => `\n    at ${place.name || '<anonymous>'} (${place.file}:${place.line}:${place.column})`,
  );
  const stack = `${cut(`${name}: ${text}`, 2000)}${shown.join('')}`;
  Object.defineProperty(thrown, 'stack', { value: stack, writable: true, configurable: true });
  return { name, message: text, stack, places, thrown };
}
