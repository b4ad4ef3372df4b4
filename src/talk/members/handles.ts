// What a guest has of ports: handles, which are numbers, of ends that it has hold of; and what its call waits for. It is the
// state of our host module, so it is saved, restored and forked with the VM.

import { SnapshotError } from '../../spec/errors.ts';
import { End, type Port, type PortBounds, type Side, sides } from '../ports/port.ts';
import type { Topic } from '../ports/topic.ts';
import type { CallsOf } from './call.ts';
import { refuse } from './codes.ts';

/** How many handles a member has at the most. */
export const mostHandles = 4096;

/** One end of a port that a call waits for. */
export interface Want {
  readonly port: Port;
  readonly side: Side;
}

/** What a group does for those who are at home in it. */
export interface Home {
  readonly calls: CallsOf;
  /** A new port; undefined where the group may have no more. */
  makePort(bounds: PortBounds): Port | undefined;
  /** Whether a member may subscribe now; else it has to wait until it may. */
  maySubscribe(): boolean;
  /** Whether a member reaches all who listen to a topic from where it is now; else it has to wait until it is elsewhere. */
  reaches(topic: string, member: string): boolean;
  /** Does what nobody else who publishes may do at the same time; undefined where it has to be tried again. */
  alone<T>(act: () => T): T | undefined;
  /** Meanwhile: sends to all of the ports, to so many that are still open; or to none, as these are in the way. */
  publish(ports: readonly Port[], bytes: Uint8Array): number | readonly Port[];
  /** Undefined where the group may have no more. */
  topic(name: string): Topic | undefined;
  /** Of a VM that is made now. */
  newHandles(): Handles;
  /** Of a VM that is restored now. Throws SnapshotError. */
  restoreHandles(saved: unknown): Handles;
  /** What a port is called in the snapshot that is made now. */
  numberOf(port: Port): number;
}

/** A call of another VM that is under way; calls.ts has what is behind it. */
export interface CallUnderWay {
  readonly id: number;
}

/** What snapshots hold of handles. */
export interface SavedHandles {
  /** By handle: number of the port, and which end. */
  readonly ends: readonly (readonly [port: number, side: Side] | null)[];
  readonly names: readonly (readonly [name: string, handle: number])[];
  readonly until: number | null;
  readonly call: number | null;
}

export class Handles {
  private readonly ends: (End | undefined)[] = [];
  /** Handles by the names that whoever added the member gave them. */
  readonly names = new Map<string, number>();
  /** What the call waits for that is to be asked again. */
  wants: readonly Want[] = [];
  /** When that is over, in ms since 1970. */
  until: number | undefined;
  call: CallUnderWay | undefined;

  constructor(
    readonly home: Home,
    /** Whose they are. */
    readonly member: string,
  ) {}

  /** The handle of an end, the lowest that is free. Throws Refused. */
  add(end: End): number {
    const free = this.ends.indexOf(undefined);
    const handle = free < 0 ? this.ends.length : free;
    if (handle >= mostHandles) refuse('limit');
    this.ends[handle] = end;
    return handle;
  }

  /** How many more there may be. */
  get room(): number {
    return mostHandles - this.ends.reduce((sum, end) => sum + (end === undefined ? 0 : 1), 0);
  }

  /** The end with a handle, of either side unless told. Throws Refused. */
  at(handle: number, side?: Side): End {
    const end = this.ends[handle];
    return end === undefined || (side !== undefined && end.side !== side) ? refuse('badPort') : end;
  }

  /** All ends that it has. */
  get all(): readonly End[] {
    return this.ends.filter((end) => end !== undefined);
  }

  /** Takes an end away; it is still held. Throws Refused. */
  take(handle: number): End {
    const end = this.at(handle);
    this.ends[handle] = undefined;
    return end;
  }

  /** The member is gone. */
  release(): void {
    for (const end of this.ends) end?.release();
    this.ends.length = 0;
    this.wants = [];
  }

  save(): SavedHandles {
    const { home } = this;
    return {
      ends: Array.from(this.ends, (end) => (end === undefined ? null : [home.numberOf(end.port), end.side])),
      names: [...this.names],
      until: this.until ?? null,
      call: this.call?.id ?? null,
    };
  }

  /** Anybody may have written it. Throws SnapshotError. */
  static restore(saved: unknown, ports: readonly (Port | undefined)[], home: Home, member: string): Handles {
    const handles = new Handles(home, member);
    const { ends, names, until, call } = Object(saved) as Partial<Record<keyof SavedHandles, unknown>>;
    if (!Array.isArray(ends) || ends.length > mostHandles || !Array.isArray(names)) throw bad('no handles');
    for (const end of ends) handles.ends.push(end === null ? undefined : endOf(end, ports));
    for (const named of names) handles.names.set(...nameOf(named));
    if (until !== null && !Number.isFinite(until)) throw bad('a time that is none');
    if (call !== null && !Number.isSafeInteger(call)) throw bad('a call that is none');
    handles.until = (until as number | null) ?? undefined;
    handles.call = call === null ? undefined : { id: call as number };
    return handles;
  }
}

const bad = (what: string): SnapshotError => new SnapshotError(what, 'handles of ports');

function endOf(saved: unknown, ports: readonly (Port | undefined)[]): End {
  const [number, side] = Array.isArray(saved) ? saved : [];
  const port = typeof number === 'number' ? ports[number] : undefined;
  if (port === undefined || !sides.includes(side)) throw bad('of a port that is not in the snapshot');
  return new End(port, side as Side);
}

function nameOf(saved: unknown): [string, number] {
  const [name, handle] = Array.isArray(saved) ? saved : [];
  if (typeof name !== 'string' || !Number.isInteger(handle)) throw bad('a name that is none');
  return [name, handle as number];
}
