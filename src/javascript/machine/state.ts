// What the host keeps for a program, besides the guest's memory: it is saved and restored with the VM. Whoever forges a
// token writes all of this, so each part of what is restored is checked.

import type { HostContext } from '../../host/define.ts';
import type { StateData, WholeState } from '../../host/state.ts';
import { SnapshotError } from '../../spec/errors.ts';
import { type Clock, clockOf, restoreClock } from '../../wasi/system/clock.ts';
import { type Random, randomOf, restoreRandom } from '../../wasi/system/random.ts';
import type { Message } from '../values/format.ts';
import { parseFew } from '../values/parse.ts';

/** A call of a tool. */
export interface ToolRequest {
  /** Counts the calls of the program, from 1. */
  readonly number: number;
  readonly tool: string;
  /** The arguments, as a list. */
  readonly args: Message;
}

/** One that the program goes on beside. */
export interface BegunCall extends ToolRequest {
  /** What came of it, which the guest was not told yet: `+` or `-` and a value. */
  reply: Message | null;
}

/** What the program came to. */
export interface Ending extends Message {
  readonly failed: boolean;
}

/** What the guest's call that runs or is to run is for, so that it is known how to go on after it. */
export type Phase = 'idle' | 'script' | 'module' | 'shown' | 'job' | 'entry';
const phases: readonly Phase[] = ['idle', 'script', 'module', 'shown', 'job', 'entry'];

/** What the state is to whoever runs the program. Not saved: it is another one after a restore. */
export interface Owner {
  print(level: string, message: Message): void;
  /** A module's source by its name; undefined where there is none. */
  source(name: string): string | undefined;
  /** The most bytes of a value that crosses, and of all that is printed. */
  readonly mostBytes: number;
  readonly mostOutput: number;
  /** The reply to each call of a tool, where it is known before: so calls do not wait. */
  readonly answer?: string | undefined;
}

export class ProgramState {
  /** Of the run: with the number of a call it names that call everywhere. */
  id = '';
  /** Calls of tools so far. */
  calls = 0;
  /** How many of them there were when the evaluation began. */
  callsBefore = 0;
  /** The number of the call that the guest waits for; 0 where it waits for none. */
  current = 0;
  begun: BegunCall[] = [];
  ending: Ending | null = null;
  phase: Phase = 'idle';
  /** What was evaluated last has not come to its end. */
  isEvaluating = false;
  /** Addresses in the guest of what is freed after the evaluation. */
  source: number[] = [];
  /** Handles of the call that the guest is in, to be freed after it. */
  handles: number[] = [];
  /** Bytes that were printed so far. */
  printed = 0;
  /** What the VM had used when the evaluation began. */
  fuelBefore = 0;
  clock: Clock = clockOf(bootClock);
  random: Random = randomOf(0);
  owner: Owner | null = null;
}

/** What the guest sees while it is made, so that it is the same everywhere. */
const bootClock = { start: 0n, step: 0n } as const;

/** What functions of the host module find in their context. */
export type Context = HostContext<ProgramState>;

// As data: one text of JSON, since many small values would take ten times as much of a token. Messages stand as their
// texts and the numbers of their buffers among the blocks, bigints of the clock as `{ n }`.

type SavedMessage = readonly [text: string, ...blobs: number[]];

export function saveState(state: ProgramState): StateData {
  const blocks: Uint8Array[] = [];
  const message = ({ text, blobs }: Message): SavedMessage => [text, ...blobs.map((blob) => blocks.push(blob) - 1)];
  const { id, calls, callsBefore, current, phase, isEvaluating, source, handles, printed, fuelBefore } = state;
  const begun = state.begun.map(({ number, tool, args, reply }) => [
    ...[number, tool, message(args)],
    reply && message(reply),
  ]);
  const ending = state.ending && [state.ending.failed, message(state.ending)];
  const counts = [calls, current, printed, fuelBefore, phases.indexOf(phase), callsBefore, isEvaluating ? 1 : 0];
  const rest = [id, counts, source, handles, begun, ending, state.clock.save(), state.random.save()];
  return {
    data: JSON.stringify(rest, (_, value) => (typeof value === 'bigint' ? { n: String(value) } : value)),
    blocks,
  };
}

const bad = (what: string): never => {
  throw new SnapshotError(`no ${what}`, 'state of javascript');
};
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const count = (value: unknown, what: string): number => (isCount(value) ? value : bad(what));
const text = (value: unknown, what: string): string => (typeof value === 'string' ? value : bad(what));
const list = (value: unknown, what: string): readonly unknown[] => (Array.isArray(value) ? value : bad(what));
const counts = (value: unknown, what: string): number[] => list(value, what).map((item) => count(item, what));

const parsed = (data: unknown): unknown => parseFew(text(data, 'text')) ?? bad('JSON');

/** With the bigints that are in it, some levels deep. */
function withBigints(value: unknown, depth = 3): unknown {
  if (typeof value !== 'object' || value === null || depth === 0) return value;
  const { n } = value as { n?: unknown };
  if (typeof n === 'string') return /^-?\d{1,30}$/.test(n) ? BigInt(n) : bad('number');
  if (Array.isArray(value)) return value.map((item) => withBigints(item, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withBigints(item, depth - 1)]));
}

/** Throws SnapshotError. */
export function restoreState({ data, blocks }: WholeState): ProgramState {
  const [id, counted, source, handles, begun, ending, clock, random] = list(parsed(data), 'state');
  const message = (value: unknown): Message => {
    const [written, ...blobs] = list(value, 'message');
    return { text: text(written, 'message'), blobs: counts(blobs, 'buffers').map((at) => blocks[at] ?? bad('buffer')) };
  };
  const [calls = 0, current = 0, printed = 0, fuelBefore = 0, phase = 0, callsBefore = 0, going = 0] = counts(
    counted,
    'counts',
  );
  if (callsBefore > calls || current > calls) bad('number of calls');
  const state = new ProgramState();
  state.begun = list(begun, 'calls').map((item) => {
    const [number, tool, args, reply] = list(item, 'call');
    return {
      ...{ number: count(number, 'number of a call'), tool: text(tool, 'tool'), args: message(args) },
      reply: reply === null ? null : message(reply),
    };
  });
  const numbers = new Set(state.begun.map(({ number }) => number));
  if (
    numbers.size < state.begun.length ||
    numbers.has(current) ||
    [...numbers].some((number) => number < 1 || number > calls)
  )
    bad('number of a call');
  if (ending !== null) {
    const [failed, ended] = list(ending, 'ending');
    state.ending = { failed: failed === true, ...message(ended) };
  }
  return Object.assign(state, {
    ...{
      id: text(id, 'id'),
      calls,
      current,
      printed,
      fuelBefore,
      callsBefore,
      isEvaluating: going === 1,
      phase: phases[phase] ?? bad('phase'),
    },
    ...{ source: counts(source, 'source'), handles: counts(handles, 'handles') },
    ...{ clock: restoreClock(withBigints(clock)), random: restoreRandom(withBigints(random)) },
  });
}
