// A view of a memory's bytes ends with its VM: it never shows what another VM keeps in the same memory of the host.

import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import test from 'ava';
import { hostFunction, VM } from '../../src/index.ts';
import type { SnapshotMessage } from '../../src/snapshot/send.ts';
import { moduleOf } from '../wat.ts';

const module = moduleOf('(memory (export "m") 1 77) (func (export "f"))');
const asking = moduleOf(
  '(import "h" "look" (func $look)) (memory (export "m") 1 77) (func (export "go") (call $look))',
);

/** Each gives a view of a VM that is gone by then. */
const ways: Readonly<Record<string, (sharedMemory: boolean) => Promise<Uint8Array>>> = {
  'of a handle': async (sharedMemory) => {
    const vm = new VM({ sharedMemory });
    const { bytes } = vm.instantiate(await module).memory('m');
    vm.dispose();
    return bytes;
  },
  'from its buffer': async (sharedMemory) => {
    const vm = new VM({ sharedMemory });
    const { buffer } = vm.instantiate(await module).memory('m').bytes;
    const view = new Uint8Array(buffer);
    vm.dispose();
    return view;
  },
  'that a host function kept': async (sharedMemory) => {
    const vm = new VM({ sharedMemory });
    let kept = new Uint8Array();
    const look = hostFunction([], [], (context) => {
      kept = context.memory() as Uint8Array<ArrayBuffer>;
    });
    vm.invoke(vm.instantiate(await asking, { h: { look } }).func('go'));
    vm.dispose();
    return kept;
  },
  'of a memory that grew since': async (sharedMemory) => {
    const vm = new VM({ sharedMemory });
    const memory = vm.instantiate(await module).memory('m');
    const { bytes } = memory;
    memory.grow(1);
    vm.dispose();
    return bytes;
  },
  'of a VM that moved': async (sharedMemory) => {
    const vm = new VM({ sharedMemory });
    const { bytes } = vm.instantiate(await module).memory('m');
    const { port1, port2 } = new MessageChannel();
    const { message, transfer } = vm.send();
    port1.postMessage(message, transfer as never);
    const received = receiveMessageOnPort(port2)?.message as SnapshotMessage;
    port1.close();
    VM.receive(received, { modules: [await module], sharedMemory }).dispose();
    return bytes;
  },
  'of a VM that came in a message of unknown origin': async (sharedMemory) => {
    const vm = new VM({ sharedMemory });
    const { bytes } = vm.instantiate(await module).memory('m');
    const { unseen: _, ...message } = vm.send().message;
    VM.receive(message as SnapshotMessage, { modules: [await module], sharedMemory }).dispose();
    return bytes;
  },
};

for (const sharedMemory of [false, true])
  for (const [title, view] of Object.entries(ways))
    test(`a view ${title}, ${sharedMemory ? 'shared' : 'private'}`, async (t) => {
      const old = await view(sharedMemory);
      // More VMs than the memories that are kept for reuse: one of them would have it.
      const next = await Promise.all(
        Array.from({ length: 80 }, async () => {
          const vm = new VM({ sharedMemory });
          return { vm, instance: vm.instantiate(await module) };
        }),
      );
      for (const { instance } of next) instance.memory('m').bytes.fill(0x5e);
      t.not(old[0], 0x5e);
      t.not(old[65535], 0x5e);
      // By index, for whatever else is done with a view that has ended throws.
      for (let i = 0; i < 65536; i += 4096) old[i] = 0x77;
      for (const { instance } of next) t.false(instance.memory('m').bytes.includes(0x77));
      if (!sharedMemory) t.is(old.byteLength, 0);
      for (const { vm } of next) vm.dispose();
    });

for (const sharedMemory of [false, true])
  test(`a memory that nobody has seen is used again, ${sharedMemory ? 'shared' : 'private'}`, async (t) => {
    // Other tests of this file take memories, too, wherever this one awaits something.
    const own = await moduleOf('(memory (export "m") 1 78)');
    const hosts = new Set<WebAssembly.Memory>();
    for (let i = 0; i < 20; i++) {
      const vm = new VM({ sharedMemory });
      vm.instantiate(own);
      hosts.add(vm.store.memories[0]?.host as WebAssembly.Memory);
      vm.dispose();
    }
    t.is(hosts.size, 1);
  });

test('a plain memory that was seen is used again, behind a new buffer', async (t) => {
  const own = await moduleOf('(memory (export "m") 1 79)');
  const hosts = new Set<WebAssembly.Memory>();
  for (let i = 0; i < 20; i++) {
    const vm = new VM();
    const { bytes } = vm.instantiate(own).memory('m');
    t.true(bytes.every((byte) => byte === 0));
    bytes.fill(1);
    hosts.add(vm.store.memories[0]?.host as WebAssembly.Memory);
    vm.dispose();
    t.is(bytes.byteLength, 0);
  }
  t.is(hosts.size, 1);
});
