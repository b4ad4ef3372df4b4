// What a service answers to a job's call: its value, or its failure, as data that threads and stores take.

import type { Value } from '../../runtime/ref.ts';
import { cut } from '../../spec/told.ts';
import { toData } from '../told/errors.ts';
import { pack, unpack } from '../told/parcel.ts';
import type { Answer, SliceEnd } from '../told/protocol.ts';
import type { BoundService } from '../told/services.ts';
import type { Run } from './run.ts';

/** What a service is asked. */
export type HostCall = Pick<SliceEnd & { kind: 'called' }, 'id' | 'module' | 'name' | 'args'>;

/** Asks the service. Never rejects: what it throws is an answer, too, and so is a value that cannot cross. */
export async function answerOf(run: Run, { id, module, name, args }: HostCall): Promise<Answer> {
  try {
    const service = run.services.get(module) as BoundService;
    const which = { id, job: run.identity, signal: run.signal };
    const { giveUp, answer } = service.call(name, unpack(args) as Value[], which, run.spec.serviceTimeout);
    run.giveUp = giveUp;
    return { id, status: 'returned', value: pack(await answer, `the answer of ${cut(module)}.${cut(name)}`) };
  } catch (error) {
    return { id, status: 'failed', error: toData(error) };
  }
}
