// Instance objects: what their modules import, and what they export.
// https://webassembly.github.io/spec/js-api/#instances

import type { Import } from '../binary/module.ts';
import { allocate, initialise } from '../link/instantiate.ts';
import { type ExternType, importTypes, matchImport } from '../link/match.ts';
import type { Value } from '../runtime/heap/ref.ts';
import { type ExternVal, exported } from '../runtime/instance.ts';
import type { InstanceInst } from '../runtime/store.ts';
import { UsageError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';
import { type GlobalType, isRef } from '../spec/types.ts';
import type { Compiled, Provided } from './builtins.ts';
import type { Caller } from './call.ts';
import { attempt, LinkError, refused } from './errors.ts';
import { addGlobal } from './global.ts';
import type { Port } from './port.ts';
import type { Callable, Realm } from './realm.ts';
import { checkCrossing, toWasm } from './values.ts';
import { asInterface, isObject } from './webidl.ts';

/** Makes instances of one namespace. */
export class Instantiation {
  constructor(
    private readonly realm: Realm,
    private readonly port: Port,
    private readonly caller: Caller,
  ) {}

  /** Reads each import by property access, in the module's order. Throws TypeError, LinkError, or what a getter throws. */
  readImports({ module, provided }: Compiled, imports: unknown): ExternVal[] {
    if (imports === undefined && module.syntax.imports.some((_, i) => provided[i] === undefined))
      throw new TypeError('the imports are missing');
    if (imports !== undefined && !isObject(imports)) throw new TypeError('the imports must be an object');
    this.realm.refresh();
    const types = importTypes(module);
    let funcs = 0;
    return module.syntax.imports.map((what, i) => {
      const type = types[i] as ExternType;
      const index = type.kind === 'func' ? funcs++ : -1;
      const known = provided[i];
      return known === undefined ? this.read(what, type, imports, index) : this.provide(what, type, known, index);
    });
  }

  /** What needs no import object. */
  private provide({ module, name }: Import, { kind, type }: ExternType, provided: Provided, index: number): ExternVal {
    const addr =
      provided === 'string'
        ? addGlobal(this.realm, type as GlobalType, name)
        : this.port.provide({ builtin: provided, index }, provided.type, module, name);
    return { kind, addr };
  }

  /**
   * `index` is a function's in the module.
   * https://webassembly.github.io/spec/js-api/#read-the-imports
   */
  private read(what: Import, type: ExternType, imports: unknown, index: number): ExternVal {
    const space = (imports as Record<string, unknown>)[what.module];
    if (!isObject(space)) throw new TypeError(`import module ${quoted(what.module)} is no object`);
    const given = this.given(what, type, (space as Record<string, unknown>)[what.name], index);
    this.match(what, type, given);
    return given;
  }

  private match(what: Import, type: ExternType, given: ExternVal): void {
    try {
      matchImport(this.realm.store, what, type, given);
    } catch (error) {
      throw refused(error);
    }
  }

  private given(what: Import, type: ExternType, value: unknown, index: number): ExternVal {
    const addr = this.realm.addrOf(value, type.kind) ?? this.made(what, type, value, index);
    if (addr === undefined) throw new LinkError(`import ${nameOf(what)} must be a ${type.kind} of this namespace`);
    return { kind: type.kind, addr };
  }

  /** Functions, and values for constant globals, need not be objects of the namespace. */
  private made(
    { module, name }: Import,
    { kind, type }: ExternType,
    value: unknown,
    index: number,
  ): number | undefined {
    const suspending = kind === 'func' ? this.realm.suspending.get(value as object) : undefined;
    const callee = suspending ?? value;
    if (kind === 'func' && typeof callee === 'function')
      return this.port.provide(
        { callee: callee as Callable, suspends: suspending !== undefined, index },
        type,
        module,
        name,
      );
    if (kind === 'global' && !type.mutable)
      return addGlobal(this.realm, type, this.globalValue({ module, name }, type, value));
    return undefined;
  }

  private globalValue(what: ImportName, { type }: GlobalType, value: unknown): Value {
    const wanted = type === 'i64' ? 'bigint' : 'number';
    if (!isRef(type) && (type === 'v128' || typeof value !== wanted))
      throw new LinkError(`import ${nameOf(what)} must be a ${wanted} or a global`);
    try {
      checkCrossing(type);
      return toWasm(this.realm, value, type);
    } catch (cause) {
      throw new LinkError(`import ${nameOf(what)} does not suit its type`, { cause });
    }
  }

  /**
   * Allocates, initialises and starts. Throws LinkError, RangeError, or what the start function ends with; UsageError
   * where the engine that was chosen cannot run the module.
   */
  instantiate({ module }: Compiled, imports: readonly ExternVal[]): object {
    const { store, engine } = this.realm;
    const supports = engine.supports(module);
    if (supports !== true) throw new UsageError(`the engine cannot run the module: ${supports}`);
    const instance = attempt(() => {
      const made = allocate(store, module, imports, false);
      initialise(store, made);
      return made;
    });
    const start = instance.funcs[module.syntax.start?.func ?? -1];
    const exports = this.exports(instance);
    if (start !== undefined) this.caller.start(start);
    return exports;
  }

  /** https://webassembly.github.io/spec/js-api/#create-an-exports-object */
  private exports(instance: InstanceInst): object {
    const object = Object.create(null);
    for (const { name } of instance.module.syntax.exports) {
      const { kind, addr } = exported(instance, name) as ExternVal;
      object[name] = this.realm.object(kind, addr);
    }
    return Object.freeze(object);
  }
}

type ImportName = Pick<Import, 'module' | 'name'>;

const nameOf = ({ module, name }: ImportName): string => `${quoted(module)}.${quoted(name)}`;

/** Given to the constructor in place of a module, for an instance that is there. */
export class Exports {
  constructor(readonly object: object) {}
}

export function instanceClass(realm: Realm, instantiation: Instantiation): typeof WebAssembly.Instance {
  const exports = new WeakMap<object, object>();
  const instantiated = (module: Compiled, imports: unknown): object =>
    instantiation.instantiate(module, instantiation.readImports(module, imports));
  class Instance {
    constructor(module: WebAssembly.Module, ...imports: [importObject?: unknown]) {
      const from: unknown = module;
      exports.set(this, from instanceof Exports ? from.object : instantiated(realm.module(from), imports[0]));
    }
    get exports(): WebAssembly.Exports {
      const object = exports.get(this);
      if (object === undefined) throw new TypeError('a WebAssembly.Instance of this namespace is expected');
      return object as WebAssembly.Exports;
    }
  }
  return asInterface(Instance);
}
