// The failures, kept apart: one class and one stable `code` each. Every room throws these and nothing else.
// What a trap is made of is in traps.ts; suspension is an outcome (runtime/engine.ts), never an error.

import { attempt, cut, mostOfMessage, toldThrown } from './told.ts';
import type { TrapKind } from './traps.ts';

/** One for each kind of failure. */
export type ErrorCode =
  | 'malformed'
  | 'invalid'
  | 'link'
  | 'trap'
  | 'exhaustion'
  | 'exception'
  | 'host'
  | 'exit'
  | 'snapshot'
  | 'limit'
  | 'usage'
  | 'suspended'
  | 'cancelled'
  | 'worker'
  | 'lost'
  | 'store'
  | 'closed'
  | 'peer'
  | 'deadlock'
  | 'crash';

/** One frame of a guest stack as an error tells it: innermost first. */
export interface TraceFrame {
  /** Name from the name section, else `func[index]`; at most 200 characters of it. */
  readonly name: string;
  /** Function index in its module. */
  readonly func: number;
  /** Byte offset in the function's instruction sequence. */
  readonly pc: number;
  /** Byte offset in the module, as disassemblers print it. */
  readonly offset: number;
}

/** How Node prints an error; other hosts know nothing of it. */
const inspected = Symbol.for('nodejs.util.inspect.custom');
type Inspect = (value: unknown, options: object) => string;

/** What all errors of wasbox have in common. `code` is stable; `message` is for people, and of 2,000 characters at most. */
export abstract class WasboxError extends Error {
  abstract readonly code: ErrorCode;
  constructor(message: string, options?: ErrorOptions) {
    super(cut(message, mostOfMessage), options);
    this.name = new.target.name;
  }

  /** For `JSON.stringify`: name, code, message, the guest's frames, the error's own fields, and of a cause what it is. */
  toJSON(): object {
    const { name, code, message, cause, ...fields } = this;
    const because = Object.hasOwn(this, 'cause') ? { cause: toldThrown(cause) } : {};
    return { name, code, message, ...this.guestStack(), ...fields, ...because };
  }

  /** Where in a guest it happened. */
  protected guestStack(): object {
    return {};
  }

  /** The cause may be anything that a host function threw, and Node's own way to print it throws where that does. */
  [inspected](_depth: number, options: object, inspect: Inspect): string {
    const plainly = { ...options, customInspect: false };
    return attempt(() => inspect(this, plainly), this.stack ?? this.message);
  }
}

/** What the stack tells shorter, and whoever prints an error need not see twice. */
export const hiddenFields: readonly string[] = ['frames', 'omitted'];

/** A property that is there for whoever asks for it, and not printed. */
export function hide(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false });
}

/** What a guest's doing can end with. Its stack shows the innermost frames of the guest, then whoever called us. */
export abstract class GuestError extends WasboxError {
  /** The guest's stack, innermost first; empty where no guest ran. */
  declare frames: readonly TraceFrame[];
  /** How many outer frames are not told in `frames`. */
  declare omitted: number;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    hide(this, 'frames', []);
    hide(this, 'omitted', 0);
  }

  protected override guestStack(): object {
    const { frames, omitted } = this;
    return frames.length > 0 ? { frames, omitted } : {};
  }
}

/** The bytes are not a WebAssembly module. `offset` is the byte where that shows. */
export class MalformedError extends WasboxError {
  readonly code = 'malformed';
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(`${message} (at byte 0x${offset.toString(16)})`);
  }
}

/** The module is well formed but breaks a validation rule. `offset` is the byte where that shows. */
export class InvalidError extends WasboxError {
  readonly code = 'invalid';
  constructor(
    message: string,
    readonly offset: number,
    readonly func?: string,
  ) {
    super(`${message} (at byte 0x${offset.toString(16)}${func === undefined ? '' : `, in ${func}`})`);
  }
}

/** An import is missing or of the wrong type, or an export is unknown. */
export class LinkError extends WasboxError {
  readonly code = 'link';
}

