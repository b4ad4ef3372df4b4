// Drives a program whose code runs on other threads, a slice at a time: from token to token. Between slices all of it is
// here; so a thread that dies loses nothing but its slice, which another one runs again. Tools are called here.

import type { BegunCall } from '../machine/state.ts';
import { encodeValue } from '../values/encode.ts';
import type { Message } from '../values/format.ts';
import { randomId } from './begin.ts';
import { Calls } from './calls.ts';
import { limitsOf, overLimit, type ProgramLimitOptions, type ProgramLimits } from './limits.ts';
import { longestSleep, type ResumeOptions, type RunOptions } from './options.ts';
import { eventOf, type RawOutcome } from './outcome.ts';
import { Stop } from './stop.ts';
import { isAwaitedTool } from './tools.ts';

/** Where a slice begins. */
export type SliceStart =
  | {
      readonly kind: 'code';
      readonly code: string;
      readonly options: Pick<RunOptions, 'id' | 'file' | 'type' | 'clock' | 'random'>;
      readonly input: Message | undefined;
    }
  | { readonly kind: 'token'; readonly token: Uint8Array };

/** What a thread is told of a slice. All of it can be copied. */
export interface SliceOrder {
  readonly start: SliceStart;
  /** Names of tools, and which give promises. */
  readonly tools: readonly (readonly [name: string, isAwaited: boolean])[];
  readonly modules: Readonly<Record<string, string>> | undefined;
  readonly limits: ProgramLimitOptions;
  readonly engine: ResumeOptions['engine'];
  /** To calls, by their numbers. */
  readonly replies: ReadonlyMap<number, Message>;
  /** Ids of calls that were made, and of those of them that nobody will answer. */
  readonly known: readonly string[];
  readonly paused: readonly string[];
}

/** What came of a slice. */
export interface SliceResult {
  /** Names the run in the ids of its calls. */
  readonly id: string;
  /** Units of fuel that the slice has used. */
  readonly fuel: number;
  readonly printed: readonly (readonly [level: string, message: Message])[];
  readonly end:
    | { readonly kind: 'outcome'; readonly outcome: RawOutcome }
    /** The program is over a limit. */
    | {
        readonly kind: 'limit';
        readonly limit: keyof ProgramLimits;
        readonly value: number;
        readonly token: Uint8Array<ArrayBuffer> | undefined;
      };
}

/** A program's place among others that want a thread. */
export interface ProgramThread {
  /** Runs a slice. Rejects with what was wrong with the order, and where no thread can run it. */
  slice(order: SliceOrder): Promise<SliceResult>;
  /** Has this slice, and all that follow, rest soon. */
  rest(): void;
  /** The program is over. */
  over(): void;
}

/** What has threads for programs: a `Pool` of `wasbox/pool`. */
export interface ProgramThreads {
  /** A place for a program; `cancel` is told when it can have it no longer. Throws where it cannot have one. @hidden */
  openProgram(cancel: (error: Error) => void): ProgramThread;
}

type Rest = Extract<RawOutcome, { token: unknown }>;
type Replies = ReadonlyMap<number, Message>;
const noReplies: Replies = new Map();

/** Where a program begins that is given code, and what it begins with. Throws UsageError for an input that cannot be copied. */
export function codeStart(code: string, options: RunOptions): SliceStart {
  const { id = randomId(), file, type, clock, random } = options;
  const input = Object.hasOwn(options, 'input') ? encodeValue(options.input, 'the input') : undefined;
  return { kind: 'code', code, options: { id, file, type, clock, random }, input };
}

export class FarProgram {
  private readonly stop: Stop;
  private readonly limits: ProgramLimits;
  /** Once the run's id is known. */
  private calls: Calls | undefined;
  private cancelled: Error | undefined;

  constructor(
    private readonly threads: ProgramThreads,
    private start: SliceStart,
    private readonly options: ResumeOptions,
  ) {
    this.limits = limitsOf(options.limits);
    this.stop = new Stop(options.signal, this.limits.time);
  }

  idOf(number: number): string {
    return `${this.calls?.run}-${number}`;
  }

  pause(): void {
    this.stop.ask();
  }

