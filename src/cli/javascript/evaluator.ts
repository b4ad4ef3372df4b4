// A session as somebody has it who types: code is evaluated, and what rests, because it was paused, waits for a call, or is
// out of its fuel or time, is gone on with, saved or dropped.

import {
  ProgramLimitError,
  type ProgramOptions,
  type ProgramOutcome,
  quickjs,
  type RunningProgram,
  type Session,
  type SessionOptions,
  type SessionPoint,
  type WaitingCall,
} from '../../javascript/node/index.ts';
import { UsageError } from '../../spec/errors.ts';
import { isA, messageOf } from '../../spec/told.ts';
import { type Why, whyOf } from '../go/drive.ts';
import { Place } from '../go/place.ts';
import { adviceFor, at, isAtRest, readBytes } from '../read/files.ts';
import { attended } from '../told/attended.ts';
import { print, warn } from '../told/output.ts';
import { count, formatBytes } from '../told/print.ts';
import { type AnswerOptions, answersTo } from './answers.ts';
import { Console } from './console.ts';
import { isIncomplete } from './incomplete.ts';
import { sealed, tokenIn } from './key.ts';
import type { Given } from './options.ts';
import { callLines, failureLines } from './told.ts';
import type { Typing } from './typing.ts';
import { harmless, shown } from './values.ts';

/** What each evaluation may use, each time that it goes on: units of fuel, milliseconds. */
export interface Grants {
  readonly fuel: number;
  readonly timeout: number | undefined;
}

/** What does not run, and can go on. */
interface Resting {
  readonly calls: readonly WaitingCall[];
  /** Fuel that all of it has used. */
  readonly fuel: number;
  /** Where the session was before it; undefined where it came with a token. */
  readonly before: SessionPoint | undefined;
}

type Ended =
  | Extract<ProgramOutcome, { status: 'done' | 'failed' }>
  | {
      readonly status: 'rests';
      /** Why, for people. */
      readonly cause: string;
      readonly calls: readonly WaitingCall[];
      readonly fuel: number;
    };

export class Evaluator {
  private session: Session;
  private resting: Resting | undefined;
  private evaluations = 0;

  constructor(
    private readonly typing: Typing,
    private readonly given: Given,
    private readonly begin: Pick<SessionOptions, 'input' | 'random' | 'clock'>,
    private readonly grants: Grants,
  ) {
    this.session = this.fresh();
  }

  private fresh(): Session {
    return quickjs().session({ ...this.given.options, ...this.begin });
  }

  get rests(): boolean {
    return this.resting !== undefined;
  }

  /** Says whether the code was whole; where it has no end yet nothing has happened, unless it is to be told. */
  async evaluate(code: string, mayGoOn: boolean): Promise<'whole' | 'incomplete' | 'failed'> {
    if (this.resting !== undefined) throw new UsageError(`something rests: ${howToGoOn}`);
    const { session, grants } = this;
    const before = session.point();
    const file = `repl ${this.evaluations + 1}`;
    const ended = await this.ran(
      (options) => session.run(code, { ...options, file, type: 'shown' }),
      grants.fuel,
      before,
    );
    if (mayGoOn && ended.status === 'failed' && isIncomplete(ended.error, code, file)) {
      session.back(before);
      return 'incomplete';
    }
    this.evaluations++;
    return this.told(ended, before);
  }

  /** What rests goes on, with answers to calls. Throws UsageError. */
  async goOn(answers: AnswerOptions): Promise<'whole' | 'failed'> {
    const { calls, fuel, before } = this.restingOne();
    const given = answersTo(calls, answers);
    const ended = await this.ran(
      (options) => this.session.goOn({ ...options, ...given }),
      fuel + this.grants.fuel,
      before,
    );
    return this.told(ended, before);
  }

  private restingOne(): Resting {
    if (this.resting === undefined) throw new UsageError('nothing rests');
    return this.resting;
  }

  /** What rests is given up. Throws UsageError. */
  drop(): void {
    const { before } = this.restingOne();
    this.resting = undefined;
    if (before !== undefined) return this.session.back(before);
    this.session.close();
    this.session = this.fresh();
    print('a new session begins');
  }

  /** Throws UsageError, OutputError. */
  async save(file: string): Promise<void> {
    const place = new Place(file);
    const token = await sealed(this.session.save(), this.given.seal);
    place.write(token);
    print(`saved to ${file} (${formatBytes(token.length)})`);
  }

