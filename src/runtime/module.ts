// A Module: decoded, validated, immutable, and known by the SHA-256 of its bytes. Any number of VMs share it.

import { decode, decodeKnown } from '../binary/decode.ts';
import type { Export, ModuleSyntax } from '../binary/module.ts';
import type { DefType } from '../spec/deftypes.ts';
import { UsageError } from '../spec/errors.ts';
import { calledFrom } from '../spec/stacks.ts';
import { cut } from '../spec/told.ts';
import type { ExternKind, FuncIdx, FuncType, GlobalType, MemType, TableType } from '../spec/types.ts';
import type { ModuleContext } from '../validate/context.ts';
import { validate, validateKnown } from '../validate/module.ts';
import { hashOf } from './sha256.ts';

/** What can be imported and exported, and its type: of a tag, that of a function without results. */
export type EntityType =
  | { readonly kind: 'func'; readonly type: FuncType }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'memory'; readonly type: MemType }
  | { readonly kind: 'global'; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly type: FuncType };
/** An import of a module: its names, its kind, its type. */
export type ModuleImport = EntityType & { readonly module: string; readonly name: string };
/** An export of a module: its name, its kind, its type. */
export type ModuleExport = EntityType & { readonly name: string };

/** The type of a function or a tag. */
const compOf = (type: DefType | undefined): FuncType => type?.comp as FuncType;

/** By kind, the type of what has an index. Index spaces begin with the imports. */
const typesOf = {
  func: ({ funcs }, index) => compOf(funcs[index]),
  table: ({ tables }, index) => tables[index],
  memory: ({ memories }, index) => memories[index],
  global: ({ globals }, index) => globals[index],
  tag: ({ tags }, index) => compOf(tags[index]),
} satisfies Record<ExternKind, (context: ModuleContext, index: number) => EntityType['type'] | undefined>;

/** A module that was decoded and validated. It never changes, and any number of VMs share it. */
export class Module {
  private knownImports: readonly ModuleImport[] | undefined;
  private knownExports: readonly ModuleExport[] | undefined;
  private known: string | undefined;
  private byName: ReadonlyMap<string, Export> | undefined;
  /** Of exported functions, the first name of each. */
  private exportedNames: ReadonlyMap<FuncIdx, string> | undefined;

  /** @hidden */
  private constructor(
    /** @hidden */
    readonly syntax: ModuleSyntax,
    /** @hidden */
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
    return calledFrom(Module.from, () => {
      const syntax = decode(own);
      return new Module(syntax, validate(syntax));
    });
  }

  /**
   * For our own rooms: a module that one of them has made before of bytes with this hash, and whose bodies have the
   * instructions of these codes: they are not looked into again. Undefined for bytes with another hash. @hidden
   */
  static known(bytes: Uint8Array, hash: string, codes: readonly number[]): Module | undefined {
    const own = new Uint8Array(bytes);
    if (hashOf(own) !== hash) return undefined;
    const syntax = decodeKnown(own);
    const module = new Module(syntax, validateKnown(syntax, codes));
    module.known = hash;
    return module;
  }

  /** What it imports, in its order, with kinds and types. */
  get imports(): readonly ModuleImport[] {
    const next: Record<ExternKind, number> = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };
    this.knownImports ??= this.syntax.imports.map(({ module, name, desc: { kind } }) => ({
      module,
      name,
      ...this.entity(kind, next[kind]++),
    }));
    return this.knownImports;
  }

  /** What it exports, in its order, with kinds and types. */
  get exports(): readonly ModuleExport[] {
    this.knownExports ??= this.syntax.exports.map(({ name, kind, index }) => ({ name, ...this.entity(kind, index) }));
    return this.knownExports;
  }

  private entity(kind: ExternKind, index: number): EntityType {
    return { kind, type: typesOf[kind](this.context, index) } as EntityType;
  }

  /** The bytes that it was made of. Do not change them. */
  get bytes(): Uint8Array {
    return this.syntax.bytes;
  }

  /** SHA-256 of the bytes, in hexadecimal: the module's name in snapshots and caches. */
  get hash(): string {
    this.known ??= hashOf(this.bytes);
    return this.known;
  }

  /** The export of that name as the module tells it, or undefined. @hidden */
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
