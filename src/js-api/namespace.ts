// Makes namespaces: a store, an engine and the classes over them, joined to an object shaped like `WebAssembly`.

import { optionsOf, theOptions } from '../spec/options.ts';
import { engineNamed, engineOption } from '../vm/engines.ts';
import { givenLimits, type LimitOptions, limitOptions, vmLimits } from '../vm/options.ts';
import { Caller } from './call.ts';
import { functions } from './compile.ts';
import { CompileError, LinkError, RuntimeError, SuspendError } from './errors.ts';
import { exceptionClass, tagClass } from './exception.ts';
import { globalClass } from './global.ts';
import { Instantiation, instanceClass } from './instance.ts';
import { memoryClass } from './memory.ts';
import { moduleClass } from './module.ts';
import { Port } from './port.ts';
import { promisingFunction, suspendingClass } from './promising.ts';
import { Address, Realm } from './realm.ts';
import { tableClass } from './table.ts';
import type { WasboxNamespace, WebAssemblyOptions } from './types.ts';
import { tag } from './webidl.ts';

/** A namespace is used for as long as its program lives, and gives nothing back. */
const roomy = {
  memory: 2 ** 40,
  memoryCount: 10_000,
  tables: 200_000_000,
  tableCount: 1_000_000,
  instances: 1_000_000,
  entities: 20_000_000,
} satisfies LimitOptions;

const namespaceOptions = optionsOf<WebAssemblyOptions>({ limits: limitOptions, engine: engineOption });

/** A namespace with a store of its own: what it makes is foreign to every other one. Throws UsageError for its options. */
export function createWebAssembly(options: WebAssemblyOptions = {}): WasboxNamespace {
  namespaceOptions(options, theOptions);
  return namespaceOf(new Realm({ ...vmLimits(roomy), ...givenLimits(options.limits) }, engineNamed(options.engine)));
}

/** A namespace over what was made for it. */
export function namespaceOf(realm: Realm): WasboxNamespace {
  const port = new Port(realm);
  const caller = new Caller(realm, port);
  const instantiation = new Instantiation(realm, port, caller);
  const classes = classesOf(realm, instantiation);
  fillMakers(realm, caller, classes);
  const callable = { ...functions(realm, classes, instantiation), promising: promisingFunction(realm, caller) };
  return assemble(classes, callable, realm.object('tag', realm.jsTag));
}

type Classes = ReturnType<typeof classesOf>;

const classesOf = (realm: Realm, instantiation: Instantiation) => ({
  Module: moduleClass(realm),
  Instance: instanceClass(realm, instantiation),
  Memory: memoryClass(realm),
  Table: tableClass(realm),
  Global: globalClass(realm),
  Tag: tagClass(realm),
  Exception: exceptionClass(realm),
  Suspending: suspendingClass(realm),
  CompileError,
  LinkError,
  RuntimeError,
  SuspendError,
});

function fillMakers(realm: Realm, caller: Caller, { Memory, Table, Global, Tag }: Classes): void {
  const at = (addr: number) => new Address(addr) as never;
  realm.makers.func = (addr) => caller.exportedFunction(addr);
  realm.makers.memory = (addr) => new Memory(at(addr));
  realm.makers.table = (addr) => new Table(at(addr));
  realm.makers.global = (addr) => new Global(at(addr));
  realm.makers.tag = (addr) => new Tag(at(addr));
}

/** As in the host's namespace, functions can be enumerated and classes cannot. */
function assemble(classes: Classes, functions: object, jsTag: object): WasboxNamespace {
  const namespace = { ...functions };
  for (const [name, value] of Object.entries(classes))
    Object.defineProperty(namespace, name, { value, writable: true, configurable: true });
  Object.defineProperty(namespace, 'JSTag', { value: jsTag, configurable: true });
  tag(namespace, 'WebAssembly');
  return namespace as unknown as WasboxNamespace;
}
