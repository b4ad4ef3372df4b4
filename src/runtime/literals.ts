// Values as text, as the command line takes and prints them, and as a saved plan of calls holds them. Nothing is rounded
// or cut off silently. The writer and the reader stand side by side.

import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { UsageError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';
import { isRef, type NumType, typeName, type ValType } from '../spec/types.ts';
import { Ref, type Value } from './heap/ref.ts';

// Writing.

/** A value as people read it, and as `parseArguments` takes it where it can. */
export function formatValue(value: Value): string {
  if (value instanceof Ref) return `${value.kind} ${value.payload}`;
  if (value instanceof Uint8Array) return `0x${bytesToHex(value)}`;
  if (typeof value === 'number') return formatNumber(value);
  return value === null || typeof value === 'bigint' ? String(value) : 'a value of the host';
}

export function formatNumber(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

// Reading.

/** The arguments of a function. Throws UsageError, naming the one that does not fit. */
export function parseArguments(name: string, types: readonly ValType[], texts: readonly string[]): Value[] {
  if (texts.length !== types.length)
    throw new UsageError(
      `${name} takes ${types.length} argument${types.length === 1 ? '' : 's'} [${types.map(typeName).join(' ')}], ${texts.length} given`,
    );
  return types.map((type, i) => {
    const text = texts[i] as string;
    const value = parseValue(type, text);
    if (value === undefined)
      throw new UsageError(`argument ${i + 1} of ${name} is of type ${typeName(type)}, ${quoted(text)} is not`);
    return value;
  });
}

/** Undefined for what is not of the type. */
function parseValue(type: ValType, text: string): Value | undefined {
  if (isRef(type)) return type.nullable && text === 'null' ? null : undefined;
  if (type === 'v128') return /^0x[0-9a-f]{32}$/i.test(text) ? hexToBytes(text.slice(2)) : undefined;
  return parseNumber(type, text);
}

function parseNumber(type: NumType, text: string): number | bigint | undefined {
  if (type === 'f32' || type === 'f64') return parseFloating(text);
  const integer = parseInteger(text);
  const bits = type === 'i32' ? 32 : 64;
  if (integer === undefined || integer < -(2n ** BigInt(bits - 1)) || integer >= 2n ** BigInt(bits)) return undefined;
  return type === 'i32' ? Number(integer) : integer;
}

const specials: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY };

function parseFloating(text: string): number | undefined {
  const [, sign, rest = ''] = /^([+-]?)(.+)$/.exec(text.toLowerCase()) ?? [];
  const value = specials[rest] ?? (/^[\d.]/.test(rest) ? Number(rest) : Number.NaN);
  if (Number.isNaN(value) && rest !== 'nan') return undefined;
  return sign === '-' ? -value : value;
}

const mostZeros = 30;

/** Decimal, hexadecimal, or with an exponent (`1e7`, `2.5e3`) that leaves it whole. Undefined for anything else. */
export function parseInteger(text: string): bigint | undefined {
  const [, sign, digits, fraction = '', exponent = '0'] =
    /^([+-]?)(0x[0-9a-f]+|\d+)(?:\.(\d+))?(?:e\+?(\d+))?$/i.exec(text) ?? [];
  if (digits === undefined || (/^0x/i.test(digits) && (fraction !== '' || exponent !== '0'))) return undefined;
  const zeros = Number(exponent) - fraction.length;
  if (zeros < 0 || zeros > mostZeros) return undefined;
  const value = BigInt(digits + fraction) * 10n ** BigInt(zeros);
  return sign === '-' ? -value : value;
}
