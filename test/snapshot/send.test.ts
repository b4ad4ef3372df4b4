// A VM moves: to another thread, or within this one, and is gone where it was.

import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import test from 'ava';
import { SnapshotError, UsageError, VM } from '../../src/index.ts';
import { receiveStore, type SnapshotMessage } from '../../src/snapshot/send.ts';
import { moduleOf } from '../wat.ts';
import { finish, guest, imports, limits, suspended, waiting } from './guest.ts';

/** Through a port, as to another thread. */
function posted({ message, transfer }: ReturnType<VM['send']>): SnapshotMessage {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(message, transfer as never);
  const received = receiveMessageOnPort(port2)?.message as SnapshotMessage;
  port1.close();
  return received;
}

const where = async () => ({ modules: [await guest], imports, limits });

for (const sharedMemory of [false, true])
  for (const [state, make] of Object.entries({
    suspended: () => suspended(150, { sharedMemory }),
    waiting: () => waiting({ sharedMemory }),
  }))
    test(`a ${state} VM goes on elsewhere, its memory ${sharedMemory ? 'shared' : 'private'}`, async (t) => {
      const vm = await make();
      const before = vm.save().encode();
      const message = posted(vm.send());
      t.throws(() => vm.run(), { instanceOf: UsageError, message: /sent away/ });
      const twin = VM.receive(message, { ...(await where()), sharedMemory });
      t.deepEqual(twin.save().encode(), before);
      t.is(twin.store.memories[0]?.shared, sharedMemory);
      t.deepEqual(finish(twin), [1124n]);
    });

for (const sharedMemory of [false, true])
  test(`a VM that is offered stays, its memory ${sharedMemory ? 'shared' : 'private'}`, async (t) => {
    const vm = await suspended(150, { sharedMemory });
    const before = vm.save().encode();
    const message = posted(vm.offer());
    t.deepEqual(vm.save().encode(), before);
    const twin = VM.receive(message, { ...(await where()), sharedMemory });
    t.deepEqual(twin.save().encode(), before);
    t.deepEqual(finish(sharedMemory ? twin : vm), [1124n]);
    if (!sharedMemory) t.deepEqual(finish(twin), [1124n]);
  });

test('a shared memory is not copied, however large', async (t) => {
  const module = await moduleOf('(memory (export "m") 1024)');
  const vm = new VM({ sharedMemory: true });
  const { bytes } = vm.instantiate(module).memory('m');
  bytes[12345] = 1;
  const { used } = vm.store.memoryBudget;
  const message = posted(vm.send());
  const twin = VM.receive(message, { modules: [module], sharedMemory: true });
  bytes[12346] = 2;
  t.deepEqual([...twin.instance().memory('m').bytes.subarray(12345, 12347)], [1, 2]);
  t.is(used, 2 ** 26);
  t.is(vm.store.memoryBudget.used, 0);
  t.is(twin.store.memoryBudget.used, used);
});

test('memory of a private kind comes to share where it is wanted', async (t) => {
  const twin = VM.receive(posted((await suspended()).send()), { ...(await where()), sharedMemory: true });
  t.true(twin.store.memories[0]?.shared);
  t.deepEqual(finish(twin), [1124n]);
});

const forgeries: Record<string, (message: SnapshotMessage) => SnapshotMessage> = {
  'no memory': (m) => ({ ...m, memories: [] }),
  'no list of memories': (m) => ({ ...m, memories: undefined as never }),
  'bytes too few': (m) => ({ ...m, memories: [new Uint8Array(65536)] }),
  'something else': (m) => ({ ...m, memories: [{ length: 3 * 65536 } as never] }),
  'a private memory': (m) => ({ ...m, memories: [new WebAssembly.Memory({ initial: 8 })] }),
  'a memory too small': (m) => ({ ...m, memories: [new WebAssembly.Memory({ initial: 1, maximum: 8, shared: true })] }),
  'a size too large': (m) => ({ ...m, data: { ...m.data, memories: [{ size: 9, runs: new Int32Array(0) }] } }),
  'a forged stack': (m) => ({ ...m, data: { ...m.data, slots: m.data.slots.slice(2) } }),
  'no data': (m) => ({ ...m, data: null as never }),
};

for (const [what, forge] of Object.entries(forgeries))
  test(`a forged message is refused: ${what}`, async (t) => {
    const message = forge(posted((await suspended()).send()));
    const modules = [await guest];
    t.throws(() => receiveStore(message, { modules, limits }), { instanceOf: SnapshotError });
  });

test('what cannot be cloned stays where it is', async (t) => {
  const module = await guest;
  const vm = new VM({ limits });
  vm.start(vm.instantiate(module, imports).func('run'), [() => 1]);
  vm.run({ steps: 20 });
  t.throws(() => vm.send(), { instanceOf: SnapshotError });
  t.deepEqual(finish(vm), [1124n]);
});

test('one of our own is taken as it is, but needs its modules all the same', async (t) => {
  const message = posted((await waiting()).send());
  const modules = [await guest];
  t.throws(() => receiveStore(message, { modules: [], limits, trusted: true }), { instanceOf: SnapshotError });
  const store = receiveStore(message, { modules, limits, trusted: true });
  t.is(store.stack.depth, 8);
  t.is(store.pending?.id, 1);
  const forged = { ...message, data: { ...message.data, slots: message.data.slots.slice(2) } };
  t.throws(() => receiveStore(forged, { modules, limits }), { instanceOf: SnapshotError });
  t.notThrows(() => receiveStore(forged, { modules, limits, trusted: true }));
});
