// Arguments, environment, clocks, random numbers, and the end of the program.

import { clockIds } from '../abi.ts';
import { fail } from '../errno.ts';
import { call, type Scene } from './call.ts';

/** A random byte takes longer than a copied one. */
const randomWeight = 4;

const bytesOf = (texts: readonly string[]): Uint8Array[] => texts.map((text) => new TextEncoder().encode(`${text}\0`));

function writeSizes({ memory }: Scene, texts: readonly string[], count: number, size: number): void {
  memory.setU32(count, texts.length);
  memory.setU32(
    size,
    bytesOf(texts).reduce((sum, { length }) => sum + length, 0),
  );
}

function writeTexts({ memory }: Scene, texts: readonly string[], pointers: number, bytes: number): void {
  let at = bytes;
  bytesOf(texts).forEach((text, i) => {
    memory.setU32(pointers + 4 * i, at);
    memory.set(at, text);
    at += text.length;
  });
}

/** The time of a clock; `inval` for one that there is not. */
export function timeOf({ system: { clock } }: Pick<Scene, 'system'>, id: number): bigint {
  if (id === clockIds.realtime) return clock.realtime();
  if (id === clockIds.monotonic || id === clockIds.processCputime || id === clockIds.threadCputime)
    return clock.monotonic();
  return fail('inval');
}

export const programCalls = {
  args_get: call('i32 i32', (scene, pointers, bytes) => writeTexts(scene, scene.system.args, pointers, bytes)),
  args_sizes_get: call('i32 i32', (scene, count, size) => writeSizes(scene, scene.system.args, count, size)),
  environ_get: call('i32 i32', (scene, pointers, bytes) => writeTexts(scene, scene.system.env, pointers, bytes)),
  environ_sizes_get: call('i32 i32', (scene, count, size) => writeSizes(scene, scene.system.env, count, size)),

  clock_res_get: call('i32 i32', (scene, id, result) => {
    timeOf(scene, id);
    scene.memory.setU64(result, scene.system.clock.resolution);
  }),
  clock_time_get: call('i32 i64 i32', (scene, id, _precision, result) => {
    scene.memory.check(result, 8);
    scene.memory.setU64(result, timeOf(scene, id));
  }),

  random_get: call('i32 i32', (scene, at, size) => {
    scene.system.random.fill(scene.memory.range(at, size));
    scene.copied(randomWeight * size);
  }),

  proc_exit: call('i32', (scene, code) => scene.exit(code)),
  proc_raise: call('i32', () => fail('notsup')),
  sched_yield: call('', () => {}),
};

/** There are none but those that whoever embeds us binds in their place. */
export const socketCalls = {
  sock_accept: call('i32 i32 i32', ({ system }, fd) => noSocket(system, fd)),
  sock_recv: call('i32 i32 i32 i32 i32 i32', ({ system }, fd) => noSocket(system, fd)),
  sock_send: call('i32 i32 i32 i32 i32', ({ system }, fd) => noSocket(system, fd)),
  sock_shutdown: call('i32 i32', ({ system }, fd) => noSocket(system, fd, 'notsock')),
};

function noSocket({ descriptors }: Scene['system'], fd: number, errno: 'notsup' | 'notsock' = 'notsup'): never {
  descriptors.get(fd);
  return fail(errno);
}
