// How what a service has answered reaches the guest that waits for it.

import type { Value } from '../../runtime/heap/ref.ts';
import { SnapshotError } from '../../spec/errors.ts';
import type { ValType } from '../../spec/types.ts';
import type { VM } from '../../vm.ts';
import { fromData } from '../told/errors.ts';
import { unpack } from '../told/parcel.ts';
import type { Answer } from '../told/protocol.ts';
import { resultsOf } from '../told/values.ts';

/** What a service answered, as results of these types. Throws what it failed with, and UsageError for what is no result of them. */
export function valuesOf(answer: Answer, types: readonly ValType[]): readonly Value[] {
  if (answer.status === 'failed') throw fromData(answer.error);
  return resultsOf(unpack(answer.value), types);
}

/**
 * What a service answered goes in as results; what is no result of the import's type is the service's error. Throws
 * SnapshotError where the VM waits for another call.
 */
export function deliverAnswer(vm: VM, given: Answer): void {
  const { pending } = vm.store;
  if (pending?.id !== given.id)
    throw new SnapshotError('the answer is of another call than the VM waits for', 'job state');
  try {
    vm.deliver(given.id, valuesOf(given, vm.store.funcType(pending.func).results));
  } catch (error) {
    vm.fail(given.id, error);
  }
}
