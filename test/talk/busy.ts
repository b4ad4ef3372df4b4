// A group of a bit of everything: ports, calls, topics, and ends that are given away.

import { callsTo, Group, type GroupOptions } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { bytesOf, script, talking } from './guests.ts';
import { turns } from './world.ts';

/** Returns the sum of what it was called with, so far. */
export const math = await moduleOf(`(global $sum (mut i32) (i32.const 0))
  (func (export "add") (param i32) (result i32)
    (global.set $sum (i32.add (global.get $sum) (local.get 0))) (global.get $sum))
  (func (export "fail") (unreachable))`);
const caller = await moduleOf(`${talking} (import "math" "add" (func $add (param i32) (result i32))) (memory 1)
  (func (export "main") (result i32) (local $i i32) (local $sum i32)
    (loop $more
      (local.set $sum (i32.add (local.get $sum) (call $add (local.tee $i (i32.add (local.get $i) (i32.const 1))))))
      (i32.store (i32.const 0) (local.get $sum))
      (drop (call $send (i32.const 0) (i32.const 0) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 6))))
    (local.get $sum))`);
/** Gives the end of a port away by a message, and hears by it. */
const gives = await script([
  ...[
    'make 2 50 0',
    'store 16 @4',
    'send_ports 0 1024 3 16 1',
    'receive @0 32 9',
    'receive @0 32 9',
    'receive @0 32 9',
  ],
]);
const takes = await script([
  ...['receive_ports 0 0 9 16 1 20', 'send @16 0 1', 'send @16 0 2', 'send @16 0 3', 'close @16'],
]);
const listens = await script(['subscribe 1024 4 1 9', 'send 0 0 1', 'receive 1 0 9', 'receive 1 0 9'], 'news');
const says = await script(['receive 0 0 9', 'publish 1024 4 0 3', 'publish 1024 4 0 4'], 'news');
const adds = await script(['receive 0 0 4', 'receive 0 4 4', 'receive 0 8 4', 'receive 0 12 4', 'load 4', 'load 12']);
export const modules = [math, caller, gives, takes, listens, says, adds];
export const imports = (name: string) => (name.startsWith('caller') ? { math: callsTo('math', math) } : {});

/** Ports, calls, topics, and ends that are given away; the host has hold of `host`. */
export function busyGroup(options: GroupOptions): Group {
  const group = new Group({ sliceFuel: 300, ...options });
  const port = (name: string, messages = 1) => group.port({ name, messages, bytes: 64 });
  const [a, b, c] = [port('a'), port('b', 2), port('c')];
  group.port({ name: 'host' }).sender.trySend(bytesOf('kept'));
  group.add('math', { module: math });
  group.add('takes', { module: takes, export: 'main', ports: { b: b.receiver } });
  for (const name of ['caller 1', 'caller 2']) {
    const ports = { a: name === 'caller 1' ? a.sender.clone() : a.sender };
    group.add(name, { module: caller, export: 'main', ports, imports: imports(name) });
  }
  group.add('adds', { module: adds, export: 'main', ports: { a: a.receiver } });
  group.add('listens', { module: listens, export: 'main', ports: { c: c.sender } });
  group.add('says', { module: says, export: 'main', ports: { c: c.receiver } });
  group.add('gives', { module: gives, export: 'main', ports: { b: b.sender } });
  return group;
}

/** Snapshots of such a group at many turns. */
export async function busySnapshots(): Promise<readonly Uint8Array[]> {
  const group = busyGroup({ engine: 'interpreter' });
  const all: Uint8Array[] = [];
  for (let ended = false; !ended; ) {
    all.push(group.save().encode());
    ended = (await group.run({ signal: turns(1) })).status === 'ended';
  }
  return all;
}
