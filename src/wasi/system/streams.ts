// Standard streams: what the host gives (a source, a sink), which is bound to a process and may serve several VMs in turn,
// and what a VM has of them, which is its state: bytes that came and were not read, bytes that were written and are kept.

import { concatBytes } from '@noble/hashes/utils.js';
import { sharedCopy } from '../../runtime/beneath/shared.ts';
import { SnapshotError, UsageError } from '../../spec/errors.ts';
import { told } from '../../spec/told.ts';
import { ErrnoError, fail } from '../errno.ts';
import { copyBytes, type Stretches } from '../memory.ts';

/** A text stands for its UTF-8. */
export type Chunk = Uint8Array | string;

/** A reader that tells what comes next; null or undefined is the end. */
export interface Reader {
  (): Chunk | null | undefined | PromiseLike<Chunk | null | undefined>;
  /** What is there already beyond what was told: a VM that is saved takes it along. */
  ahead?(): Chunk | null | undefined;
}
/** What we use of web streams that are read. */
export interface WebReadable {
  /** Whoever has it reads alone. */
  getReader(): {
    /** The next chunk. */
    read(): Promise<{ readonly done: boolean; readonly value?: Chunk | undefined }>;
    /** Nobody reads on. */
    cancel(): Promise<unknown>;
  };
}
/** Web streams, Node's readable streams, and all that is iterated asynchronously. */
export type InputOption = Chunk | Reader | AsyncIterable<Chunk> | Iterable<Chunk> | WebReadable;

/** `offset`: of these bytes in all that the guest has written to the stream, wherever it ran. */
export type Writer = (bytes: Uint8Array, told: { readonly offset: number }) => void | PromiseLike<void>;
/** What we use of Node's writable streams. */
export interface NodeWritable {
  /** False where it takes no more for now. */
  write(bytes: Uint8Array): boolean;
  /** Tells of what goes wrong. */
  on(event: 'error', listener: (error: unknown) => void): unknown;
  /** Tells that it takes more. */
  once(event: 'drain' | 'close', listener: () => void): unknown;
}
/** What we use of web streams that are written. */
export interface WebWritable {
  /** Whoever has it writes alone. */
  getWriter(): {
    readonly desiredSize: number | null;
    readonly ready: Promise<unknown>;
    /** Resolves once it is written. */
    write(bytes: Uint8Array): Promise<unknown>;
  };
}
/** Where what is written goes. */
export type OutputOption = Writer | WebWritable | NodeWritable;

const encoded = (chunk: Chunk): Uint8Array => (typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);

// The host's ends.

/** Bytes of the host, taken piece by piece as somebody asks for them. */
export class Source {
  private ready: Uint8Array | undefined;
  private ended = false;
  private failure: unknown;
  /** Settles when it is worth asking again; there while something is on its way. */
  coming: Promise<void> | undefined;

  private constructor(
    private readonly next: Reader,
    private readonly stop: () => unknown,
  ) {}

  /** Undefined for bytes that are there at once. Throws UsageError. */
  static of(option: InputOption): Source | undefined {
    if (typeof option === 'string' || option instanceof Uint8Array) return undefined;
    if (typeof option === 'function') return new Source(option, () => undefined);
    const iterator = iteratorOf(option);
    if (iterator === undefined)
      throw new UsageError(`stdin must be text, bytes, a function, an iterable or a stream, not ${told(option)}`);
    return new Source(
      () => {
        const step = iterator.next();
        return isPromise(step) ? step.then(chunkOf) : chunkOf(step);
      },
      () => iterator.return?.(),
    );
  }

  /** Bytes, at least one; null at the end; undefined where nothing is there yet. Throws ErrnoError where it has failed. */
  take(): Uint8Array | null | undefined {
    while (this.ready === undefined && !this.ended && this.coming === undefined) this.ask();
    const ready = this.takeReady();
    if (ready !== undefined) return ready;
    if (this.coming !== undefined) return undefined;
    if (this.failure !== undefined) fail('io', this.failure);
    return null;
  }

  /** What has come already, if anything. */
  takeReady(): Uint8Array | undefined {
    const { ready } = this;
    this.ready = undefined;
    return ready;
  }

  /** All that can be had without waiting; for a VM that goes elsewhere. */
  takeAhead(): Uint8Array | undefined {
    const [ready, ahead] = [this.takeReady(), this.ended ? undefined : this.next.ahead?.()];
    return ahead === undefined || ahead === null ? ready : concatBytes(...(ready ? [ready] : []), encoded(ahead));
  }