/** The guest did what the specification forbids; its stack is told, innermost frame first. */
export class Trap extends GuestError {
  readonly code: 'trap' | 'exhaustion' | 'exception' = 'trap';
  constructor(
    readonly kind: TrapKind,
    detail = '',
  ) {
    super(detail === '' ? kind : `${kind}: ${detail}`);
  }
}

/** The guest ran out of its stack or of its heap. A trap of its own, so that callers can raise the limit. */
export class ExhaustionError extends Trap {
  override readonly code = 'exhaustion';
  /** As LimitError has it. */
  readonly limit: string;
  readonly value: number | undefined;
  constructor(
    detail: string,
    { limit, value }: LimitReached,
    kind: 'call stack exhausted' | 'out of heap memory' = 'call stack exhausted',
  ) {
    super(kind, detail);
    this.limit = limit;
    this.value = value;
  }
}

/** An exception of the guest that nothing caught. */
export class UncaughtError extends Trap {
  override readonly code = 'exception';
  constructor(
    /** Address of the exception in the VM's store. */
    readonly exception: number,
  ) {
    super('uncaught exception');
  }
}

/** A host function threw, timed out, or returned values of the wrong type; `cause` is what it threw. */
export class HostError extends GuestError {
  readonly code = 'host';
}

/** The guest ended its program by a call of the host, where that can be no outcome: in a call that cannot be suspended. */
export class ExitError extends WasboxError {
  readonly code = 'exit';
  constructor(
    /** As the guest said it: 32 bits without a sign. */
    readonly exitCode: number,
  ) {
    super(`the guest exited with code ${exitCode}`);
  }
}

/** Bytes or data that are not a snapshot this VM can resume. */
export class SnapshotError extends WasboxError {
  readonly code = 'snapshot';
  constructor(
    message: string,
    /** Which part, e.g. `frame 3`, `memory 0, page 17`. */
    readonly where: string,
    options?: ErrorOptions,
  ) {
    super(`${message} (${where})`, options);
  }
}

/** Which limit it was. */
export interface LimitReached {
  /** The name of the option that sets it (`memory`, `tables`, `fuel`, `deadline`, …), or of what has a fixed limit. */
  readonly limit: string;
  /** How much it allows, where that is a number and known. */
  readonly value?: number | undefined;
}

/** A limit of the VM, the job or the implementation was reached. */
export class LimitError extends GuestError {
  readonly code = 'limit';
  readonly limit: string;
  readonly value: number | undefined;
  constructor(message: string, { limit, value, ...options }: ErrorOptions & LimitReached) {
    super(message, options);
    this.limit = limit;
    this.value = value;
  }
}

/** Why a store could not do what it was asked. */
export type StoreReason =
  /** A head is not what the change expected: somebody else has changed it. */
  | 'conflict'
  /** A blob that is named is not there. */
  | 'missing'
  /** What was kept is not what is there now: bytes were changed or cut off. */
  | 'damaged'
  /** The disk or the database is full, or the file may not grow any more; nothing of the commit is there. */
  | 'full'
  /** It is of another format, or no store. */
  | 'version'
  /** It was closed. */
  | 'closed'
  /**
   * The process that has the file open ended, or was ended as it did not answer; or a database was not heard of in time. Whether a
   * commit that was under way took place is not known: whoever must know it looks at the head, and makes its next change from the
   * version that it finds, of which one can be done.
   */
  | 'gone'
  /** The operating system refused, and `cause` tells; or the database did. */
  | 'io';

/** A store could not do what it was asked. */
export class StoreError extends WasboxError {
  readonly code = 'store';
  constructor(
    message: string,
    readonly reason: StoreReason,
    /** Which part, e.g. `head "job/a"`, `blob 3f…`, or the path. */
    readonly where: string,
    options?: ErrorOptions,
  ) {
    super(`${message} (${where})`, options);
  }
}

/** The caller asked for what cannot be: a wrong argument count or type, a busy VM, an unknown option. */
export class UsageError extends WasboxError {
  readonly code = 'usage';
}

/** Our own bug. */
export class CrashError extends WasboxError {
  readonly code = 'crash';
  constructor(message: string, options?: ErrorOptions) {
    super(`${message} — this is a bug in wasbox; please report it with the module that shows it`, options);
  }
}
