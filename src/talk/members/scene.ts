// What one call of a guest works on: its handles, its memory, and what it pays.

import type { HostContext } from '../../host/define.ts';
import { UsageError } from '../../spec/errors.ts';
import { isA } from '../../spec/told.ts';
import { Refused, refuse } from './codes.ts';
import type { Handles, Home, Want } from './handles.ts';

/** Bytes of names and reasons. */
const mostText = 200;
/** As for what a guest copies itself. */
const bytesPerUnit = 16;
/** Of a handle in a list. */
export const handleBytes = 4;

/** What one call works on. */
export class Scene {
  readonly handles: Handles;
  readonly home: Home;
  private cost = 0;

  constructor(private readonly context: HostContext<Handles>) {
    this.handles = context.state;
    this.home = this.handles.home;
  }

  /** Whether it was asked before, and had to wait. */
  get again(): boolean {
    return this.context.callId !== undefined;
  }

  /** Bytes of the memory. Throws Refused where they are not in it. */
  bytes(at: number, length: number): Uint8Array {
    const memory = this.memory();
    if (at + length > memory.length) refuse('fault');
    this.cost += length;
    return memory.subarray(at, at + length);
  }

  private memory(): Uint8Array {
    try {
      return this.context.memory();
    } catch (error) {
      if (isA(error, UsageError)) refuse('fault');
      throw error;
    }
  }

  text(at: number, length: number): string {
    if (length > mostText) refuse('invalid');
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes(at, length).slice());
    } catch (error) {
      if (isA(error, Refused)) throw error;
      return refuse('invalid');
    }
  }

  list(at: number, count: number): number[] {
    const bytes = this.bytes(at, count * handleBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: count }, (_, i) => view.getUint32(i * handleBytes, true));
  }

  putList(at: number, values: readonly number[]): void {
    const bytes = this.bytes(at, values.length * handleBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    values.forEach((value, i) => {
      view.setUint32(i * handleBytes, value, true);
    });
  }

  /** What was done so far, as bytes copied. */
  spend(bytes: number): void {
    this.cost += bytes;
  }

  /** It is asked, perhaps once more. */
  begin(): void {
    this.cost = 0;
  }

  /** It is done: the guest pays for it once, however often it was asked. */
  pay(): void {
    if (this.cost >= bytesPerUnit) this.context.spend(this.cost / bytesPerUnit);
  }

  wait(...wants: readonly Want[]): Waits {
    return { wants };
  }
}

/** A call has to wait, for any of these, or until a time in ms since 1970. */
export interface Waits {
  readonly wants: readonly Want[];
  readonly until?: number | undefined;
}

export type Result = number | Waits;
export type Act = (scene: Scene, ...args: never[]) => Result;