  async run(): Promise<RawOutcome> {
    try {
      const thread = this.threads.openProgram((error) => {
        this.cancelled = error;
        this.stop.ask();
      });
      void this.stop.come.then(() => thread.rest());
      return await this.drive(thread).finally(() => thread.over());
    } finally {
      this.stop.done();
    }
  }

  private async drive(thread: ProgramThread): Promise<RawOutcome> {
    let replies = noReplies;
    for (;;) {
      const order = this.order(replies);
      const outcome = this.took(await thread.slice(order));
      if (!('token' in outcome)) return outcome;
      this.start = { kind: 'token', token: outcome.token };
      const next = await this.between(outcome, order, this.calls as Calls);
      if (this.cancelled !== undefined) throw this.cancelled;
      if ('status' in next) return next;
      replies = next;
    }
  }

  private order(replies: Replies): SliceOrder {
    const { tools = {}, modules, limits, engine } = this.options;
    const { known, paused } = this.calls?.open ?? { known: [], paused: [] };
    return {
      start: this.start,
      tools: Object.entries(tools).map(([name, tool]) => [name, isAwaitedTool(tool)] as const),
      // How long it takes is looked at here.
      ...{ modules, limits: { ...limits, time: undefined }, engine, replies, known, paused },
    };
  }

  private took({ id, printed, end }: SliceResult): RawOutcome {
    if (this.cancelled !== undefined) throw this.cancelled;
    this.calls ??= new Calls(id, this.options, this.stop);
    for (const [level, message] of printed) this.options.print?.(eventOf(level, message));
    if (end.kind === 'limit') throw overLimit(end.limit, end.value, end.token);
    return end.outcome;
  }

  /** What comes next: replies with which it goes on, or its outcome. */
  private async between(rest: Rest, order: SliceOrder, calls: Calls): Promise<Replies | RawOutcome> {
    const open: BegunCall[] = rest.calls.map((call) => ({ ...call, reply: null }));
    if (!this.stop.isAsked && open.some(({ number }) => !calls.isKnown(number))) await this.options.save?.(rest.token);
    if (!this.stop.isAsked) for (const call of open) calls.begin(call);
    const timer = 'timer' in rest ? rest.timer : undefined;
    const due = timer && performance.now() + timer.left;
    for (;;) {
      // What has come meanwhile is a part of its token.
      if (calls.collect(open)) return repliesIn(open);
      if (this.stop.isAsked) return this.stopped(rest);
      if (rest.status === 'paused') return noReplies;
      const waited = await (rest.isInCall ? this.inCall(rest, calls) : this.idle(rest, due, order, calls));
      if (waited !== undefined) return waited;
    }
  }

  private stopped(rest: Rest): RawOutcome {
    if (this.stop.isLate) throw overLimit('time', this.limits.time, rest.token);
    return { ...rest, status: 'paused' };
  }

  /** It waits for the call that it is in. */
  private async inCall(rest: Rest, calls: Calls): Promise<Replies | RawOutcome | undefined> {
    const [call] = rest.calls as [BegunCall];
    const reply = await calls.reply(call);
    if (reply === 'stopped') return undefined;
    return reply === 'paused' ? rest : new Map([[call.number, reply]]);
  }

  /** It waits for whatever comes first; `due`: its first timer, by this thread's clock. Undefined where something may have come. */
  private async idle(
    rest: Rest,
    due: number | undefined,
    order: SliceOrder,
    calls: Calls,
  ): Promise<Replies | RawOutcome | undefined> {
    const wasTold = rest.calls.every(({ number }) => order.paused.includes(calls.idOf(number)));
    const left = due === undefined ? Number.POSITIVE_INFINITY : due - performance.now();
    // A clock of its own goes to the timer, once it is told that nobody will answer.
    if (left <= 0 || (due !== undefined && !calls.areUnderWay && !wasTold)) return noReplies;
    if (!calls.areUnderWay && left > (this.options.longestSleep ?? longestSleep)) return rest;
    await calls.next(left);
    return undefined;
  }
}

const repliesIn = (open: readonly BegunCall[]): Replies =>
  new Map(open.flatMap(({ number, reply }) => (reply === null ? [] : [[number, reply]])));
