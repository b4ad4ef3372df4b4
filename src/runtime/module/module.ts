// A Module: decoded, validated, immutable, and known by the SHA-256 of its bytes. Any number of VMs share it.

import { decode, decodeImports, decodeKnown } from '../../binary/decode.ts';
import type { Export, Import, ModuleSyntax } from '../../binary/module.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { UsageError } from '../../spec/errors.ts';
import { calledFrom, laterFrom } from '../../spec/stacks.ts';
import { cut } from '../../spec/told.ts';
import type { ExternKind, FuncIdx, FuncType, GlobalType, MemType, TableType } from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';
import { codesOf, validate, validateKnown } from '../../validate/module.ts';
import { hashOf } from '../beneath/sha256.ts';
import { sharedCopy } from '../beneath/shared.ts';
import { ask, type Checked, hasThreads } from './aside.ts';
import { type CompileOptions, Course, checkCompile, type Whole } from './compiling.ts';

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

/** So few bytes take a few milliseconds, which is less than a thread takes to begin. */
const fewBytes = 32 * 1024;

/** A Buffer's own `slice` would be no copy. */
const copyOf = (bytes: Uint8Array | ArrayBuffer): Uint8Array =>
  new Uint8Array(bytes instanceof ArrayBuffer ? bytes.slice(0) : bytes);

function checkBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array || bytes instanceof ArrayBuffer))
    throw new UsageError('a module is made from a Uint8Array or an ArrayBuffer');
}

/** A module that was decoded and validated. It never changes, and any number of VMs share it. */
export class Module {
  private knownImports: readonly ModuleImport[] | undefined;
  private knownExports: readonly ModuleExport[] | undefined;
  private knownHash: string | undefined;
  private knownCodes: readonly number[] | undefined;
  private byName: ReadonlyMap<string, Export> | undefined;
  /** Of exported functions, the first name of each. */
  private exportedNames: ReadonlyMap<FuncIdx, string> | undefined;

  /** @hidden */
  private constructor(
    /**
     * The bytes that it was made of. Do not change them. Those of a large module that `compile` has made are on shared memory,
     * where the host has such.
     */
    readonly bytes: Uint8Array,
    /** Undefined until somebody asks, of bytes that are known to be valid. */
    private whole: Whole | undefined,
    checked?: Checked,
  ) {
    this.knownHash = checked?.hash;
    this.knownCodes = checked?.codes;
  }

  /**
   * Decodes and validates a binary module. The bytes are copied, so the caller may reuse them.
   * Throws MalformedError, InvalidError (both with the byte offset) or UsageError.
   */
  static from(bytes: Uint8Array | ArrayBuffer): Module {
    checkBytes(bytes);
    const own = copyOf(bytes);
    return calledFrom(Module.from, () => {
      const syntax = decode(own);
      return new Module(own, { syntax, context: validate(syntax) });
    });
  }

  /**
   * The same off the calling thread: in Node a module of more than 32 KiB is decoded and validated on a thread made for that, of
   * which there are two at the most, and none while nobody needs one. What this thread does is to copy the bytes. It reads what the
   * module declares once somebody needs that here, such as a VM or `imports`, and no function bodies; a pool does not. A smaller
   * module, and any where no thread can be had, as in browsers, is decoded and validated by the calling thread in pieces of 5 ms,
   * with turns for other code in between; a function or another section is not divided.
   *
   * Rejects as `from` throws; with LimitError where the module is larger than `size` or takes longer than `timeout`; with the
   * reason of a `signal` that is aborted; with WorkerError where the thread dies, as for want of memory.
   */
  static async compile(bytes: Uint8Array | ArrayBuffer, options: CompileOptions = {}): Promise<Module> {
    const told = laterFrom(Module.compile);
    try {
      checkBytes(bytes);
      checkCompile(options);
      const course = new Course(bytes.byteLength, options);
      return await (hasThreads && bytes.byteLength > fewBytes
        ? Module.aside(bytes, course)
        : Module.here(bytes, course));
    } catch (error) {
      throw told(error);
    }
  }

  private static async aside(bytes: Uint8Array | ArrayBuffer, course: Course): Promise<Module> {
    const own = sharedCopy(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes);
    const { checked, drop } = ask(own);
    try {
      const known = await course.orEnd(checked);
      return known === undefined ? await Module.here(own, course) : new Module(own, undefined, known);
    } finally {
      drop();
    }
  }

  private static async here(bytes: Uint8Array | ArrayBuffer, course: Course): Promise<Module> {
    const own = copyOf(bytes);
    return new Module(own, await course.inPieces(own));
  }

  /**
   * For our own rooms: a module that one of them has made before of bytes with this hash, and whose bodies have the
   * instructions of these codes: they are not looked into again. Undefined for bytes with another hash. @hidden
   */
  static known(bytes: Uint8Array, hash: string, codes: readonly number[]): Module | undefined {
    const own = new Uint8Array(bytes);
    return hashOf(own) === hash ? new Module(own, undefined, { hash, codes }) : undefined;
  }

  /** The same for bytes that are another Module's, of this process, as its hash and its codes are. @hidden */
  static received(bytes: Uint8Array, checked: Checked): Module {
    return new Module(bytes, undefined, checked);
  }

  /** @hidden */
  get syntax(): ModuleSyntax {
    return this.all.syntax;
  }

  /** @hidden */
  get context(): ModuleContext {
    return this.all.context;
  }

  private get all(): Whole {
    this.whole ??= this.read();
    return this.whole;
  }

  private read(): Whole {
    const syntax = decodeKnown(this.bytes);
    return { syntax, context: validateKnown(syntax, this.knownCodes as readonly number[]) };
  }

  /** The codes of all instructions that its bodies have. @hidden */
  get codes(): readonly number[] {
    this.knownCodes ??= codesOf(this.context);
    return this.knownCodes;
  }

  /** What it imports as the module tells it: for whoever needs nothing else of it. @hidden */
  get importList(): readonly Import[] {
    return this.whole === undefined ? decodeImports(this.bytes) : this.whole.syntax.imports;
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

  /** SHA-256 of the bytes, in hexadecimal: the module's name in snapshots and caches. */
  get hash(): string {
    this.knownHash ??= hashOf(this.bytes);
    return this.knownHash;
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
