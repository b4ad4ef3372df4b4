// All calls of preview 1, by name, and how one is made.

import { NotYet } from '../../host/not-yet.ts';
import { ErrnoError, errnos } from '../errno.ts';
import type { Call, Scene } from './call.ts';
import { descriptorCalls } from './descriptor.ts';
import { pathCalls } from './path.ts';
import { pollCalls } from './poll.ts';
import { programCalls, socketCalls } from './program.ts';

export const calls: Readonly<Record<string, Call>> = {
  ...programCalls,
  ...descriptorCalls,
  ...pathCalls,
  ...pollCalls,
  ...socketCalls,
};

/** Calls that come back to nobody. */
export const endings: readonly string[] = ['proc_exit'] satisfies (keyof typeof programCalls)[];

const unsigned = (value: unknown): number | bigint =>
  typeof value === 'bigint' ? BigInt.asUintN(64, value) : (value as number) >>> 0;

/** The number of its errno, or what it waits for. The list of arguments is the call's own. */
export function perform({ act }: Call, scene: Scene, args: unknown[]): number | NotYet {
  for (let i = 0; i < args.length; i++) args[i] = unsigned(args[i]);
  try {
    const result = act(scene, ...(args as never[]));
    return result instanceof NotYet ? result : errnos.success;
  } catch (error) {
    if (error instanceof ErrnoError) return error.number;
    throw error;
  }
}
