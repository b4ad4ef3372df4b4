// The error classes of the JS API, and which of our failures becomes which.
// https://webassembly.github.io/spec/js-api/#error-objects

import { ExhaustionError, LimitError, LinkError as LinkFailure, type TraceFrame, Trap } from '../spec/errors.ts';
import { isA, peek } from '../spec/told.ts';
import { checkHostStack } from './host-stack.ts';

interface ErrorClass {
  readonly prototype: Error;
  new (message?: string, options?: ErrorOptions): Error;
  (message?: string, options?: ErrorOptions): Error;
}

/** As the host's native errors are: callable without `new`, too. */
function errorClass(name: string): ErrorClass {
  function made(message?: string, options?: ErrorOptions): Error {
    return Reflect.construct(Error, message === undefined ? [] : [message, options], new.target ?? made);
  }
  Object.setPrototypeOf(made, Error);
  const property = (value: unknown) => ({ value, writable: true, configurable: true });
  const prototype = Object.create(Error.prototype, {
    constructor: property(made),
    name: property(name),
    message: property(''),
  });
  Object.defineProperty(made, 'prototype', { value: prototype, writable: false });
  Object.defineProperty(made, 'name', { value: name, configurable: true });
  Object.defineProperty(made, 'length', { value: 1, configurable: true });
  return made as unknown as ErrorClass;
}

export const CompileError = errorClass('CompileError');
export const LinkError = errorClass('LinkError');
export const RuntimeError = errorClass('RuntimeError');
export const SuspendError = errorClass('SuspendError');

/** What a failure of the guest is to JavaScript. https://webassembly.github.io/spec/js-api/#stack-overflow */
export function trapped(cause: Trap): Error {
  if (!(cause instanceof ExhaustionError)) return withFrames(new RuntimeError(cause.message, { cause }), cause.frames);
  const overflow = cause.kind === 'call stack exhausted';
  return withFrames(new RangeError(overflow ? stackOverflow : cause.message, { cause }), cause.frames);
}

export const stackOverflow = 'Maximum call stack size exceeded';

/** Whether the host itself has no stack left. */
export const isHostOverflow = (error: unknown): boolean =>
  (isA(error, RangeError) && peek(error, 'message') === stackOverflow) ||
  (isA(error, Error) && peek(error, 'name') === 'InternalError');

/** What a failed allocation or instantiation is to JavaScript; anything else stays what it is. */
export function refused(error: unknown): unknown {
  if (isA(error, LinkFailure)) return new LinkError(error.message, { cause: error });
  if (isA(error, LimitError)) return new RangeError(error.message, { cause: error });
  return isA(error, Trap) ? trapped(error) : error;
}

/** Changes the store as asked; where that fails, throws what JavaScript expects. */
export function attempt<T>(act: () => T): T {
  try {
    checkHostStack();
    return act();
  } catch (error) {
    throw refused(error);
  }
}

/** The guest's frames stand above the host's, as V8 writes them. */
function withFrames(error: Error, frames: readonly TraceFrame[]): Error {
  const [head = '', ...host] = (error.stack ?? '').split('\n    at ');
  const guest = frames.map(({ name, func, offset }) => `${name} (wasm-function[${func}]:0x${offset.toString(16)})`);
  const stack = [head, ...guest, ...host].join('\n    at ');
  return Object.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
}
