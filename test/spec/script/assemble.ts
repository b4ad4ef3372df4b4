// Turns a script's modules into bytes. It does not validate: what assembles may still be malformed or invalid.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { unfoldTry } from './legacy.ts';
import type { ModuleSource } from './script.ts';
import { decodeUtf8, toAscii } from './sexpr.ts';

/** The assembler does not take the text. */
export class AssembleError extends Error {}

/** The bytes of a module; rejects with an AssembleError. */
export async function assemble(source: ModuleSource): Promise<Uint8Array> {
  switch (source.kind) {
    case 'binary':
      return source.bytes;
    case 'text':
      return assembleText(source.text);
    case 'quote':
      return assembleText(quotedText(source.bytes));
    default:
      return source satisfies never;
  }
}

/** The bytes of a module given as text. */
export async function assembleText(text: string): Promise<Uint8Array> {
  try {
    // The assembler refuses characters that look confusing on a screen, even in strings.
    return await parse(unfoldTry(toAscii(text)));
  } catch (error) {
    throw new AssembleError(reason(error), { cause: error });
  }
}

function quotedText(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw new AssembleError('malformed UTF-8 encoding', { cause });
  }
}

/** The assembler's message, out of the Rust structure that it is wrapped in. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /kind: (.*?) \} \}\) \}/s.exec(message)?.[1] ?? message;
}

/** Malformed texts of the suite that the assembler takes all the same, as `file:line`: no fault of ours. */
export const takenAnyway: ReadonlySet<string> = new Set([
  'legacy/try_catch.wast:247',
  'legacy/try_catch.wast:252',
  'legacy/try_delegate.wast:221',
  'proposals/threads/memory.wast:83',
  'proposals/threads/memory.wast:87',
  'proposals/threads/memory.wast:91',
  'start.wast:102',
  'try_table.wast:366',
  'try_table.wast:371',
]);
