// How values, sizes and names are written, for people and as JSON.

import { Ref, type Value } from '../runtime/ref.ts';
import { typeName, type ValType } from '../spec/types.ts';

export { plain } from '../spec/told.ts';

/** The same facts for people, line by line, and for programs. */
export interface Report {
  readonly lines: readonly string[];
  readonly json: object;
}

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** A value as people read it, and as the command line takes it where it can. */
export function formatValue(value: Value): string {
  if (value instanceof Ref) return `${value.kind} ${value.payload}`;
  if (value instanceof Uint8Array) return `0x${hex(value)}`;
  if (typeof value === 'number') return formatNumber(value);
  return value === null || typeof value === 'bigint' ? String(value) : 'a value of the host';
}

function formatNumber(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

export interface TypedValue {
  readonly type: ValType;
  readonly value: Value;
}

/** A value in JSON: a number where JSON can say it, else text. */
export function jsonValue({ type, value }: TypedValue): { type: string; value: number | string } {
  const exact = typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0);
  return { type: typeName(type), value: exact ? value : formatValue(value) };
}

/** JSON in one line; big integers become text, bytes become `{ "base64": … }`. */
export function toJson(data: unknown): string {
  return JSON.stringify(data, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    if (value instanceof Uint8Array)
      return { base64: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64') };
    return value;
  });
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return unit === 0 ? `${bytes} bytes` : `${(bytes / 1024 ** unit).toFixed(1)} ${units[unit]}`;
}

export const count = (number: number, singular: string, plural = `${singular}s`): string =>
  `${number} ${number === 1 ? singular : plural}`;

/** Wider cells do not widen their column: one name of megabytes would fill it up in every row. */
const widestColumn = 60;

/** Columns as wide as their widest cell that is not very wide, two spaces between. */
export function columns(rows: readonly (readonly string[])[], indent = '  '): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, Math.min(cell.length, widestColumn));
    });
  return rows.map(
    (row) =>
      indent +
      row
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join('  ')
        .trimEnd(),
  );
}
