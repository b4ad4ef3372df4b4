// Topics: all that is published under a name goes to all who have subscribed to it.

import test from 'ava';
import { LimitError, UsageError } from '../../src/index.ts';
import { Group } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { bytesOf, codes, script, talking, textOf } from './guests.ts';
import { everyWay } from './ways.ts';

const { done, tooLarge, badPort, fault, limit, invalid, again } = codes;

/** Text at 1024: the names `news` and `other`, and what is said. */
const data = 'newsotherhello';
const news = '1024 4';
const other = '1028 5';

everyWay('what is published goes to all who have subscribed, from then on', async (t, world) => {
  world.ports('go');
  const reads = await script([`subscribe ${news} 9 99`, 'receive 0 0 9', 'receive 0 0 9', 'load 0'], data);
  world.add('a', reads);
  world.add('b', reads);
  await world.settle();
  const says = [`publish ${news} 1033 5`, `publish ${other} 1033 5`, 'receive 0 0 9', `publish ${news} 1033 2`];
  world.add('says', await script(says, data), ['< go']);
  await world.settle();
  world.add('late', await script([`subscribe ${news} 9 99`, 'receive 0 0 9', 'try_receive 0 0 9'], data));
  await world.settle();
  world.send('go', '!');
  // What stands there are two letters over the five before.
  const heard = [0, 5, 2, new DataView(bytesOf('hell').buffer).getInt32(0, true)];
  t.deepEqual(await world.ended(), { a: heard, b: heard, says: [2, 0, 1, 3], late: [0, 2, again] });
});

everyWay('who publishes hears it if it has subscribed', async (t, world) => {
  const lines = [`subscribe ${news} 9 99`, `subscribe ${news} 9 99`, `publish ${news} 1033 5`];
  world.add('a', await script([...lines, 'receive 1 0 9', 'receive 0 0 9', 'try_receive 0 0 9'], data));
  t.deepEqual(await world.ended(), { a: [0, 1, 2, 5, 5, again] });
});

everyWay('who publishes waits until all have room, and nobody has it before', async (t, world) => {
  world.ports('go', 'read');
  const slow = [`subscribe ${news} 1 99`, 'receive 0 0 9', 'receive 1 0 9', 'receive 1 0 9'];
  world.add('slow', await script(slow, data), ['< go']);
  const quick = [`subscribe ${news} 9 99`, 'receive 0 0 9', 'receive 1 0 9', 'receive 1 0 9', 'try_receive 1 0 9'];
  world.add('quick', await script(quick, data), ['< read']);
  await world.settle();
  world.add('says', await script([`publish ${news} 1033 5`, `publish ${news} 1033 4`], data));
  await world.settle();
  t.is(world.group.member('says').status, 'waiting');
  t.is(world.group.member('quick').status, 'waiting');
  world.send('go', '!');
  await world.settle();
  world.send('read', '!');
  t.deepEqual(await world.ended(), { slow: [1, 1, 5, 4], quick: [1, 1, 5, 4, again], says: [2, 2] });
});

everyWay('what cannot be published, and what cannot be subscribed to', async (t, world) => {
  const lines = [
    `subscribe ${news} 0 99`,
    `subscribe ${news} 1 3`,
    `publish ${news} 1033 4`,
    `publish ${news} 65533 4`,
  ];
  const names = ['subscribe 0 201 1 1', 'publish 0 201 0 1', 'subscribe 65534 4 1 1', 'publish 65534 4 0 1'];
  world.add('a', await script([...lines, ...names, `publish ${news} 1033 3`, `subscribe ${news} -1 0`], data));
  t.deepEqual(await world.ended(), { a: [invalid, 0, tooLarge, fault, invalid, invalid, fault, fault, 1, limit] });
});

everyWay('who closes what it has subscribed to hears no more, and keeps nobody waiting', async (t, world) => {
  const lines = [`subscribe ${news} 1 9`, `publish ${news} 1033 1`, 'close 0', `publish ${news} 1033 1`, 'close 0'];
  world.add('a', await script(lines, data));
  t.deepEqual(await world.ended(), { a: [0, 1, done, 0, badPort] });
});

everyWay(
  'a group has only so many topics, of which those that nobody listens to do not count',
  async (t, world) => {
    const lines = [`subscribe ${news} 1 9`, `publish ${other} 0 1`, `subscribe ${other} 1 9`, 'close 0'];
    world.add('a', await script([...lines, `publish ${other} 0 1`, `subscribe ${other} 1 9`], data));
    t.deepEqual(await world.ended(), { a: [0, limit, limit, done, 0, 0] });
  },
  { limits: { topics: 1 } },
);

everyWay(
  'a member that subscribes and closes for ever uses nothing up',
  async (t, world) => {
    const module = await moduleOf(`${talking} (memory 1) (func (export "main") (result i32) (local $left i32)
      (local.set $left (i32.const 3000))
      (loop $more
        (if (call $close (call $subscribe (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1048576)))
          (then (return (local.get $left))))
        (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.get $left))`);
    world.add('a', module);
    t.deepEqual(await world.ended(), { a: [0] });
  },
  { sliceFuel: 100_000 },
);

everyWay('the host subscribes', async (t, world) => {
  world.receivers.set('heard', world.group.subscribe('news', { name: 'heard', messages: 3 }));
  world.add('says', await script(Array<string>(4).fill(`publish ${news} 1033 5`), data));
  await world.settle();
  t.is(world.group.member('says').status, 'waiting');
  t.is(textOf((await world.receiver('heard').receive())?.bytes ?? bytesOf('')), 'hello');
  t.deepEqual(await world.ended(), { says: [1, 1, 1, 1] });
  t.deepEqual(await world.taken('heard'), ['hello', 'hello', 'hello']);
});

test('the host subscribes to what it can', (t) => {
  const group = new Group({ limits: { topics: 1, portBytes: 1000 } });
  const heard = group.subscribe('a', { messages: 1, bytes: 100 });
  t.is(heard.name, 'a');
  t.throws(() => group.subscribe('b', { messages: 1, bytes: 100 }), { instanceOf: LimitError, message: /1 topics/ });
  t.throws(() => group.subscribe('a', { name: 'more', messages: 1, bytes: 1000 }), { instanceOf: LimitError });
  t.throws(() => group.subscribe(''), { instanceOf: UsageError });
  t.throws(() => group.subscribe('a', { messages: 0 }), { instanceOf: UsageError });
  heard.close();
  t.notThrows(() => group.subscribe('b', { messages: 1, bytes: 900 }));
});
