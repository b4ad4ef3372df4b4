// Sending and receiving, as guests do it: what each call comes to.

import { codes, script } from './guests.ts';
import { everyWay } from './ways.ts';
import type { World } from './world.ts';

const { done, closed, tooLarge, badPort, fault, again, invalid } = codes;

/** The address behind the memory's last byte. */
const end = 65536;

interface Case {
  /** Handles, as `World.add` takes them. */
  readonly ends: readonly string[];
  readonly data?: string;
  /** Lines of the script, each with what it comes to. */
  readonly does: readonly (readonly [line: string, result?: number])[];
  readonly before?: (world: World) => void;
  readonly bounds?: { readonly messages?: number; readonly bytes?: number };
}

/** One member, with ports `p` and `q`. */
function alone(title: string, { ends, data, does, before, bounds }: Case): void {
  everyWay(title, async (t, world) => {
    world.port('p', bounds);
    world.port('q', bounds);
    before?.(world);
    const lines = does.map(([line]) => line);
    world.add('a', await script(lines, data), ends);
    const expected = does.flatMap(([, result]) => (result === undefined ? [] : [result]));
    t.deepEqual(await world.ended(), { a: expected });
  });
}

const letters = (text: string): number => new DataView(new TextEncoder().encode(text).buffer).getInt32(0, true);

alone('what is sent is received, first in, first out', {
  ends: ['> p', '< p'],
  data: 'one two3',
  does: [
    ['send 0 1024 4', done],
    ['send 0 1028 4', done],
    ['send 0 1024 0', done],
    ['receive 1 0 100', 4],
    ['load 0', letters('one ')],
    ['receive 1 0 4', 4],
    ['load 0', letters('two3')],
    ['receive 1 0 0', 0],
    ['load 0', letters('two3')],
    ['try_receive 1 0 100', again],
  ],
});

alone('a message that is larger than there is room for stays, and its size is told', {
  ends: ['< p'],
  before: (world) => world.send('p', 'hello', 'you!'),
  does: [
    ['receive 0 0 4', 5],
    ['load 0', 0],
    ['try_receive 0 0 0', 5],
    ['receive_ports 0 0 4 100 0 200', 5],
    ['receive 0 0 5', 5],
    ['load 0', letters('hell')],
    ['receive 0 0 4', 4],
    ['load 0', letters('you!')],
  ],
});

alone('a port is full by messages', {
  ends: ['> p', '< p'],
  bounds: { messages: 2 },
  does: [
    ['try_send 0 0 1', done],
    ['try_send 0 0 0', done],
    ['try_send 0 0 0', again],
    ['receive 1 0 9', 1],
    ['try_send 0 0 3', done],
    ['try_send 0 0 0', again],
  ],
});

alone('a port is full by bytes', {
  ends: ['> p', '< p'],
  bounds: { bytes: 10 },
  does: [
    ['try_send 0 0 11', tooLarge],
    ['try_send 0 0 7', done],
    ['try_send 0 0 4', again],
    ['try_send 0 0 3', done],
    ['try_send 0 0 1', again],
    ['try_send 0 0 0', done],
    ['receive 1 0 9', 7],
    ['try_send 0 0 7', done],
    ['send 0 0 11', tooLarge],
    ['send_ports 0 0 11 0 0', tooLarge],
  ],
});

alone('a port of no bytes takes messages of none', {
  ends: ['> p', '< p'],
  bounds: { bytes: 0 },
  does: [
    ['send 0 0 1', tooLarge],
    ['send 0 0 0', done],
    ['receive 1 0 0', 0],
  ],
});

alone('handles that are none, and those of the other end', {
  ends: ['> p', '< p'],
  does: [
    ['send 1 0 1', badPort],
    ['send 2 0 1', badPort],
    ['send -1 0 1', badPort],
    ['try_send 1 0 1', badPort],
    ['try_send 4096 0 1', badPort],
    ['receive 0 0 1', badPort],
    ['receive 7 0 1', badPort],
    ['try_receive 0 0 1', badPort],
    ['send_ports 1 0 1 0 0', badPort],
    ['receive_ports 0 0 1 0 0 8', badPort],
  ],
});

alone('what is not in the memory', {
  ends: ['> p', '< p'],
  before: (world) => world.send('p', 'abc'),
  does: [
    [`send 0 ${end - 2} 3`, fault],
    [`try_send 0 -1 1`, fault],
    ['send 0 -2147483648 65536', fault],
    [`receive 1 ${end - 2} 3`, fault],
    [`try_receive 1 -1 -1`, fault],
    [`send_ports 0 0 1 ${end - 4} 2`, fault],
    [`receive_ports 1 0 9 0 0 ${end - 3}`, fault],
    [`receive 1 ${end - 3} -1`, 3],
    [`send 0 ${end} 0`, done],
    [`send 0 ${end + 1} 0`, fault],
  ],
});

alone('nobody receives any more', {
  ends: ['> p', '< p', '>> p'],
  does: [
    ['close 1', done],
    ['send 0 0 1', closed],
    ['try_send 2 0 1', closed],
    ['send_ports 0 0 1 0 0', closed],
    ['close 1', badPort],
  ],
});

alone('nobody sends any more: what is in it is received', {
  ends: ['> p', '< p', '>> p'],
  before: (world) => world.send('p', 'x'),
  does: [
    ['send 2 0 2', done],
    ['close 0', done],
    ['close 2', done],
    ['receive 1 0 9', 1],
    ['try_receive 1 0 9', 2],
    ['receive 1 0 9', closed],
    ['try_receive 1 0 9', closed],
    ['receive_ports 1 0 9 0 0 8', closed],
  ],
});

alone('who shuts a port closes it for all, and what is in it is received', {
  ends: ['> p', '< p', '>> p'],
  data: 'enough',
  does: [
    ['send 0 0 3', done],
    ['shut 0 1024 6', done],
    ['send 2 0 1', closed],
    ['send 0 0 1', badPort],
    ['receive 1 0 9', 3],
    ['receive 1 0 9', closed],
    ['shut 0 1024 6', badPort],
    ['shut 1 0 201', invalid],
    [`shut 1 ${end - 1} 2`, fault],
    ['shut 1 0 0', done],
  ],
});

const poll = (address: number, count: number, time: number | bigint): string => `poll ${address} ${count} ${time}`;
alone('whom it is worth to ask', {
  ends: ['> p', '< p', '> q', '< q'],
  bounds: { messages: 1 },
  does: [
    ['store 0 1'],
    ['store 4 3'],
    ['store 8 2'],
    [poll(0, 2, 0), again],
    [poll(0, 3, -1), 2],
    [poll(0, 2, 1_000_000), again],
    ['send 2 0 1', done],
    [poll(0, 3, -1), 1],
    ['send 0 0 1', done],
    [poll(0, 3, 0), 0],
    ['receive 1 100 9', 1],
    [poll(8, 1, 0), again],
    ['close 3', done],
    [poll(8, 1, -1), 0],
    ['close 0', done],
    [poll(0, 1, -1), 0],
  ],
});

alone('what cannot be polled', {
  ends: ['< p'],
  does: [
    [poll(0, 0, 0), invalid],
    [poll(0, 1025, 0), invalid],
    [poll(0, -1, 0), invalid],
    [poll(end - 3, 1, 0), fault],
    ['store 0 5'],
    [poll(0, 1, -1), badPort],
  ],
});
