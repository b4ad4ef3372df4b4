// What the error of a failed call tells, on one thread and on several: `outer`, called by `main`, calls `divide` of the member
// `failing`, which divides by zero in `deep`.

import type { ExecutionContext } from 'ava';
import { HostError, Trap } from '../../src/index.ts';
import { PeerError } from '../../src/talk/index.ts';

export async function tellsBothStacks(t: ExecutionContext, result: Promise<unknown>): Promise<void> {
  const error = await t.throwsAsync(result, { instanceOf: HostError, message: /"divide" of "failing" failed/ });
  const names = ({ frames }: HostError | Trap) => frames.map(({ name }) => name);
  t.deepEqual(names(error as HostError), ['outer', 'main']);
  const peer = error?.cause as PeerError;
  t.true(peer instanceof PeerError && peer.code === 'peer' && peer.member === 'failing');
  const trap = peer.cause as Trap;
  t.true(trap instanceof Trap && trap.kind === 'integer divide by zero');
  t.deepEqual(names(trap), ['deep', 'divide']);
}
