// `wasbox inspect`: which kind of file it is, and what is in it. Modules are told in describe.ts, saved programs in
// stack.ts; what both come to is a report, printed as text or as JSON.

import { Module } from '../runtime/module.ts';
import { Snapshot } from '../snapshot/snapshot.ts';
import { UsageError } from '../spec/errors.ts';
import { parseCount } from './arguments.ts';
import { describeFunction, describeModule } from './describe.ts';
import type { Exit } from './exit.ts';
import { at, isSaved, isWasm, readBytes, readModule, readSaved } from './files.ts';
import { plain, type Report, toJson } from './print.ts';
import { describeSaved } from './stack.ts';

export interface InspectOptions {
  readonly func?: string;
  readonly frames: string;
  readonly module?: readonly string[];
  readonly json?: boolean;
}

export function inspect(file: string, options: InspectOptions): Exit {
  const { lines, json } = reportOn(file, options);
  if (options.json) console.log(toJson(json));
  else for (const line of lines) console.log(plain(line));
  return 'ok';
}

function reportOn(file: string, options: InspectOptions): Report {
  const bytes = readBytes(file);
  return at(file, () => report(file, bytes, options));
}

function report(file: string, bytes: Uint8Array, { func, frames, module }: InspectOptions): Report {
  const mostFrames = parseCount(frames, '--frames');
  if (isWasm(bytes)) {
    const found = Module.from(bytes);
    return func === undefined ? describeModule(file, found) : describeFunction(found, func);
  }
  if (!isSaved(bytes)) throw new UsageError('neither a WebAssembly module nor a saved program');
  const { plan, snapshot, modules } = readSaved(bytes);
  const embedded = modules.map((part) => Module.from(part));
  const given = (module ?? []).map(readModule);
  return describeSaved(
    { file, bytes: bytes.length, plan, snapshot: Snapshot.decode(snapshot), embedded, given },
    mostFrames,
  );
}
