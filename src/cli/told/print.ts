// How values, sizes and names are written, for people and as JSON.

import type { Value } from '../../runtime/heap/ref.ts';
import { formatNumber, formatValue } from '../../runtime/literals.ts';
import { typeName, type ValType } from '../../spec/types.ts';

/** The same facts for people, line by line, and for programs. */
export interface Report {
  readonly lines: readonly string[];
  readonly json: object;
}

export interface TypedValue {
  readonly type: ValType;
  readonly value: Value;
}

/** A value in JSON: a number where JSON can say it, else text. */
export function jsonValue({ type, value }: TypedValue): { type: string; value: number | string } {
  return { type: typeName(type), value: typeof value === 'number' ? jsonNumber(value) : formatValue(value) };
}

const jsonNumber = (value: number): number | string =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : formatNumber(value);

/** JSON in one line; numbers that JSON does not have and big integers become text, bytes become `{ "base64": … }`. */
export function toJson(data: unknown): string {
  return JSON.stringify(data, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'number') return jsonNumber(value);
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

/** As a word of a shell. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

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
