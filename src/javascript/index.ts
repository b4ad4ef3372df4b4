// The public names of `wasbox/javascript`. Nothing here needs Node.

export type { ClockOption, FixedClock } from '../wasi/system/clock.ts';
export type { RandomOption } from '../wasi/system/random.ts';
export { JavaScript, type QuickJSOptions } from './javascript.ts';
export type { SourceType } from './machine/machine.ts';
export type { RunningProgram } from './run/begin.ts';
export type { TokenInfo } from './run/inspect.ts';
export {
  defaultProgramLimits,
  ProgramLimitError,
  type ProgramLimitOptions,
  type ProgramLimits,
} from './run/limits.ts';
export type { ProgramOptions, ResumeOptions, RunOptions } from './run/options.ts';
export type { AtRest, ConsoleEvent, Failure, OutcomeOf, Place, ProgramOutcome, WaitingCall } from './run/outcome.ts';
export { type EvaluationOptions, Session, type SessionOptions, SessionPoint } from './run/session.ts';
export { AwaitedTool, asyncTool, pause, type ToolCall, type ToolFunction, type Tools } from './run/tools.ts';
export { type SealedFor, type SealKey, type SealOptions, TokenSeal, tokenSeal } from './token/seal.ts';
