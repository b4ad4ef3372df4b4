// Tools: functions of the host that a program calls.

import { UsageError } from '../../spec/errors.ts';
import { aFunction, type Signal } from '../../spec/options.ts';
import { isError, messageOf } from '../../spec/told.ts';
import { encodeValue } from '../values/encode.ts';
import type { Message } from '../values/format.ts';

/** What a tool may answer: the program comes to rest, and waits for whoever resumes it with the call's result. */
export const pause: unique symbol = Symbol('pause');

/** `this` of a tool: the call that it answers. */
export interface ToolCall {
  /** The same wherever and however often the call is made again, and no other call's. */
  readonly id: string;
  readonly tool: string;
  /** Aborted when the program is paused, or over a limit, before the answer is there. */
  readonly signal: Signal;
}

/**
 * What a program calls: with copies of its arguments; what it returns, or its promise gives, is copied back. What it
 * throws the program can catch: name, message and cause of it.
 */
export type ToolFunction = (this: ToolCall, ...args: never[]) => unknown;

/** A tool whose calls give the program a promise. */
export class AwaitedTool {
  /** @hidden */
  constructor(readonly answer: ToolFunction) {}
}
export const isAwaitedTool = (value: unknown): value is AwaitedTool => value instanceof AwaitedTool;

/** Tools by name. */
export type Tools = Readonly<Record<string, ToolFunction | AwaitedTool>>;

/**
 * A tool whose calls give the program a promise, so that several are under way at once. Of any other tool `name.async(…)`
 * does the same. Throws UsageError.
 */
export function asyncTool(answer: ToolFunction): AwaitedTool {
  aFunction(answer, 'a tool');
  return new AwaitedTool(answer);
}

export function functionOf(tools: Tools, name: string): ToolFunction | undefined {
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
  return isAwaitedTool(tool) ? tool.answer : tool;
}

/** A value as a reply; one that cannot be copied is an error. */
export function replyOf(value: unknown, what: string): Message {
  try {
    const { text, blobs } = encodeValue(value, what);
    return { text: `+${text}`, blobs };
  } catch (error) {
    return failureOf(error, what);
  }
}

/** What was thrown as a reply. */
export function failureOf(thrown: unknown, what: string): Message {
  try {
    const { text, blobs } = encodeValue(thrown, what);
    return { text: `-${text}`, blobs };
  } catch {
    const told = isError(thrown) ? new Error(thrown.message) : new UsageError(messageOf(thrown));
    return { text: `-${encodeValue(new Error(messageOf(told)), what).text}`, blobs: [] };
  }
}
