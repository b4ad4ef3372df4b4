// Sessions: a program whose state lasts over many evaluations, as of somebody who types them. A session is one machine;
// what it was at any time can be had again.

import type { Snapshot } from '../../snapshot/snapshot.ts';
import { UsageError } from '../../spec/errors.ts';
import { check, instanceOf, optionsOf, theOptions } from '../../spec/options.ts';
import type { Base } from '../machine/base.ts';
import { Machine } from '../machine/machine.ts';
import { encodeToken } from '../token/token.ts';
import { type RunningProgram, randomId, started } from './begin.ts';
import { checkResume, type ProgramOptions, type ResumeOptions, type RunOptions, runChecks } from './options.ts';
import { Program } from './program.ts';

/** What a session begins with. What is told here holds for each evaluation, unless that says otherwise. */
export type SessionOptions = ProgramOptions & Pick<RunOptions, 'input' | 'id' | 'clock' | 'random'>;

/** What an evaluation says. Limits are for each evaluation by itself. */
export type EvaluationOptions = Omit<ProgramOptions, 'engine' | 'tools'> & Pick<RunOptions, 'file' | 'type'>;

const { file, type, ...sessionChecks } = runChecks;
export const checkSession = optionsOf<SessionOptions>(sessionChecks);
const {
  engine: _engine,
  tools: _tools,
  input: _input,
  id: _id,
  clock: _clock,
  random: _random,
  ...evaluation
} = runChecks;
const checkEvaluation = optionsOf<EvaluationOptions>(evaluation);
const codeText = check((v: unknown) => typeof v === 'string', 'a text');

/** A session as it was at some time. It holds memory as long as somebody has it. */
export class SessionPoint {
  /** @hidden */
  constructor(
    /** @hidden */
    readonly snapshot: Snapshot,
  ) {}
}
const aPoint = instanceOf(SessionPoint, 'a SessionPoint');

/** JavaScript whose state lasts over many evaluations. */
export class Session {
  private evaluations = 0;
  /** An evaluation is under way. */
  private isRunning = false;

  /** @hidden */
  constructor(
    private readonly base: Base,
    private machine: Machine,
    private readonly options: SessionOptions,
  ) {}

  /** Whether an evaluation has come to rest, which `goOn` goes on with. */
  get isAtRest(): boolean {
    return !this.isRunning && this.machine.state.isEvaluating;
  }

  /**
   * Evaluates code; it finds what was declared before. Rejects as `JavaScript.run` does; what ended over a limit, and has no
   * token, leaves no trace. Rejects with UsageError while an evaluation is under way or at rest.
   */
  run(code: string, options: EvaluationOptions = {}): RunningProgram {
    return this.begun(() => {
      codeText(code, 'the code');
      checkEvaluation(options, theOptions);
      if (this.isAtRest) throw new UsageError('an evaluation is at rest: go on with it, or go back to a point before');
      const { machine } = this;
      const { state, vm } = machine;
      const before = vm.save();
      Object.assign(state, { ending: null, fuelBefore: vm.fuelUsed, callsBefore: state.calls, printed: 0 });
      const { file: name = `evaluation ${++this.evaluations}`, type: as = 'script', ...rest } = options;
      machine.evaluate(code, name, as);
      return this.program(rest, before);
    });
  }

  /** Goes on with an evaluation that is at rest. */
  goOn(options: Omit<ResumeOptions, 'engine' | 'tools'> = {}): RunningProgram {
    return this.begun(() => {
      checkResume(options, theOptions);
      if (!this.isAtRest) throw new UsageError('no evaluation is at rest');
      return this.program(options, this.machine.vm.save());
    });
  }

  private begun(make: () => Program): RunningProgram {
    return started(() => {
      this.checkNotRunning();
      const program = make();
      this.isRunning = true;
      return program;
    });
  }

  private checkNotRunning(): void {
    if (this.isRunning) throw new UsageError('an evaluation of the session is under way');
  }

  private program(options: ResumeOptions, before: Snapshot): Program {
    const { tools, modules, limits, print, save, longestSleep } = this.options;
    const all = { tools, modules, print, save, longestSleep, ...options, limits: { ...limits, ...options.limits } };
    return new Program(this.base, this.machine, all, (_, canGoOn) => {
      this.isRunning = false;
      if (!canGoOn) this.goTo(before);
    });
  }

  /** A second session in the same state, which goes its own way: its calls have ids of their own. */
  fork(): Session {
    this.checkNotRunning();
    const { base, machine, options } = this;
    const twin = new Machine(base, machine.vm.fork(), machine.kind);
    twin.state.id = randomId();
    if (options.random === undefined || options.random === 'live') twin.seed();
    return new Session(base, twin, options);
  }

  /** The session as it is now. */
  point(): SessionPoint {
    this.checkNotRunning();
    return new SessionPoint(this.machine.vm.save());
  }

  /** Goes back to a point of this session, or of what it was forked from. Throws UsageError for another one's. */
  back(point: SessionPoint): void {
    aPoint(point, 'the point');
    this.checkNotRunning();
    this.goTo(point.snapshot);
  }

  private goTo(at: Snapshot): void {
    const { base, machine } = this;
    machine.vm.rewind(at);
    this.machine = new Machine(base, machine.vm, machine.kind);
  }

  /** A token, with which `JavaScript.openSession` goes on. */
  save(): Uint8Array<ArrayBuffer> {
    this.checkNotRunning();
    return encodeToken(this.base, this.machine.save());
  }

  /** Gives its memory back. It cannot be used any more. */
  close(): void {
    this.checkNotRunning();
    this.machine.vm.dispose();
  }
}
