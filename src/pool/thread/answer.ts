// How what a service has answered reaches the guest that waits for it.

import { SnapshotError } from '../../spec/errors.ts';
import type { VM } from '../../vm.ts';
import { fromData } from '../told/errors.ts';
import { unpack } from '../told/parcel.ts';
import type { Answer } from '../told/protocol.ts';
import { resultsOf } from '../told/values.ts';

/**
 * What a service answered goes in as results; what is no result of the import's type is the service's error. Throws
 * SnapshotError where the VM waits for another call.
 */
export function deliverAnswer(vm: VM, given: Answer): void {
  const { pending } = vm.store;
  if (pending?.id !== given.id)
    throw new SnapshotError('the answer is of another call than the VM waits for', 'job state');
  try {
    if (given.status === 'failed') throw fromData(given.error);
    vm.deliver(given.id, resultsOf(unpack(given.value), vm.store.funcType(pending.func).results));
  } catch (error) {
    vm.fail(given.id, error);
  }
}
