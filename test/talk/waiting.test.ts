// Members that wait for each other: at full ports and at empty ones, at several at once, and in which order they go on.

import { codes, script, textOf } from './guests.ts';
import { everyWay } from './ways.ts';

const { done, closed, again } = codes;
const repeated = (count: number, line: string): string[] => Array<string>(count).fill(line);

/** Sends what stands at 1024, byte by byte. */
const sends = (text: string) =>
  script(
    [...text].map((_, i) => `send 0 ${1024 + i} 1`),
    text,
  );
/** Receives so many messages of a byte, which then stand from 0 on. */
const receives = (count: number) =>
  script([...Array.from({ length: count }, (_, i) => `receive 0 ${i} 1`), ...(count >= 4 ? ['load 0'] : [])]);

const number = (text: string): number => new DataView(new TextEncoder().encode(text).buffer).getInt32(0, true);

for (const bounds of [{ messages: 1 }, { messages: 3 }, { bytes: 1 }, { bytes: 2, messages: 5 }])
  everyWay(`a sender that is faster waits for room in a port of ${JSON.stringify(bounds)}`, async (t, world) => {
    world.port('p', bounds);
    world.add('sender', await sends('abcdefgh'), ['> p']);
    world.add('receiver', await receives(8), ['< p']);
    t.deepEqual(await world.ended(), {
      sender: repeated(8, '').map(() => done),
      receiver: [...repeated(8, '').map(() => 1), number('abcd')],
    });
  });

everyWay('a receiver waits for what is sent later', async (t, world) => {
  world.ports('there', 'back');
  const echo = await script(['receive 0 0 9', 'send 1 0 3', 'receive 0 0 9', 'send 1 0 3', 'receive 0 0 9']);
  const asks = await script(['send 1 1024 3', 'receive 0 0 9', 'send 1 1025 3', 'receive 0 0 9', 'load 0'], 'wasp');
  world.add('echo', echo, ['< there', '> back']);
  world.add('asks', asks, ['< back', '> there']);
  t.deepEqual(await world.ended(), { echo: [3, done, 3, done, closed], asks: [done, 3, done, 3, number('asp\0')] });
});

everyWay('a sender that waits is told that nobody receives any more', async (t, world) => {
  world.port('p', { messages: 1 });
  world.ports('go');
  world.add('sender', await script(['send 0 0 1', 'send 0 0 1']), ['> p']);
  world.add('receiver', await script(['receive 1 0 1', 'close 0']), ['< p', '< go']);
  await world.settle();
  t.is(world.group.member('sender').status, 'waiting');
  world.send('go', '!');
  t.deepEqual(await world.ended(), { sender: [done, closed], receiver: [1, done] });
});

everyWay('all who wait are told that a port was shut', async (t, world) => {
  world.ports('p', 'go');
  for (const name of ['a', 'b', 'c']) world.add(name, await script(['receive 0 0 1']), ['<< p']);
  world.add('sender', await script(['receive 1 0 1', 'shut 0 1024 3'], 'fin'), ['> p', '< go']);
  await world.settle();
  world.send('go', '!');
  t.deepEqual(await world.ended(), { a: [closed], b: [closed], c: [closed], sender: [1, done] });
  t.is(world.receiver('p').reason, 'fin');
});

everyWay('who has waited for longest has the message', async (t, world) => {
  world.ports('p', 'first', 'second', 'third');
  const waits = await script(['receive 0 0 1', 'receive 1 0 1', 'load 0']);
  const order = ['second', 'third', 'first'];
  for (const name of ['first', 'second', 'third']) world.add(name, waits, [`<< ${name}`, '<< p']);
  for (const name of order) {
    world.send(name, '!');
    await world.settle();
  }
  for (const text of ['1', '2', '3']) {
    world.send('p', text);
    await world.settle();
  }
  const got = (text: string) => [1, 1, text.charCodeAt(0)];
  t.deepEqual(await world.ended(), { second: got('1'), third: got('2'), first: got('3') });
});

everyWay('who has waited for longest has the room', async (t, world) => {
  world.port('p', { messages: 1 });
  world.send('p', '0');
  const names = ['a', 'b', 'c'];
  world.ports(...names);
  for (const name of names)
    world.add(name, await script(['receive 0 0 1', 'send 1 1024 1'], name), [`<< ${name}`, '>> p']);
  for (const name of ['c', 'a', 'b']) {
    world.send(name, '!');
    await world.settle();
  }
  const order: string[] = [];
  for (let i = 0; i < 4; i++) {
    order.push(textOf((await world.receiver('p').receive())?.bytes ?? new Uint8Array(0)));
    await world.settle();
  }
  t.deepEqual(order, ['0', 'c', 'a', 'b']);
  t.deepEqual(await world.ended(), { a: [1, done], b: [1, done], c: [1, done] });
});

everyWay(
  'those who wait for room that is too little for them are no trouble, and those for whom it is enough go on',
  async (t, world) => {
    world.port('p', { bytes: 100 });
    world.send('p', 'x'.repeat(5), 'x'.repeat(55));
    const large = await script(['send 0 0 50']);
    world.add('a', large, ['>> p']);
    world.add('b', large, ['>> p']);
    world.add('c', await script(['send 0 0 45']), ['>> p']);
    await world.settle();
    await world.receiver('p').receive();
    await world.settle();
    t.deepEqual(
      world.group.members.map(({ status }) => status),
      ['waiting', 'waiting', 'returned'],
    );
    t.deepEqual(
      (await world.taken('p')).map(({ length }) => length),
      [55, 45],
    );
    t.deepEqual(await world.ended(), { a: [done], b: [done], c: [done] });
  },
);

everyWay('who polls waits for whichever comes first', async (t, world) => {
  world.ports('p', 'q', 'go');
  const polls = [
    'store 8 0',
    'store 12 1',
    'poll 8 2 -1',
    'receive 1 0 9',
    'poll 8 2 -1',
    'receive 0 0 9',
    'poll 8 2 0',
  ];
  world.add('polls', await script(polls), ['< p', '< q']);
  world.add('sends', await script(['receive 2 0 9', 'send 1 0 2', 'receive 2 0 9', 'send 0 0 3']), [
    '>> p',
    '>> q',
    '< go',
  ]);
  await world.settle();
  world.send('go', '!');
  await world.settle();
  world.send('go', '!');
  t.deepEqual(await world.ended(), { polls: [1, 2, 0, 3, again], sends: [1, done, 1, done] });
});

everyWay('who polls for a time is told that it is over', async (t, world) => {
  world.ports('p', 'q');
  world.add('polls', await script(['store 8 0', 'poll 8 1 30000000', 'poll 8 1 1000000']), ['< p']);
  const before = Date.now();
  t.deepEqual(await world.ended(), { polls: [again, again] });
  t.true(Date.now() - before >= 30);
});
