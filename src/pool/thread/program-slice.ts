// A slice of a JavaScript program, as a worker does it. What runs there is loaded when the first one comes.

import { toData } from '../told/errors.ts';
import { type ProgramReply, type ProgramTask, pauses, stages, type WorkerData } from '../told/protocol.ts';

/** So long a program may go on while others wait for its thread, and so long while nobody does, in ms. */
const sliceMs = { crowded: 50, free: 500 } as const;

/** To ask for it each time takes longer than a short slice. */
let loaded: Awaited<ReturnType<typeof load>> | undefined;

/** Never rejects. */
export async function programSlice(
  { slot, order, isAsked }: ProgramTask,
  { pause, stage, crowded }: WorkerData,
): Promise<ProgramReply> {
  Atomics.store(stage, slot, stages.begun);
  try {
    loaded ??= await load();
    const { runSlice, quickjs } = loaded;
    const begunAt = performance.now();
    const mayRun = () => (Atomics.load(crowded, 0) === 0 ? sliceMs.free : sliceMs.crowded);
    const shallRest = () => Atomics.load(pause, slot) !== pauses.none || performance.now() - begunAt > mayRun();
    return { kind: 'slice', result: await runSlice(quickjs(), order, () => isAsked || shallRest()) };
  } catch (error) {
    return { kind: 'failed', error: toData(error) };
  }
}

async function load() {
  const { runSlice } = await import('../../javascript/run/slice.ts');
  const { quickjs } = await import('../../javascript/node/quickjs.ts');
  return { runSlice, quickjs };
}
