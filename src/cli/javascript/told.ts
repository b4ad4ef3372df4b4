// How a program's outcome is told: for people line by line, and for programs.

import type { Failure, WaitingCall } from '../../javascript/node/index.ts';
import { attempt, cut, isError, mostOfMessage, plain } from '../../spec/told.ts';
import { count } from '../told/print.ts';
import { argument, jsonOf } from './values.ts';

const mostArguments = 20;
const mostCalls = 100;
const mostCauses = 5;

/** What the program threw and did not catch, and where: its message may have lines, which none of ours looks like. */
export function failureLines({ name, message, places, thrown }: Failure): string[] {
  const said = name === '' ? `the program threw ${message}` : `${name}: ${message}`;
  const where = places.map(
    ({ name: of, file, line, column }) => `    at ${of || '<anonymous>'} (${file}:${line}:${column})`,
  );
  return [...indented(cut(said, mostOfMessage)), ...where.map(plain), ...causesOf(thrown)];
}

const indented = (text: string): string[] => text.split('\n').map((line, i) => plain(i === 0 ? line : `  ${line}`));

function causesOf(thrown: unknown): string[] {
  const lines: string[] = [];
  for (let error = thrown; lines.length < mostCauses && isError(error) && isError(error.cause); error = error.cause)
    lines.push(plain(`  because of ${cut(`${error.cause.name}: ${error.cause.message}`, mostOfMessage)}`));
  return lines;
}

export const failureJson = ({ name, message, stack, places }: Failure): object => ({
  ...{ status: 'failed', code: 'exception', name, message: name === '' ? `the program threw ${message}` : message },
  ...{ stack, places },
});

/** The calls that a program waits for, a line each. */
export function callLines(calls: readonly WaitingCall[]): string[] {
  const more = calls.length > mostCalls ? [`  and ${calls.length - mostCalls} more`] : [];
  return [
    ...calls.slice(0, mostCalls).map((call) => `  ${cut(plain(`${call.id}  ${toldCall(call)}`), mostOfMessage)}`),
    ...more,
  ];
}

function toldCall({ tool, args }: WaitingCall): string {
  const told = args.slice(0, mostArguments).map(argument);
  const more = args.length > mostArguments ? [`and ${count(args.length - mostArguments, 'more', 'more')}`] : [];
  return `${cut(tool)}(${[...told, ...more].join(', ')})`;
}

/** The same for programs; arguments that are too large to be written out are null. */
export const callsJson = (calls: readonly WaitingCall[]): object[] =>
  calls.map(({ id, tool, args }) => ({ id, tool, args: attempt(() => jsonOf(args), null) }));

/** A time in milliseconds since 1970, which a program may have set beyond all calendars. */
export const timeOf = (ms: number): string => attempt(() => new Date(ms).toISOString(), `${ms} ms since 1970`);
