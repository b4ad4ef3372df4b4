// What a service answers to a guest's call: its value, or its failure, as data that threads and stores take.

import type { Value } from '../../runtime/heap/ref.ts';
import { HostError } from '../../spec/errors.ts';
import { cut } from '../../spec/told.ts';
import { toData } from '../told/errors.ts';
import { pack, unpack } from '../told/parcel.ts';
import type { Answer, SliceEnd } from '../told/protocol.ts';
import type { BoundService, ServiceCall } from '../told/services.ts';

/** What a service is asked. */
export type HostCall = Pick<SliceEnd & { kind: 'called' }, 'id' | 'module' | 'name' | 'args'>;

/** Who asks. */
export interface Asker extends Pick<ServiceCall, 'job' | 'signal'> {
  readonly services: ReadonlyMap<string, BoundService>;
  /** How long a service may take to answer, in ms. */
  readonly timeout: number | undefined;
  /** How to give it up, once it has been asked. */
  asked(giveUp: () => void): void;
}

/** Asks the service. Never rejects: what it throws is an answer, too, and so is a value that cannot cross. */
export async function answerOf(
  { services, job, signal, timeout, asked }: Asker,
  { id, module, name, args }: HostCall,
): Promise<Answer> {
  try {
    const service = services.get(module);
    if (service === undefined) throw new HostError(`there is no service ${cut(module)}`);
    const { giveUp, answer } = service.call(name, unpack(args) as Value[], { id, job, signal }, timeout);
    asked(giveUp);
    return { id, status: 'returned', value: pack(await answer, `the answer of ${cut(module)}.${cut(name)}`) };
  } catch (error) {
    return { id, status: 'failed', error: toData(error) };
  }
}
