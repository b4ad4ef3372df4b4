// What the command line says of options, as values: counts, sizes, times. Nothing is rounded or cut off silently.
// Arguments of the guest's functions are read in runtime/literals.ts.

import type { SaveEvery } from '../../pool/told/options.ts';
import { parseInteger } from '../../runtime/literals.ts';
import { UsageError } from '../../spec/errors.ts';
import { mostMs } from '../../spec/options.ts';
import { quoted } from '../../spec/told.ts';

/** Parses a count such as `500`, `1e7` or `0x1000` for an option. Throws UsageError. */
export function parseCount(text: string, what: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const value = parseInteger(text);
  if (value !== undefined && value >= BigInt(least) && value <= BigInt(most)) return Number(value);
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new UsageError(`${what} must be a whole number ${range}, ${quoted(text)} is not`);
}

const suffixes: Readonly<Record<string, number>> = { '': 0, k: 10, m: 20, g: 30 };

/** Parses a size such as `65536`, `64K`, `512MiB` or `2G`, in bytes: a K is 1024. Throws UsageError. */
export function parseBytes(text: string, what: string): number {
  const [, digits = '', suffix = ''] = /^(.*?)(?:([kmg])(?:i?b)?)?$/i.exec(text) ?? [];
  const value = parseInteger(digits);
  const bytes = Number(value) * 2 ** (suffixes[suffix.toLowerCase()] as number);
  if (value !== undefined && value >= 0n && Number.isSafeInteger(bytes)) return bytes;
  throw new UsageError(`${what} must be a size such as 65536, 64K, 512M or 2G, ${quoted(text)} is not`);
}

/** Parses a time in milliseconds. Throws UsageError. */
export const parseMs = (text: string, what: string): number => parseCount(text, what, 1, mostMs);

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Parses how often something is saved: a time such as `500ms`, `2s` or `5m`, or fuel such as `1e9`. Throws UsageError. */
export function parseSaveEvery(text: string): SaveEvery {
  const [, number = '', unit = ''] = /^(.*?)(ms|s|m|h)$/.exec(text) ?? [];
  if (unit === '') return { fuel: parseCount(text, '--save-every', 1) };
  const scale = units[unit] as number;
  return { ms: scale * parseCount(number, '--save-every', 1, Math.floor(mostMs / scale)) };
}

/** Throws UsageError for options that are of no use to what a command was given, rather than to ignore them. */
export function checkFor<T extends object>(what: string, options: T, ...useless: readonly (keyof T & string)[]): void {
  const given = useless.find((name) => options[name] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} is of no use to ${what}`);
}
