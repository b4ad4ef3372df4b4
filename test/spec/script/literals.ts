// Number literals of the text format as the bits they stand for, correctly rounded.
// https://webassembly.github.io/spec/core/text/values.html

export type NanPattern = 'nan:canonical' | 'nan:arithmetic';

/** Layout of an IEEE 754 format. */
interface FloatFormat {
  /** Bits of the fraction field. */
  readonly fraction: number;
  readonly bias: number;
}
const f32: FloatFormat = { fraction: 23, bias: 127 };
const f64: FloatFormat = { fraction: 52, bias: 1023 };

const intLiteral = /^([+-]?)((?:\d+(?:_\d+)*)|(?:0x[\da-fA-F]+(?:_[\da-fA-F]+)*))$/;

/** An integer of `width` bits, given signed or unsigned; signed in the result. */
export function parseInteger(text: string, width: number): bigint {
  const [, sign, digits] = intLiteral.exec(text) ?? fail(text);
  const magnitude = BigInt((digits as string).replaceAll('_', ''));
  const value = sign === '-' ? -magnitude : magnitude;
  const half = 1n << BigInt(width - 1);
  if (value < -half || value >= 2n * half) fail(text);
  return BigInt.asIntN(width, value);
}

/** The bits of an f32 literal as int32. */
export const parseF32 = (text: string): number => Number(BigInt.asIntN(32, parseFloatBits(text, f32)));
/** The bits of an f64 literal as signed 64 bits. */
export const parseF64 = (text: string): bigint => BigInt.asIntN(64, parseFloatBits(text, f64));

const floatLiteral = /^([+-]?)(.+)$/;
const hexFloat = /^0x([\da-f]+)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i;
const decimalFloat = /^(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;

function parseFloatBits(text: string, format: FloatFormat): bigint {
  const [, sign, unsigned] = floatLiteral.exec(text) ?? fail(text);
  const width = format.fraction + Math.ceil(Math.log2(format.bias)) + 2;
  return (
    (sign === '-' ? 1n << BigInt(width - 1) : 0n) | magnitudeBits((unsigned as string).replaceAll('_', ''), format)
  );
}

function magnitudeBits(text: string, format: FloatFormat): bigint {
  const infinity = BigInt(2 * format.bias + 1) << BigInt(format.fraction);
  if (text === 'inf') return infinity;
  if (text === 'nan') return infinity | (1n << BigInt(format.fraction - 1));
  if (text.startsWith('nan:0x')) return infinity | payload(text.slice(4), format);
  const [numerator, denominator] = ratio(text);
  const bits = round(numerator, denominator, format);
  return bits < infinity ? bits : fail(text);
}

function payload(hex: string, format: FloatFormat): bigint {
  const bits = BigInt(hex);
  return bits > 0n && bits < 1n << BigInt(format.fraction) ? bits : fail(hex);
}

/** The exact value, as a fraction. */
function ratio(text: string): [bigint, bigint] {
  const hex = hexFloat.exec(text);
  if (hex !== null) {
    const [, whole = '', fraction = '', exponent = '0'] = hex;
    return scale(BigInt(`0x${whole}${fraction}`), 2n, Number(exponent) - 4 * fraction.length);
  }
  const [, whole = '', fraction = '', exponent = '0'] = decimalFloat.exec(text) ?? fail(text);
  return scale(BigInt(whole + fraction), 10n, Number(exponent) - fraction.length);
}

function scale(value: bigint, base: bigint, exponent: number): [bigint, bigint] {
  return exponent < 0 ? [value, base ** BigInt(-exponent)] : [value * base ** BigInt(exponent), 1n];
}

const bitLength = (n: bigint) => n.toString(2).length;

/**
 * Rounds a fraction to nearest, ties to even, once: by way of another format it would be rounded twice.
 * https://webassembly.github.io/spec/core/exec/numerics.html#aux-ieee
 */
function round(numerator: bigint, denominator: bigint, { fraction, bias }: FloatFormat): bigint {
  if (numerator === 0n) return 0n;
  let exponent = bitLength(numerator) - bitLength(denominator);
  const [n, d] = shift(numerator, denominator, -exponent);
  if (n < d) exponent--;
  // Now 2^exponent <= value < 2^(exponent + 1). Subnormals share the exponent of the smallest normal.
  exponent = Math.max(exponent, 1 - bias);
  const [top, bottom] = shift(numerator, denominator, fraction - exponent);
  const quotient = top / bottom;
  const twice = 2n * (top % bottom);
  const up = twice > bottom || (twice === bottom && (quotient & 1n) === 1n);
  // The leading one of a normal adds 1 to the exponent field, and so does a carry from rounding up.
  return (BigInt(exponent + bias - 1) << BigInt(fraction)) + quotient + (up ? 1n : 0n);
}

/** The fraction times 2^by. */
function shift(numerator: bigint, denominator: bigint, by: number): [bigint, bigint] {
  return by < 0 ? [numerator, denominator << BigInt(-by)] : [numerator << BigInt(by), denominator];
}

function fail(text: string): never {
  throw new RangeError(`no such number: ${text}`);
}
