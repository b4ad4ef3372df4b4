// What VMs and instances are made with: the options, each with its check.

import { Module } from '../runtime/module/module.ts';
import { Snapshot } from '../snapshot/snapshot.ts';
import { aFlag, anObject, type Checks, instanceOf, listOf, oneOf, optionsOf, theOptions } from '../spec/options.ts';
import { type EngineName, engineOption } from './engines.ts';
import type { Imports } from './imports.ts';
import { type LimitOptions, limitOptions } from './options.ts';

/** What a VM is made with. */
export interface VmOptions {
  /** What the VM may use. A limit that is left out has its default, or in a restored VM the snapshot's if that is lower. */
  readonly limits?: LimitOptions | undefined;
  /** What runs the guest: `auto` unless told. */
  readonly engine?: EngineName | undefined;
  /** Whether memories can cross threads without a copy. */
  readonly sharedMemory?: boolean | undefined;
}
const vmChecks: Checks<VmOptions> = { limits: limitOptions, engine: engineOption, sharedMemory: aFlag };
const vmOptions = optionsOf(vmChecks);

/** What a VM is restored with: what its snapshot names and does not hold. */
export interface RestoreOptions extends VmOptions {
  /** Found by their hash; a snapshot names those that it needs. Those that came along with it need not be given. */
  readonly modules?: readonly Module[] | undefined;
  /** The host functions to bind again. */
  readonly imports?: Imports | undefined;
}
const aModule = instanceOf(Module, 'a Module; Module.from makes one of bytes');
const restoreChecks: Checks<RestoreOptions> = { ...vmChecks, modules: listOf(aModule), imports: anObject };
const restoreOptions = optionsOf(restoreChecks);

/** What a VM is received with. */
export interface ReceiveOptions extends RestoreOptions {
  /** Found by their hash; the message names those that it needs. */
  readonly modules: readonly Module[];
  /** The message was made by `send` in this process: what is in it is taken as it is. */
  readonly trusted?: boolean | undefined;
}
const receiveOptions = optionsOf<ReceiveOptions>({ ...restoreChecks, trusted: aFlag }, 'modules');

/** How a module is instantiated. */
export interface InstantiateOptions {
  /** `defer`: the start function is only pushed, and `run` runs it, suspendable as all else. */
  readonly start?: 'run' | 'defer' | undefined;
}
const instantiateOptions = optionsOf<InstantiateOptions>({ start: oneOf('run', 'defer') });

const aSnapshot = instanceOf(Snapshot, 'a Snapshot');

/** Each throws UsageError. */
export const checkAt = (at: Snapshot): void => aSnapshot(at, 'what is gone back to');
export const checkVm = (options: VmOptions): void => vmOptions(options, theOptions);
export const checkRestore = (options: RestoreOptions): void => restoreOptions(options, theOptions);
export const checkReceive = (options: ReceiveOptions): void => receiveOptions(options, theOptions);
export function checkInstantiate(module: Module, imports: Imports, options: InstantiateOptions): void {
  aModule(module, 'what is instantiated');
  anObject(imports, 'imports');
  instantiateOptions(options, theOptions);
}
