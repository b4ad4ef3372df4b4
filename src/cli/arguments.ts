// What the command line says, as values: arguments by the type of the function that takes them, and counts. Nothing is
// rounded or cut off silently.

import type { Value } from '../runtime/ref.ts';
import { UsageError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';
import { isRef, type NumType, typeName, type ValType } from '../spec/types.ts';
import { count } from './print.ts';

/** Throws UsageError, naming the argument that does not fit. */
export function parseArguments(name: string, types: readonly ValType[], texts: readonly string[]): Value[] {
  if (texts.length !== types.length)
    throw new UsageError(
      `${name} takes ${count(types.length, 'argument')} [${types.map(typeName).join(' ')}], ${texts.length} given`,
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
  if (type === 'v128')
    return /^0x[0-9a-f]{32}$/i.test(text) ? new Uint8Array(Buffer.from(text.slice(2), 'hex')) : undefined;
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

/** Decimal, hexadecimal, or with an exponent (`1e7`, `2.5e3`) that leaves it whole. */
function parseInteger(text: string): bigint | undefined {
  const [, sign, digits, fraction = '', exponent = '0'] =
    /^([+-]?)(0x[0-9a-f]+|\d+)(?:\.(\d+))?(?:e\+?(\d+))?$/i.exec(text) ?? [];
  if (digits === undefined || (/^0x/i.test(digits) && (fraction !== '' || exponent !== '0'))) return undefined;
  const zeros = Number(exponent) - fraction.length;
  if (zeros < 0 || zeros > mostZeros) return undefined;
  const value = BigInt(digits + fraction) * 10n ** BigInt(zeros);
  return sign === '-' ? -value : value;
}

/** Parses a count such as `500`, `1e7` or `0x1000` for an option. Throws UsageError. */
export function parseCount(text: string, what: string, least = 0): number {
  const value = parseInteger(text);
  if (value === undefined || value < BigInt(least) || value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new UsageError(`${what} must be a whole number of at least ${least}, ${quoted(text)} is not`);
  return Number(value);
}
