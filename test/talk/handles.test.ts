// Handles of guests: made, copied, found by name, sent along, closed, and how many there may be.

import { UsageError } from '../../src/index.ts';
import type { Receiver, Sender } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { bytesOf, codes, script, talking } from './guests.ts';
import { everyWay } from './ways.ts';

const { done, closed, tooLarge, badPort, fault, again, limit, invalid } = codes;

everyWay('a guest makes a port, copies its ends, and closes them', async (t, world) => {
  const lines = ['make 2 9 0', 'load 0', 'load 4', 'clone @4', 'clone @0', 'clone 4', 'close @4', 'send 2 0 4'];
  const more = [
    'receive 3 8 9',
    'close 2',
    'receive 0 0 9',
    'make 1 0 100',
    'load 100',
    'load 104',
    'close 0',
    'close 0',
  ];
  world.add('a', await script([...lines, ...more]));
  const [receiver, sender] = [0, 1];
  const first = [done, receiver, sender, 2, 3, badPort, done, done];
  // The lowest that are free.
  t.deepEqual(await world.ended(), { a: [...first, 4, done, closed, done, sender, 2, done, badPort] });
});

everyWay('a port that cannot be made', async (t, world) => {
  const lines = ['make 0 9 0', 'make 1 9 65529', 'make 1 -1 0', 'make -1 9 0', 'make 1 9 65528'];
  world.add('a', await script(lines));
  t.deepEqual(await world.ended(), { a: [invalid, fault, limit, limit, done] });
});

everyWay('handles are found by their names', async (t, world) => {
  world.ports('p', 'ö');
  const lines = ['named 1024 3', 'named 1024 4', 'named 1027 4', 'named 0 201', 'named 65535 2', 'named 1024 0'];
  // The last byte of it is the first of two.
  world.add('a', await script([...lines, 'named 1027 3'], '> p> ö'), ['> p', '> ö']);
  t.deepEqual(await world.ended(), { a: [0, badPort, 1, invalid, fault, badPort, invalid] });
});

everyWay('ends go along with messages', async (t, world) => {
  world.ports('p');
  const gives = ['make 1 9 8', 'make 4 9 16', 'store 0 @12', 'store 4 @16', 'send_ports 0 1024 2 0 2', 'close @12'];
  world.add('gives', await script([...gives, 'receive @8 0 9', 'send @20 0 2', 'close @20', 'receive @8 0 9'], 'hi'), [
    '> p',
  ]);
  const takes = ['receive_ports 0 0 9 8 2 16', 'load 16', 'load 8', 'load 12', 'send 1 1024 3', 'receive 2 0 9'];
  world.add('takes', await script([...takes, 'receive 2 0 9', 'close 1'], 'yes'), ['< p']);
  t.deepEqual(await world.ended(), {
    gives: [done, done, done, badPort, 3, done, done, closed],
    takes: [2, 2, 1, 2, done, 2, closed, done],
  });
});

everyWay('ends that cannot go along', async (t, world) => {
  world.ports('p', 'q');
  const lines = ['store 0 2', 'store 4 2', 'store 8 9', 'send_ports 0 0 1 0 2', 'send_ports 0 0 1 8 1'];
  const more = ['send_ports 0 0 1 100 17', 'send_ports 0 0 1 65533 1', 'close 1', 'send_ports 0 0 1 0 1', 'close 2'];
  world.add('a', await script([...lines, ...more]), ['> p', '< p', '> q']);
  const first = [badPort, badPort, tooLarge, fault, done, closed];
  t.deepEqual(await world.ended(), { a: [...first, done] }, 'it has those that were not sent');
});

everyWay('a message with more ends than there is room for stays', async (t, world) => {
  world.ports('p', 'q');
  world.sender('p').trySend(bytesOf('x'), { ports: [world.sender('q'), world.receiver('q')] });
  const lines = ['receive_ports 0 0 9 0 1 8', 'receive_ports 0 0 9 65530 2 8', 'receive_ports 0 0 9 16 2 8', 'load 8'];
  world.add('a', await script([...lines, 'send @16 0 1', 'receive @20 0 9', 'load 16']), ['< p']);
  t.deepEqual(await world.ended(), { a: [tooLarge, fault, 1, 2, done, 1, 1] });
});

everyWay('who takes no ends lets go of those that came along', async (t, world) => {
  world.ports('p', 'q', 'r');
  world.sender('p').trySend(bytesOf('x'), { ports: [world.sender('q'), world.receiver('r')] });
  world.add('a', await script(['receive 0 0 9']), ['< p']);
  world.add('b', await script(['receive 0 0 9', 'send 1 0 1']), ['< q', '> r']);
  t.deepEqual(await world.ended(), { a: [1], b: [closed, closed] });
});

