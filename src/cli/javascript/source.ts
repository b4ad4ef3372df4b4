// A program as a file, or as the standard input.

import type { SourceType } from '../../javascript/node/index.ts';
import { UsageError } from '../../spec/errors.ts';
import { adviceFor, type FileKind, kindOf, readBytes } from '../read/files.ts';
import { standardInput } from '../read/lines.ts';
import { fileError } from '../told/exit.ts';
import { nameOf, textOf } from './options.ts';

export interface Source {
  readonly code: string;
  /** As stack traces call it. */
  readonly file: string;
  readonly type: SourceType;
}

const types = ['script', 'module'] as const;
const longestName = 200;
/** An empty program is one, and a parenthesis begins texts of both kinds. */
const mayBeText: readonly FileKind[] = ['empty', 'text', 'unknown'];

/** Throws UsageError: also for a file that is something else. */
export async function readSource(path: string, type: string | undefined): Promise<Source> {
  const wanted = types.find((each) => each === type);
  if (type !== undefined && wanted === undefined) throw new UsageError(`--type must be one of ${types.join(', ')}`);
  const isStream = path === standardInput;
  const what = isStream ? 'the standard input' : path;
  const bytes = isStream ? await standardBytes() : readBytes(path);
  if (!mayBeText.includes(kindOf(bytes))) throw new UsageError(`${what}: ${adviceFor(bytes)}`);
  const code = textOf(bytes, what);
  const isModule = wanted === undefined ? path.endsWith('.mjs') || looksLikeModule(code) : wanted === 'module';
  return { code, file: isStream ? 'stdin' : nameOf(path).slice(-longestName), type: isModule ? 'module' : 'script' };
}

async function standardBytes(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  } catch (cause) {
    throw fileError('read', 'the standard input', cause);
  }
  return Buffer.concat(chunks);
}

/** Whether a line begins as only lines of modules do. */
const looksLikeModule = (code: string): boolean =>
  /^[ \t]*(?:import\s*[\w$*{"']|export\s*(?:[{*]|(?:default|const|let|var|function|class|async)\b))/m.test(code);
