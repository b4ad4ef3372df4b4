// What a token is, for whoever has one: it is verified as if it were resumed, and nothing of its program runs.

import { HostError, LimitError, Trap } from '../../spec/errors.ts';
import { isA } from '../../spec/told.ts';
import { ops } from '../guest/ops.ts';
import type { Machine } from '../machine/machine.ts';
import type { ToolRequest } from '../machine/state.ts';
import { decodeValue } from '../values/decode.ts';
import { idOfCall } from './calls.ts';
import type { WaitingCall } from './outcome.ts';

/** A program at rest, as its token tells it. */
export interface TokenInfo {
  /**
   * `running`: in the midst of its code; `waiting`: for `calls`, and nothing else; `sleeping`: `until` its first timer is
   * due; `idle`: a session in which nothing is evaluated.
   */
  readonly status: 'running' | 'waiting' | 'sleeping' | 'idle';
  /** Names the run in the ids of its calls. */
  readonly id: string;
  /** Calls of tools that have no reply yet. */
  readonly calls: readonly WaitingCall[];
  /** In milliseconds since 1970. */
  readonly until: number | undefined;
  /** Units of fuel that the program has used so far; of a session, its last evaluation. */
  readonly fuel: number;
  /** Calls of tools so far. */
  readonly called: number;
  /** Bytes of its memory, and how many of its pages of 4 KiB differ from the image's. */
  readonly memory: number;
  readonly pages: number;
  /** SHA-256 of the image that it is told against, hexadecimal. */
  readonly image: string;
}

/** Throws HostError for a program that no token of ours tells. */
export function inspectMachine(machine: Machine): TokenInfo {
  try {
    return lookedInto(machine);
  } catch (cause) {
    if (!isA(cause, Trap) && !isA(cause, LimitError)) throw cause;
    throw new HostError(`the program cannot be looked into: ${cause.message}`, { cause });
  }
}

function lookedInto(machine: Machine): TokenInfo {
  const { base, state, vm } = machine;
  // Looking at it uses some.
  const used = { fuel: vm.fuelUsed - state.fuelBefore, called: state.calls };
  const { bytes } = vm.instance().memory('memory');
  const found = { memory: bytes.length, pages: changedPages(bytes, base.image) };
  return { id: state.id, ...stateOf(machine), ...used, ...found, image: base.hash };
}

const pageBytes = 4096;

function changedPages(memory: Uint8Array, image: Uint8Array): number {
  let changed = 0;
  for (let at = 0; at < memory.length; at += pageBytes) if (!isSame(memory, image, at)) changed++;
  return changed;
}

function isSame(memory: Uint8Array, image: Uint8Array, from: number): boolean {
  for (let i = from; i < from + pageBytes; i++) if (memory[i] !== (image[i] ?? 0)) return false;
  return true;
}

function stateOf(machine: Machine): Pick<TokenInfo, 'status' | 'calls' | 'until'> {
  const { state, vm } = machine;
  const open = state.begun.filter(({ reply }) => reply === null);
  const at = (status: TokenInfo['status'], requests: readonly ToolRequest[], until?: number) => ({
    ...{ status, until },
    calls: requests.map(({ number, tool, args }) => ({
      ...{ id: idOfCall(state.id, number), tool },
      args: decodeValue(args) as unknown[],
    })),
  });
  if (!state.isEvaluating) return at('idle', open);
  if (vm.status === 'waiting' && state.current > 0) {
    const { request, waits } = askedOf(machine);
    return at(waits ? 'waiting' : 'running', [request, ...open]);
  }
  const isReady = state.ending !== null || open.length < state.begun.length || hasJobs(machine);
  if (vm.status !== 'idle' || isReady) return at('running', open);
  const until = machine.due();
  return at(open.length > 0 ? 'waiting' : until === undefined ? 'running' : 'sleeping', open, until);
}

const hasJobs = ({ memory }: Machine): boolean => memory.call('qjs_is_job_pending') !== 0;

/** The call of a tool that the guest is in, and whether it waits for the reply. */
function askedOf(machine: Machine): { readonly request: ToolRequest; readonly waits: boolean } {
  const asked = machine.asked();
  const { name, message } = machine.readMessage(asked, () => {});
  return { request: { number: machine.state.current, tool: name, args: message }, waits: asked.op === ops.call };
}
