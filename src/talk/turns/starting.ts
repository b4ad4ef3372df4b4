// The start function of a member's module, which runs to its end while the member is made.

import { ExitError, LimitError, UsageError } from '../../spec/errors.ts';
import type { VM } from '../../vm.ts';
import type { Fuel } from '../members/member.ts';

/** Units of fuel that it may use, where the member has as many: nobody else has a turn meanwhile. */
const most = 100_000_000;

/** Throws Trap, ExitError, LimitError, and UsageError where it would have to wait. */
export function runStart(vm: VM, fuel: Fuel): void {
  if (vm.status === 'idle') return;
  const bound = Math.min(most, fuel.left);
  const outcome = vm.runFor(bound);
  fuel.left -= vm.fuelUsed;
  if (outcome.status === 'trapped') throw outcome.trap;
  if (outcome.status === 'exited') throw new ExitError(outcome.code);
  if (outcome.status === 'returned') return;
  if (outcome.reason.kind !== 'fuel') throw new UsageError('a start function cannot wait for the host');
  throw new LimitError(`the start function has used up ${bound} units of fuel`, { limit: 'fuel', value: bound });
}
