// Modules to decode in tests: real programs among the dependencies, and every module of the test suite.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeInstruction } from '../../src/binary/encode-instruction.ts';
import { InstructionReader } from '../../src/binary/instruction.ts';
import type { Span } from '../../src/binary/module.ts';
import { Writer } from '../../src/binary/writer.ts';
import { MalformedError } from '../../src/spec/errors.ts';
import { scripts, testsuite } from '../spec/locate.ts';
import { AssembleError, assemble } from '../spec/script/assemble.ts';
import { parseScript } from '../spec/script/script.ts';

const dependencies = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const load = (name: string) => {
  const path = join(dependencies, name);
  return { name, path, bytes: new Uint8Array(readFileSync(path)) };
};

export const lodepng = load('@cwasm/lodepng/lodepng.wasm');
export const sha256 = load('@chainsafe/as-sha256/build/optimized.wasm');
export const gofmt = load('@wasm-fmt/gofmt/gofmt.wasm');
export const programs = [lodepng, sha256, gofmt, load('tiny-secp256k1/lib/secp256k1.wasm')];

export interface SuiteModule {
  /** `file:line`. */
  readonly name: string;
  /** `module` for one that is to be valid, else the assertion about it. */
  readonly type: string;
  /** Whether the script gives the bytes themselves. */
  readonly binary: boolean;
  readonly bytes: Uint8Array;
  /** What the assertion expects to be told; empty for a module. */
  readonly message: string;
}

/** Every module of the suite that can be assembled; proposals that are no part of wasbox aside. */
export async function suiteModules(): Promise<SuiteModule[]> {
  const modules: SuiteModule[] = [];
  for (const file of scripts().filter((file) => !file.includes('custom-descriptors'))) {
    for (const command of parseScript(readFileSync(join(testsuite as string, file), 'utf8'), file)) {
      if (!('source' in command)) continue;
      const { source, type, line } = command;
      try {
        const bytes = await assemble(source);
        const message = 'message' in command ? command.message : '';
        modules.push({ name: `${file}:${line}`, type, binary: source.kind === 'binary', bytes, message });
      } catch (error) {
        if (!(error instanceof AssembleError)) throw error;
      }
    }
  }
  return modules;
}

/** The message of the MalformedError that an action throws; undefined if it throws nothing. Other errors pass. */
export function malformed(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof MalformedError) return error.message;
    throw error;
  }
}

/** The instructions of a span in their shortest form. */
export function canonical(bytes: Uint8Array, { start, end }: Span): Uint8Array {
  const r = new InstructionReader(bytes, start, end);
  const w = new Writer();
  while (r.pos < r.end) {
    r.next();
    encodeInstruction(r, w);
  }
  return w.finish();
}

const hexByte = (byte: number) => byte.toString(16).padStart(2, '0');
export const hex = (bytes: Uint8Array) => Array.from(bytes, hexByte).join('');
/** Bytes from hex digits; white space is skipped. */
export const unhex = (digits: string) =>
  Uint8Array.from(digits.replaceAll(/\s/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const header = '00 61 73 6d 01 00 00 00';
/** A module of sections `[id, content in hex]`; sizes are put in. */
export function moduleOf(...sections: readonly (readonly [id: number, content: string])[]): Uint8Array {
  const w = new Writer();
  w.bytes(unhex(header));
  for (const [id, content] of sections) {
    w.byte(id);
    w.sized((w) => w.bytes(unhex(content)));
  }
  return w.finish();
}

/** A module with one function of type [] -> [] without locals and such a body. */
export function bodyOf(instructions: string): Uint8Array {
  const size = unhex(instructions).length + 1;
  const w = new Writer();
  w.u32(size);
  return moduleOf([1, '01 60 00 00'], [3, '01 00'], [10, `01 ${hex(w.finish())} 00 ${instructions}`]);
}
