// Whether code that QuickJS does not take only has no end yet: then the next line goes on with it. Nothing has run by then,
// for all of it is parsed first.

import type { Failure } from '../../javascript/node/index.ts';

/** What an unterminated template begins with, or goes on with after a part of it. */
const templates = ['`', '}'];

export function isIncomplete({ name, message, places }: Failure, code: string, file: string): boolean {
  const [place] = places;
  if (name !== 'SyntaxError' || place?.file !== file) return false;
  if (message === 'unexpected end of comment') return true;
  // `const a` is as whole as it gets.
  if (message.startsWith('missing initializer')) return false;
  const lines = code.split('\n');
  // QuickJS counts columns in bytes.
  const line = Buffer.from(lines[place.line - 1] ?? '');
  if (message === 'unexpected end of string')
    return templates.includes(String.fromCharCode(line[place.column - 1] ?? 0));
  return place.line === lines.length && place.column > line.length;
}