everyWay('a port that is in a message that nobody receives is let go of', async (t, world) => {
  world.ports('p', 'q');
  world.sender('p').trySend(bytesOf('x'), { ports: [world.sender('q')] });
  world.add('a', await script(['close 0']), ['< p']);
  world.add('b', await script(['receive 0 0 9']), ['< q']);
  t.deepEqual(await world.ended(), { a: [done], b: [closed] });
});

everyWay('ends go from the host to a guest, from there to another, and back to the host', async (t, world) => {
  world.ports('p', 'q', 'r', 'back');
  world.sender('p').trySend(bytesOf('x'), { ports: [world.sender('q'), world.receiver('r')] });
  const passes = await script(['receive_ports 0 0 9 0 16 64', 'send_ports 1 0 0 0 2']);
  world.port('between');
  world.add('one', passes, ['< p', '> between']);
  world.add('two', passes, ['< between', '> back']);
  t.deepEqual(await world.ended(), { one: [1, done], two: [0, done] });
  const received = await world.receiver('back').receive();
  const ports = received?.ports ?? [];
  const [q, r] = ports as [Sender, Receiver];
  t.deepEqual(
    ports.map(({ name }) => name),
    ['q', 'r'],
  );
  t.true(q.trySend(bytesOf('there')));
  world.send('r', 'and back');
  t.deepEqual(await world.taken('q'), ['there']);
  t.deepEqual((await r.receive())?.bytes, bytesOf('and back'));
  q.close();
  t.is(await world.receiver('q').receive(), undefined);
  t.throws(() => q.trySend(bytesOf('')), { instanceOf: UsageError });
});

everyWay(
  'a member has 4096 handles',
  async (t, world) => {
    world.ports('p', 'q');
    world.sender('q').trySend(bytesOf('x'), { ports: [world.sender('p').clone()] });
    world.sender('q').trySend(bytesOf('y'), { ports: [] });
    const receives = (list: number) => `(call $receive_ports (i32.const 1) (i32.const 0) (i32.const 9)
      (i32.const ${list}) (i32.const 16) (i32.const 64))`;
    const module = await moduleOf(`${talking} (memory 1)
      (func (export "main") (result i32 i32 i32 i32 i32 i32 i32) (local $last i32) (local $most i32)
        (loop $more
          (local.set $most (local.get $last))
          (local.set $last (call $clone (i32.const 0)))
          (br_if $more (i32.gt_s (local.get $last) (i32.const 0))))
        (local.get $most)
        (local.get $last)
        (call $make (i32.const 1) (i32.const 1) (i32.const 0))
        (call $subscribe (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1))
        ${receives(0)}
        (drop (call $close (i32.const 77)))
        ${receives(0)}
        (i32.load (i32.const 0)))`);
    world.add('a', module, ['> p', '< q']);
    t.deepEqual(await world.ended(), { a: [4095, limit, limit, limit, limit, 1, 77] });
  },
  { sliceFuel: 100_000 },
);

everyWay(
  'a group has only so many ports, and so many bytes in them',
  async (t, world) => {
    world.port('p', { messages: 1, bytes: 100 });
    const lines = [
      'make 1 100 0',
      'make 1 800 8',
      'make 1 36 16',
      'make 1 0 16',
      'close @0',
      'make 1 0 16',
      'close @4',
      'make 1 0 16',
    ];
    world.add('a', await script(lines));
    const expected = [done, limit, done, limit, done, limit, done, done];
    t.deepEqual(await world.ended(), { a: expected });
  },
  { limits: { ports: 3, portBytes: 1000 } },
);

everyWay(
  'ports whose receivers are in messages that nobody can receive make room for others',
  async (t, world) => {
    const inItself = ['make 1 9 0', 'store 8 @0', 'send_ports @4 0 0 8 1', 'close @4'];
    world.add('a', await script([...inItself, ...inItself, ...inItself, ...inItself]));
    const { a } = await world.ended();
    t.deepEqual(a, Array(12).fill(done));
  },
  { limits: { ports: 2 } },
);

everyWay('ends of one port, at a member that ended, are closed', async (t, world) => {
  world.ports('p', 'q');
  world.add('ends', await script(['try_receive 1 0 1']), ['> p', '< q']);
  world.add('stays', await script(['receive 0 0 1', 'send 1 0 1']), ['< p', '> q']);
  t.deepEqual(await world.ended(), { ends: [again], stays: [closed, closed] });
});