  /** Throws UsageError, SnapshotError; then the session is as it was. */
  async load(file: string): Promise<void> {
    const bytes = readBytes(file);
    if (!isAtRest(bytes)) throw new UsageError(`${file}: ${adviceFor(bytes, file) ?? 'no JavaScript program at rest'}`);
    const token = await tokenIn(file, bytes, this.given.seal);
    const { options } = this.given;
    const { status, calls, fuel } = at(file, () => quickjs().inspect(token, { limits: options.limits }));
    const session = quickjs().openSession(token, options);
    this.session.close();
    this.session = session;
    this.resting = status === 'idle' ? undefined : { calls, fuel, before: undefined };
    print(`loaded ${file} (${formatBytes(bytes.length)})`);
    if (this.resting !== undefined)
      this.tellRest(calls.length > 0 ? waits(calls) : 'it rests in the midst of its code', calls);
  }

  private async ran(
    begin: (options: Omit<ProgramOptions, 'tools' | 'engine'>) => RunningProgram,
    fuel: number,
    before: SessionPoint | undefined,
  ): Promise<Ended> {
    const stop = new AbortController();
    const { timeout } = this.grants;
    const timer = timeout === undefined ? undefined : setTimeout(() => stop.abort(), timeout);
    const console = new Console(false, () => stop.abort('flooded'), this.given.options.limits?.output);
    const { signal } = stop;
    const options = { limits: { fuel }, signal, print: console.print, longestSleep: Number.POSITIVE_INFINITY };
    try {
      const run = () => this.toTheEnd(begin(options), stop);
      const outcome = await this.typing.during(() => stop.abort('interrupt'), run);
      if (console.flooded === undefined) return this.endOf(outcome, signal);
      if (before !== undefined) this.session.back(before);
      throw console.flooded;
    } catch (error) {
      if (!isA(error, ProgramLimitError) || error.token === undefined) throw error;
      const cause = error.limit === 'fuel' ? this.cause('fuel') : error.message;
      return { status: 'rests', cause, calls: [], fuel };
    } finally {
      clearTimeout(timer);
      if (!this.session.isAtRest) this.resting = undefined;
    }
  }

  /** Where nothing can come that it waits for it is brought to rest, so that the session can be used. */
  private async toTheEnd(program: RunningProgram, stop: AbortController): Promise<ProgramOutcome> {
    let isOver = false;
    const watched = program.finally(() => {
      isOver = true;
    });
    try {
      return await attended(watched, this.typing.isTerminal, 'it waits, and nothing is left that it could wait for');
    } catch (error) {
      if (isOver) throw error;
      warn(messageOf(error));
      stop.abort('interrupt');
      return watched;
    }
  }

  private endOf(outcome: ProgramOutcome, signal: AbortSignal): Ended {
    switch (outcome.status) {
      case 'done':
      case 'failed':
        return outcome;
      case 'waiting':
        return { status: 'rests', cause: waits(outcome.calls), calls: outcome.calls, fuel: outcome.fuel };
      case 'sleeping':
      case 'paused':
        return {
          status: 'rests',
          cause: this.cause(signal.aborted ? whyOf(signal) : 'interrupt'),
          calls: [],
          fuel: outcome.fuel,
        };
      default:
        return outcome satisfies never;
    }
  }

  private told(ended: Ended, before: SessionPoint | undefined): 'whole' | 'failed' {
    switch (ended.status) {
      case 'done':
        print(harmless(shown(ended.value), process.stdout.isTTY));
        return 'whole';
      case 'failed':
        warn(...failureLines(ended.error));
        return 'failed';
      case 'rests': {
        const { cause, calls, fuel } = ended;
        this.resting = { calls, fuel, before };
        this.tellRest(cause, calls);
        return 'whole';
      }
      default:
        return ended satisfies never;
    }
  }

  private cause(why: Why): string {
    const { fuel, timeout } = this.grants;
    return { fuel: `out of fuel (${fuel})`, timeout: `out of time (${timeout} ms)`, interrupt: 'paused' }[why];
  }

  private tellRest(cause: string, calls: readonly WaitingCall[]): void {
    const answer = calls.length === 0 ? '' : '.result [ID=]JSON answers, ';
    warn(cause, ...callLines(calls), `  ${answer}${howToGoOn}`);
  }
}

const howToGoOn = '.go goes on, .save FILE saves it, .drop gives it up';
const waits = (calls: readonly WaitingCall[]): string => `it waits for ${count(calls.length, 'call')}`;
