// From a program that begins or goes on to its end or to rest, and how that is told. It is saved where a program of
// `wasbox run` is: where it can go on.

import {
  ProgramLimitError,
  type ProgramOptions,
  type ProgramOutcome,
  quickjs,
  type RunningProgram,
} from '../../javascript/node/index.ts';
import { cut, isA, plain } from '../../spec/told.ts';
import { type Why, whyOf } from '../go/drive.ts';
import type { Bounds } from '../go/go.ts';
import { attended } from '../told/attended.ts';
import type { Exit } from '../told/exit.ts';
import { count, formatBytes } from '../told/print.ts';
import type { Told } from '../told/went.ts';
import { Console } from './console.ts';
import { sealed } from './key.ts';
import { type Given, limitsBy, type ProgramGoOptions } from './options.ts';
import { callLines, callsJson, failureJson, failureLines, timeOf } from './told.ts';
import { jsonOf, resultLines } from './values.ts';

/** A program that only sleeps for longer than this, in ms, comes to rest if it can be saved. */
const longestSleep = 60_000;

/** What a program comes to here: limits that let it go on are reasons to rest. */
type End =
  | Extract<ProgramOutcome, { status: 'done' | 'failed' }>
  | { readonly status: 'rests'; readonly why: Rest; readonly token: Uint8Array; readonly fuel: number | undefined };
type Rest =
  | { readonly reason: Why }
  | { readonly reason: 'limit'; readonly error: ProgramLimitError }
  | { readonly reason: 'call'; readonly calls: Extract<ProgramOutcome, { status: 'waiting' }>['calls'] }
  | { readonly reason: 'sleep'; readonly until: number };

/** How a program is begun, or gone on with, by these options. */
export type Begin = (options: ProgramOptions) => RunningProgram;

/** What was used before is no part of the fuel that is granted here; `file`: the token that it goes on from. */
export interface Before {
  readonly fuel: number;
  readonly file?: string;
}

export async function go(
  begin: Begin,
  bounds: Bounds,
  given: Given,
  options: ProgramGoOptions,
  before: Before = { fuel: 0 },
): Promise<Exit> {
  const end = await ended(begin, bounds, given, options, before);
  const told = await toldOf(end, bounds, given, options, before);
  bounds.tell(told);
  return told.exit;
}

/** Throws what the program rejects with, and LimitError where it has printed too much. */
async function ended(
  begin: Begin,
  bounds: Bounds,
  given: Given,
  options: ProgramGoOptions,
  before: Before,
): Promise<End> {
  const { stop } = bounds;
  const { limits } = given.options;
  const shown = new Console(options.json === true, () => program.pause(), limits?.output);
  const program = begin({
    ...given.options,
    limits: { ...limits, fuel: before.fuel + bounds.fuel },
    signal: stop,
    print: shown.print,
    longestSleep: options.save === undefined ? Number.POSITIVE_INFINITY : longestSleep,
  });
  try {
    const message = 'the program waits, and nothing is left that it could wait for';
    const outcome = await attended(program, stop !== undefined, message);
    if (shown.flooded !== undefined) throw shown.flooded;
    return endOf(outcome, stop);
  } catch (error) {
    if (!isA(error, ProgramLimitError) || error.token === undefined) throw error;
    const why: Rest = error.limit === 'fuel' ? { reason: 'fuel' } : { reason: 'limit', error };
    return { status: 'rests', why, token: error.token, fuel: undefined };
  } finally {
    bounds.release();
  }
}

function endOf(outcome: ProgramOutcome, stop: AbortSignal | undefined): End {
  switch (outcome.status) {
    case 'done':
    case 'failed':
      return outcome;
    case 'waiting':
      return { ...outcome, status: 'rests', why: { reason: 'call', calls: outcome.calls } };
    case 'sleeping':
      return { ...outcome, status: 'rests', why: { reason: 'sleep', until: outcome.until } };
    case 'paused':
      return { ...outcome, status: 'rests', why: { reason: stop === undefined ? 'interrupt' : whyOf(stop) } };
    default:
      return outcome satisfies never;
  }
}

async function toldOf(
  end: End,
  bounds: Bounds,
  given: Given,
  options: ProgramGoOptions,
  before: Before,
): Promise<Told> {
  const { fuel: fuelUsed } = end;
  switch (end.status) {
    case 'done':
      return {
        ...{ exit: 'ok', err: [], out: options.json ? [] : resultLines(end.value) },
        json: { status: 'returned', ...(options.json && { value: jsonOf(end.value) }), fuelUsed },
      };
    case 'failed':
      return { exit: 'failed', out: [], err: failureLines(end.error), json: { ...failureJson(end.error), fuelUsed } };
    case 'rests': {
      const token = await sealed(end.token, given.seal);
      bounds.place?.write(token);
      return toldRest(end, bounds, options, before, token.length);
    }
    default:
      return end satisfies never;
  }
}

type Resting = Extract<End, { status: 'rests' }>;

function toldRest(
  { why, token, fuel }: Resting,
  bounds: Bounds,
  options: ProgramGoOptions,
  before: Before,
  bytes: number,
): Told {
  const { save, json } = options;
  const isSaved = save !== undefined;
  const kept = before.file === undefined ? 'nothing is saved' : `${before.file} is as it was`;
  const where = isSaved ? `saved to ${save} (${formatBytes(bytes)})` : `${kept}: use --save FILE`;
  const fuelUsed = () => fuel ?? quickjs().inspect(token, { limits: limitsBy(options) }).fuel;
  return {
    ...{
      exit: 'suspended',
      out: [],
      err: [`suspended: ${causeOf(why, bounds)}; ${where}`, ...furtherLines(why, save)],
    },
    json: {
      ...{ status: 'suspended', reason: why.reason, saved: save ?? null, bytes: isSaved ? bytes : 0 },
      ...(json && { ...furtherJson(why), fuelUsed: fuelUsed() }),
    },
  };
}

function causeOf(why: Rest, bounds: Bounds): string {
  switch (why.reason) {
    case 'call':
      return `it waits for ${count(why.calls.length, 'call')}`;
    case 'sleep':
      return `it sleeps until ${timeOf(why.until)}`;
    case 'limit':
      return why.error.message;
    default:
      return bounds.cause(why.reason);
  }
}

/** What whoever goes on has to know. */
function furtherLines(why: Rest, save: string | undefined): string[] {
  if (why.reason !== 'call') return [];
  const [first] = why.calls;
  const how = `  go on with: wasbox resume ${save} --result ${cut(first?.id ?? 'ID')}=JSON`;
  return [...callLines(why.calls), ...(save === undefined ? [] : [plain(how)])];
}

function furtherJson(why: Rest): object {
  if (why.reason === 'sleep') return { until: timeOf(why.until) };
  if (why.reason === 'limit') return { limit: why.error.limit };
  return why.reason === 'call' ? { calls: callsJson(why.calls) } : {};
}
