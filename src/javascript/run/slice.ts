// A slice of a program, on the thread that runs it. Calls of tools are noted and not made: whoever ordered the slice makes
// them.

import { isA } from '../../spec/told.ts';
import { decodeValue } from '../values/decode.ts';
import type { Message } from '../values/format.ts';
import type { SliceOrder, SliceResult } from './afar.ts';
import { ProgramLimitError, type ProgramLimits } from './limits.ts';
import type { Driven, RunOptions } from './options.ts';
import type { Program } from './program.ts';
import { AwaitedTool, pause, type ToolCall } from './tools.ts';

/** What makes programs: a `JavaScript`. Each throws what is wrong with what it is told. */
export interface Programs {
  program(code: string, options: RunOptions & Driven): Program;
  resumed(token: Uint8Array, options: Driven): Program;
}

/** How often it is looked at whether the slice is to rest, in ms. */
const lookMs = 10;
/** A program that sleeps for so short a time keeps the thread, in ms. */
const shortestSleep = 2;

/** Runs until the program is over, at rest, or `isAsked` says that it is to rest. Rejects as `run` and `resume` do. */
export async function runSlice(programs: Programs, order: SliceOrder, isAsked: () => boolean): Promise<SliceResult> {
  const stop = new AbortController();
  if (isAsked()) stop.abort();
  const printed: [string, Message][] = [];
  const open = new Open(order);
  const program = programOf(programs, order, {
    ...{ modules: order.modules, limits: order.limits, engine: order.engine, replies: order.replies },
    ...{ tools: open.tools, signal: stop.signal, longestSleep: shortestSleep },
    printed: (level, message) => void printed.push([level, message]),
    areElsewhere: () => open.someAreAnswered,
  });
  const { id } = program;
  // A call that was begun is not left waiting until the program waits, too.
  const watch = setInterval(() => (isAsked() || open.someAreNew) && stop.abort(), lookMs);
  try {
    const outcome = await program.run();
    return { id, fuel: program.fuelOfRun, printed, end: { kind: 'outcome', outcome } };
  } catch (error) {
    if (!isA(error, ProgramLimitError)) throw error;
    const { limit, value = 0, token } = error;
    return {
      id,
      fuel: program.fuelOfRun,
      printed,
      end: { kind: 'limit', limit: limit as keyof ProgramLimits, value, token },
    };
  } finally {
    clearInterval(watch);
  }
}

function programOf(programs: Programs, { start }: SliceOrder, driven: Driven): Program {
  if (start.kind === 'token') return programs.resumed(start.token, driven);
  const input = start.input === undefined ? {} : { input: decodeValue(start.input) };
  return programs.program(start.code, { ...driven, ...start.options, ...input });
}

/** Calls that have no reply. */
class Open {
  private readonly ids = new Set<string>();
  readonly tools: NonNullable<Driven['tools']>;

  constructor(private readonly order: SliceOrder) {
    const { ids } = this;
    const noted = function (this: ToolCall) {
      ids.add(this.id);
      return pause;
    };
    this.tools = Object.fromEntries(
      order.tools.map(([name, isAwaited]) => [name, isAwaited ? new AwaitedTool(noted) : noted]),
    );
  }

  get someAreAnswered(): boolean {
    return [...this.ids].some((id) => !this.order.paused.includes(id));
  }

  get someAreNew(): boolean {
    return [...this.ids].some((id) => !this.order.known.includes(id));
  }
}
