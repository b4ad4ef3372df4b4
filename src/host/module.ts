// Host modules: host functions that have a state in common, of each VM its own.

import { UsageError } from '../spec/errors.ts';
import { aFlag, aFunction, anObject, aText, check, optionsOf } from '../spec/options.ts';
import { mostOfName, quoted } from '../spec/told.ts';
import type { HostFunction } from './define.ts';
import type { StateKind, StateOwner } from './state.ts';

/** What a host module is made of. */
export interface HostModuleOptions<S> {
  /** What snapshots call the state: up to 200 characters. */
  readonly name: string;
  readonly state: StateKind<S>;
  /** By the names that modules import; each finds the state in its context. */
  readonly functions: Readonly<Record<string, HostFunction>>;
  /** False: no function keeps a view of a memory, so that memories can be used again when their VM is gone. */
  readonly keepsViews?: boolean | undefined;
}

const aName = check((v: string) => v.length > 0 && v.length <= mostOfName, `a text of 1 to ${mostOfName} characters`);
const moduleOptions = optionsOf<HostModuleOptions<unknown>>(
  {
    name: (value, what) => {
      aText(value, what);
      aName(value, what);
    },
    state: optionsOf<StateKind<unknown>>(
      { create: aFunction, save: aFunction, send: aFunction, restore: aFunction, dispose: aFunction },
      'create',
      'save',
      'restore',
    ),
    functions: anObject,
    keepsViews: aFlag,
  },
  'name',
  'state',
  'functions',
);

/** Its functions are given as imports; `VM.state` tells a VM's state of it. */
export class HostModule<S = unknown> implements StateOwner<S> {
  readonly name: string;
  readonly state: StateKind<S>;
  readonly keepsViews: boolean;
  /** The functions, each of this module. */
  readonly functions: Readonly<Record<string, HostFunction>>;

  constructor({ name, state, functions, keepsViews = true }: HostModuleOptions<S>) {
    this.name = name;
    this.state = state;
    this.keepsViews = keepsViews;
    this.functions = ownedBy(this, functions);
  }
}

/** The same functions, working on the owner's state. */
export const ownedBy = (
  owner: StateOwner,
  functions: Readonly<Record<string, HostFunction>>,
): Readonly<Record<string, HostFunction>> =>
  Object.fromEntries(Object.entries(functions).map(([name, host]) => [name, { ...anUnowned(host, name), owner }]));

function anUnowned(host: HostFunction, name: string): HostFunction {
  anObject(host, `functions.${name}`);
  if (host.owner !== undefined)
    throw new UsageError(`${quoted(name)} is of the host module ${quoted(host.owner.name)}`);
  return host;
}

/**
 * Host functions whose state belongs to the VM: it is saved, restored, forked and moved with it. Throws UsageError.
 *
 *     const counter = hostModule({
 *       name: 'counter',
 *       state: {
 *         create: () => ({ count: 0 }),
 *         save: ({ count }) => ({ data: count }),
 *         restore: ({ data }) => ({ count: Number(data) }),
 *       },
 *       functions: {
 *         next: hostFunction([], ['i32'], (context: HostContext<{ count: number }>) => ++context.state.count),
 *       },
 *     });
 *     vm.instantiate(module, { counter: counter.functions });
 *     vm.state(counter).count;
 */
export function hostModule<S>(options: HostModuleOptions<S>): HostModule<S> {
  moduleOptions(options, 'a host module');
  return new HostModule(options);
}
