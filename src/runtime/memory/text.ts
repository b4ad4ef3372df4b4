// Texts in a guest's memory. The guest says where they are, and is hostile: what is not in the memory is a UsageError,
// and a text has a bound.

import { LimitError, UsageError } from '../../spec/errors.ts';
import { aFlag, anInteger, aText, type Checks, oneOf, optionsOf, theOptions } from '../../spec/options.ts';
import { told } from '../../spec/told.ts';

/** `utf-16`: little-endian; units that are half a character stay what they are. */
export type Encoding = 'utf-8' | 'utf-16';

/** How a text stands in a memory. */
export interface ReadTextOptions {
  /** In bytes; without it the text ends before the first NUL. */
  readonly length?: number | undefined;
  /** `utf-8` unless told. */
  readonly encoding?: Encoding | undefined;
}
/** How a text is written into a memory. */
export interface WriteTextOptions {
  /** `utf-8` unless told. */
  readonly encoding?: Encoding | undefined;
  /** Whether a NUL is to follow the text; not unless told. */
  readonly terminated?: boolean | undefined;
  /** Bytes that there is room for, the NUL included; without it, as far as the memory goes. */
  readonly room?: number | undefined;
}

const anEncoding = oneOf('utf-8', 'utf-16');
const readChecks: Checks<ReadTextOptions> = { length: anInteger(0), encoding: anEncoding };
const readOptions = optionsOf(readChecks);
const writeChecks: Checks<WriteTextOptions> = { encoding: anEncoding, terminated: aFlag, room: anInteger(0) };
const writeOptions = optionsOf(writeChecks);

/** Bytes of a text, so that each host can make a string of it. */
export const mostTextBytes = 2 ** 28;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const unitsAtOnce = 8192;

/**
 * The text at an address. Bytes that are no UTF-8 become U+FFFD. Throws UsageError where it is not in the memory, or has
 * no end there, LimitError where it is over 256 MiB.
 */
export function readText(bytes: Uint8Array, address: number | bigint, options: ReadTextOptions = {}): string {
  readOptions(options, theOptions);
  const { encoding = 'utf-8', length } = options;
  const start = placeOf(bytes, address);
  const end = length === undefined ? endOf(bytes, start, encoding) : start + length;
  if (end > bytes.length) throw outside(bytes, start, end);
  if ((end - start) % unitBytes[encoding] !== 0) throw new UsageError(`a text in utf-16 has no ${end - start} bytes`);
  if (end - start > mostTextBytes)
    throw new LimitError(`a text of ${end - start} bytes`, { limit: 'bytes of a text', value: mostTextBytes });
  // A copy: hosts decode no shared memory, and units need not be aligned.
  const copy = bytes.slice(start, end);
  return encoding === 'utf-8' ? decoder.decode(copy) : fromUnits(copy);
}

/** Writes a text; returns its bytes, without the NUL. Throws UsageError where there is no room for all of it. */
export function writeText(
  bytes: Uint8Array,
  address: number | bigint,
  text: string,
  options: WriteTextOptions = {},
): number {
  aText(text, 'the text');
  writeOptions(options, theOptions);
  const { encoding = 'utf-8', terminated = false, room } = options;
  const start = placeOf(bytes, address);
  const encoded = encoding === 'utf-8' ? encoder.encode(text) : toUnits(text);
  const nul = terminated ? unitBytes[encoding] : 0;
  const size = encoded.length + nul;
  if (room !== undefined && size > room) throw new UsageError(`the text takes ${size} bytes, and has room for ${room}`);
  if (start + size > bytes.length) throw outside(bytes, start, start + size);
  bytes.set(encoded, start);
  bytes.fill(0, start + encoded.length, start + size);
  return encoded.length;
}

const unitBytes: Readonly<Record<Encoding, number>> = { 'utf-8': 1, 'utf-16': 2 };

const outside = ({ length }: Uint8Array, start: number, end: number): UsageError =>
  new UsageError(`bytes ${start} to ${end} are not in a memory of ${length}`);

/** Addresses come from the guest, whose i32 and i64 are signed in JavaScript. */
function placeOf(bytes: Uint8Array, address: number | bigint): number {
  const place =
    typeof address === 'bigint' ? Number(BigInt.asUintN(64, address)) : address < 0 ? address + 2 ** 32 : address;
  if (!Number.isInteger(place) || place < 0) throw new UsageError(`${told(address)} is no address`);
  if (place > bytes.length) throw new UsageError(`address ${place} is not in a memory of ${bytes.length}`);
  return place;
}

function endOf(bytes: Uint8Array, start: number, encoding: Encoding): number {
  const limit = Math.min(bytes.length, start + mostTextBytes + 2);
  const within = bytes.subarray(start, limit);
  const end = encoding === 'utf-8' ? within.indexOf(0) : wideEnd(within);
  if (end >= 0) return start + end;
  if (limit < bytes.length) return limit;
  throw new UsageError(`no NUL ends the text at address ${start}`);
}

function wideEnd(bytes: Uint8Array): number {
  for (let at = 0; at + 1 < bytes.length; at += 2) if (bytes[at] === 0 && bytes[at + 1] === 0) return at;
  return -1;
}

function fromUnits(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.buffer, 0, Math.floor(bytes.length / 2));
  const parts: string[] = [];
  for (let at = 0; at < units.length; at += unitsAtOnce)
    parts.push(String.fromCharCode(...units.subarray(at, at + unitsAtOnce)));
  return parts.join('');
}

function toUnits(text: string): Uint8Array {
  const units = Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return new Uint8Array(units.buffer);
}
