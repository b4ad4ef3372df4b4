// `wasbox inspect --bytes`: a stretch of a saved program's memory, as people read it.

import type { Store } from '../../runtime/store.ts';
import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { parseBytes, parseCount } from '../read/arguments.ts';
import type { Report } from '../told/print.ts';

/** Shown unless told. */
const someBytes = 256;
const mostBytes = 2 ** 20;
const perLine = 16;

interface Stretch {
  readonly memory: number;
  readonly address: number;
  readonly length: number;
}

/** Parses `[MEMORY:]ADDRESS[+LENGTH]`. Throws UsageError. */
export function parseStretch(text: string): Stretch {
  const [, memory = '0', address = '', length] = /^(?:(\d+):)?([^+]+)(?:\+(.+))?$/.exec(text) ?? [];
  return {
    memory: parseCount(memory, '--bytes'),
    address: parseCount(address, 'the address of --bytes'),
    length: length === undefined ? someBytes : Math.min(mostBytes, parseBytes(length, 'the length of --bytes')),
  };
}

/** Throws UsageError for what is not there. */
export function describeBytes({ memories }: Store, { memory, address, length }: Stretch): Report {
  const inst = memories[memory];
  if (inst === undefined) throw new UsageError(`there is no memory ${memory}: the program has ${memories.length}`);
  if (address >= inst.size)
    throw new UsageError(
      `address ${quoted(`0x${address.toString(16)}`)} is beyond the ${inst.size} bytes of memory ${memory}`,
    );
  const bytes = inst.bytes.slice(address, address + length);
  return {
    lines: lines(bytes, address),
    json: { kind: 'bytes', memory, address, length: bytes.length, hex: Buffer.from(bytes).toString('hex') },
  };
}

/** Lines like the one before are left out; a star tells so. */
function lines(bytes: Uint8Array, address: number): string[] {
  const told: string[] = [];
  let before = '';
  for (let at = 0; at < bytes.length; at += perLine) {
    const line = lineOf(bytes.subarray(at, at + perLine));
    const isLast = at + perLine >= bytes.length;
    if (line !== before || isLast) told.push(`${(address + at).toString(16).padStart(8, '0')}  ${line}`);
    else if (told.at(-1) !== '*') told.push('*');
    before = line;
  }
  return told;
}

function lineOf(bytes: Uint8Array): string {
  const hex = Array.from({ length: perLine }, (_, i) => bytes[i]?.toString(16).padStart(2, '0') ?? '  ');
  const text = Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
  return `${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}  |${text}|`;
}
