// Compiling a module while its thread does other things: how long it may take and who may call it off; and in pieces, where no
// other thread does it.

import { decodeSteps } from '../../binary/decode.ts';
import { maxModuleBytes } from '../../binary/limits.ts';
import type { ModuleSyntax } from '../../binary/module.ts';
import { LimitError } from '../../spec/errors.ts';
import { aCount, aSignal, aTime, type Checks, optionsOf, type Signal, theOptions } from '../../spec/options.ts';
import { nextTurn, type Steps, withDeadline } from '../../spec/patience.ts';
import type { ModuleContext } from '../../validate/context.ts';
import { validateSteps } from '../../validate/module.ts';

/** What a module may take that is compiled beside other work, and who may call it off. */
export interface CompileOptions {
  /** The most bytes that it may have: more end with LimitError, before anything else is done. */
  readonly size?: number | undefined;
  /** So long it may take, in ms, waiting for a thread included; then it ends with LimitError. */
  readonly timeout?: number | undefined;
  /** Once it is aborted, compiling ends, and rejects with its reason: an AbortError unless told otherwise. */
  readonly signal?: Signal | undefined;
}
const checks: Checks<CompileOptions> = { size: aCount, timeout: aTime, signal: aSignal };
const compileOptions = optionsOf(checks);

/** Throws UsageError. */
export const checkCompile = (options: CompileOptions): void => compileOptions(options, theOptions);

/** A module with all that is known of it. */
export interface Whole {
  readonly syntax: ModuleSyntax;
  readonly context: ModuleContext;
}

/** A piece takes so long, in ms. */
const pieceMs = 5;

/** Pieces of all modules come one by one, so that other code has its turn after each. */
let turns: Promise<void> = Promise.resolve();

function turn(): Promise<void> {
  turns = turns.then(nextTurn);
  return turns;
}

/** Until when a module is wanted. */
export class Course {
  private readonly until: number;
  private readonly timeout: number;
  private readonly signal: Signal | undefined;

  /** Throws LimitError where the module is too large, and the reason of a signal that is aborted already. */
  constructor(length: number, { size = maxModuleBytes, timeout = Number.POSITIVE_INFINITY, signal }: CompileOptions) {
    this.timeout = timeout;
    this.signal = signal;
    this.until = performance.now() + timeout;
    if (signal?.aborted === true) throw signal.reason;
    if (length > size)
      throw new LimitError(`size: the module has ${length} bytes, and may have ${size}`, {
        limit: 'size',
        value: size,
      });
  }

  private get isOver(): boolean {
    return performance.now() >= this.until;
  }

  private over(): LimitError {
    const { timeout } = this;
    const message = `timeout: the module was not compiled within ${timeout} ms`;
    return new LimitError(message, { limit: 'timeout', value: timeout });
  }

  /** Decodes and validates, as both at once would. */
  async inPieces(bytes: Uint8Array): Promise<Whole> {
    const syntax = await this.through(decodeSteps(bytes));
    return { syntax, context: await this.through(validateSteps(syntax)) };
  }

  private async through<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      await turn();
      if (this.signal?.aborted === true) throw this.signal.reason;
      const step = this.piece(steps);
      if (step.done === true) return step.value;
    }
  }

  private piece<T>(steps: Steps<T>): IteratorResult<void, T> {
    if (this.isOver) throw this.over();
    const end = performance.now() + pieceMs;
    try {
      return withDeadline(this.until, () => {
        for (;;) {
          const step = steps.next();
          if (step.done === true || performance.now() >= end) return step;
        }
      });
    } catch (error) {
      throw error instanceof LimitError && error.limit === 'time' ? this.over() : error;
    }
  }

  /** What the work comes to, or why nobody waits for it any more. */
  async orEnd<T>(work: Promise<T>): Promise<T> {
    const { signal, timeout } = this;
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const left = Math.max(0, this.until - performance.now());
    const timer = timeout === Number.POSITIVE_INFINITY ? undefined : setTimeout(stop, left);
    signal?.addEventListener('abort', stop);
    try {
      return await Promise.race([work, stopped.then(() => this.why())]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  private why(): never {
    if (this.signal?.aborted === true) throw this.signal.reason;
    throw this.over();
  }
}