  private ask(): void {
    try {
      const chunk = this.next();
      if (!isPromise(chunk)) return this.came(chunk);
      this.coming = Promise.resolve(chunk).then(
        (value) => {
          this.coming = undefined;
          this.came(value);
        },
        (error: unknown) => {
          this.coming = undefined;
          this.failed(error);
        },
      );
    } catch (error) {
      this.failed(error);
    }
  }

  private came(chunk: Chunk | null | undefined): void {
    if (chunk === null || chunk === undefined) this.ended = true;
    else if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))
      this.failed(new TypeError('neither text nor bytes'));
    else if (chunk.length > 0) this.ready = encoded(chunk);
  }

  private failed(error: unknown): void {
    this.ended = true;
    this.failure = error ?? new Error('the source failed');
  }

  /** Nothing more will be asked for. */
  close(): void {
    this.ended = true;
    this.stop();
  }
}

const isPromise = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';

const chunkOf = ({ done, value }: IteratorResult<Chunk>): Chunk | null => (done === true ? null : value);

type AnyIterator = Iterator<Chunk> | AsyncIterator<Chunk>;

function iteratorOf(option: object): AnyIterator | undefined {
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = option as Partial<
    AsyncIterable<Chunk> & Iterable<Chunk>
  >;
  if (async !== undefined) return async.call(option);
  if (sync !== undefined) return sync.call(option);
  if (!('getReader' in option)) return undefined;
  const reader = (option as WebReadable).getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<Chunk>>,
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** Takes what guests write. */
export class Sink {
  /** Settles when more can be taken; there while there is too much. */
  busy: Promise<void> | undefined;
  private failure: unknown;

  private constructor(private readonly put: (bytes: Uint8Array, offset: number) => PromiseLike<unknown> | undefined) {}

  /** Throws UsageError. */
  static of(option: OutputOption, name: string): Sink {
    const sink: Sink = new Sink(putOf(option, name, (error) => sink.fail(error)));
    return sink;
  }

  /** Bytes of its own. Throws ErrnoError where the sink has failed. */
  write(bytes: Uint8Array, offset: number): void {
    this.check();
    try {
      const taken = this.put(bytes, offset);
      if (taken === undefined) return;
      this.busy = Promise.resolve(taken).then(
        () => {
          this.busy = undefined;
        },
        (error: unknown) => {
          this.busy = undefined;
          this.fail(error);
        },
      );
    } catch (error) {
      this.fail(error);
    }
    this.check();
  }

  private fail(error: unknown): void {
    this.failure ??= error ?? new Error('the sink failed');
  }

  private check(): void {
    if (this.failure === undefined) return;
    const { code } = Object(this.failure) as { code?: unknown };
    throw new ErrnoError(code === 'ENOSPC' ? 'nospc' : code === 'EPIPE' ? 'pipe' : 'io', { cause: this.failure });
  }
}

function putOf(
  option: OutputOption,
  name: string,
  fail: (error: unknown) => void,
): (bytes: Uint8Array, offset: number) => PromiseLike<unknown> | undefined {
  if (typeof option === 'function') return (bytes, offset) => option(bytes, { offset }) ?? undefined;
  if ('getWriter' in option) {
    const writer = option.getWriter();
    return (bytes) => {
      writer.write(bytes).catch(fail);
      return (writer.desiredSize ?? 0) > 0 ? undefined : writer.ready;
    };
  }
  if (typeof option?.write !== 'function' || typeof option.on !== 'function')
    throw new UsageError(`${name} must be a function or a stream, not ${told(option)}`);
  option.on('error', fail);
  return (bytes) =>
    option.write(bytes)
      ? undefined
      : new Promise<void>((resolve) => {
          option.once('drain', resolve);
          option.once('close', resolve);
        });
}

// What a VM has of them.

export interface SavedInput {
  /** How many bytes of its block were read. */
  readonly at: number;
  /** Nothing comes after the block. */
  readonly ended: boolean;
}

export class Input {
  private constructor(
    /** Undefined: the host gives none here. */
    private readonly source: Source | undefined,
    private block: Uint8Array,
    private at: number,
    private ended: boolean,
  ) {}

  static of(option: InputOption, source: Source | undefined): Input {
    const isHere = source === undefined;
    return new Input(source, isHere ? sharedCopy(encoded(option as Chunk)) : new Uint8Array(0), 0, isHere);
  }

  /** Goes on with what was saved, and after that with the source. Throws SnapshotError. */
  static restore(saved: unknown, block: Uint8Array | undefined, source: Source | undefined): Input {
    const { at, ended } = Object(saved) as Record<string, unknown>;
    if (block === undefined || typeof ended !== 'boolean' || !Number.isInteger(at) || !((at as number) >= 0))
      throw new SnapshotError('no standard input', 'state of wasi');
    return new Input(source, block, Math.min(at as number, block.length), ended);
  }

  /** Bytes that can be read; 0 at the end; undefined where nothing is there yet. Throws ErrnoError. */
  get available(): number | undefined {
    if (this.at === this.block.length && !this.ended) this.fill();
    return this.at < this.block.length ? this.block.length - this.at : this.ended ? 0 : undefined;
  }

  private fill(): void {
    const came = this.source === undefined ? null : this.source.take();
    if (came === null) this.ended = true;
    else if (came !== undefined) [this.block, this.at] = [came, 0];
  }

  /** Settles when it is worth looking again. */
  get coming(): Promise<void> | undefined {
    return this.source?.coming;
  }

  /** So many bytes as are there, at the most. */
  read(into: Uint8Array, at: number, most: number): number {
    const count = Math.min(most, this.block.length - this.at);
    copyBytes(this.block, this.at, into, at, count);
    this.at += count;
    return count;
  }

  /** Takes along what came meanwhile. */
  save(): { readonly data: SavedInput; readonly block: Uint8Array } {
    const ahead = this.ended ? undefined : this.source?.takeAhead();
    if (ahead !== undefined) [this.block, this.at] = [concatBytes(this.block.subarray(this.at), ahead), 0];
    return { data: { at: this.at, ended: this.ended }, block: this.block };
  }
}

export interface SavedOutput {
  readonly written: number;
  readonly blocks: number;
}

/** Stretches one after the other. */
function copied(bytes: Uint8Array, from: Stretches, into: Uint8Array, at: number): Uint8Array {
  let to = at;
  for (let i = 0; i < from.length; i += 2) {
    const size = from[i + 1] as number;
    copyBytes(bytes, from[i] as number, into, to, size);
    to += size;
  }
  return into;
}

/** So many blocks become one. */
const mostBlocks = 64;
const leastRoom = 256;

export class Output {
  /** What was written since the last save: one row of bytes, for a guest may write them one by one. */
  private tail = new Uint8Array(0);
  private length = 0;

  private constructor(
    /** Undefined: what is written is kept. */
    private readonly sink: Sink | undefined,
    /** Bytes, wherever the guest ran. */
    private total: number,
    /** Nobody writes to these any more. */
    private readonly kept: Uint8Array[],
  ) {}

  static of(sink: Sink | undefined): Output {
    return new Output(sink, 0, []);
  }

  /** Throws SnapshotError. */
  static restore(saved: unknown, blocks: Uint8Array[], sink: Sink | undefined): Output {
    const { written } = Object(saved) as Record<string, unknown>;
    if (!Number.isSafeInteger(written) || (written as number) < sizeOf(blocks))
      throw new SnapshotError('no standard output', 'state of wasi');
    return new Output(sink, written as number, blocks);
  }

  get written(): number {
    return this.total;
  }

  /** Settles when more can be written; undefined where that is now. */
  get busy(): Promise<void> | undefined {
    return this.sink?.busy;
  }

  /** Stretches of bytes, so many in all. */
  write(bytes: Uint8Array, from: Stretches, size: number): void {
    if (size === 0) return;
    if (this.sink === undefined) this.keep(bytes, from, size);
    else this.sink.write(copied(bytes, from, new Uint8Array(size), 0), this.total);
    this.total += size;
  }

  private keep(bytes: Uint8Array, from: Stretches, size: number): void {
    const end = this.length + size;
    if (end > this.tail.length) {
      const wider = new Uint8Array(Math.max(end, 2 * this.tail.length, leastRoom));
      wider.set(this.unsaved);
      this.tail = wider;
    }
    copied(bytes, from, this.tail, this.length);
    this.length = end;
  }

  private get unsaved(): Uint8Array {
    return this.tail.subarray(0, this.length);
  }

  /** All that is kept. */
  get bytes(): Uint8Array {
    return concatBytes(...this.kept, this.unsaved);
  }

  save(): { readonly data: SavedOutput; readonly blocks: readonly Uint8Array[] } {
    const { kept } = this;
    if (this.length > 0) kept.push(sharedCopy(this.unsaved));
    this.tail = new Uint8Array(0);
    this.length = 0;
    if (kept.length > mostBlocks) kept.push(sharedCopy(concatBytes(...kept.splice(0))));
    return { data: { written: this.total, blocks: kept.length }, blocks: [...kept] };
  }
}

const sizeOf = (blocks: readonly Uint8Array[]): number => blocks.reduce((sum, { length }) => sum + length, 0);
