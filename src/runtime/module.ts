// A Module: decoded, validated, immutable, and known by the SHA-256 of its bytes. Any number of VMs share it.

import { decode } from '../binary/decode.ts';
import type { Export, ModuleSyntax } from '../binary/module.ts';
import { UsageError } from '../spec/errors.ts';
import { cut } from '../spec/told.ts';
import type { FuncIdx } from '../spec/types.ts';
import type { ModuleContext } from '../validate/context.ts';
import { validate } from '../validate/module.ts';
import { hashOf } from './sha256.ts';

export class Module {
  private known: string | undefined;
  private byName: ReadonlyMap<string, Export> | undefined;
  /** Of exported functions, the first name of each. */
  private exportedNames: ReadonlyMap<FuncIdx, string> | undefined;

  private constructor(
    readonly syntax: ModuleSyntax,
    readonly context: ModuleContext,
  ) {}

  /**
   * Decodes and validates a binary module. The bytes are copied, so the caller may reuse them.
   * Throws MalformedError, InvalidError (both with the byte offset) or UsageError.
   */
  static from(bytes: Uint8Array | ArrayBuffer): Module {
    if (!(bytes instanceof Uint8Array || bytes instanceof ArrayBuffer))
      throw new UsageError('a module is made from a Uint8Array or an ArrayBuffer');
    const own = new Uint8Array(bytes).slice();
    const syntax = decode(own);
    return new Module(syntax, validate(syntax));
  }

  get bytes(): Uint8Array {
    return this.syntax.bytes;
  }

  /** SHA-256 of the bytes, in hexadecimal: the module's name in snapshots and caches. */
  get hash(): string {
    this.known ??= hashOf(this.bytes);
    return this.known;
  }

  exportNamed(name: string): Export | undefined {
    this.byName ??= new Map(this.syntax.exports.map((e) => [e.name, e]));
    return this.byName.get(name);
  }

  /** What a person calls the function: its name, an export's name, or `func[index]`; at most 200 characters. */
  funcName(index: FuncIdx): string {
    const given = this.syntax.names.funcs.get(index);
    if (given !== undefined) return cut(given);
    this.exportedNames ??= new Map(
      this.syntax.exports
        .filter(({ kind }) => kind === 'func')
        .map((e): [FuncIdx, string] => [e.index, cut(e.name)])
        .reverse(),
    );
    return this.exportedNames.get(index) ?? `func[${index}]`;
  }
}
