// The host's ends of ports: sending, receiving, waiting, giving them away and closing them.

import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { LimitError, UsageError } from '../../src/index.ts';
import { ClosedError, Group, type PortOptions, type Received, Receiver, Sender } from '../../src/talk/index.ts';
import { bytesOf, codes, script, textOf } from './guests.ts';

const port = (options: PortOptions = {}) => new Group().port(options);
const toldOf = (received: Received | undefined) => received && textOf(received.bytes);
const isPending = async (promise: Promise<unknown>) =>
  (await Promise.race([promise.catch(() => {}), setTimeout(5, 'pending')])) === 'pending';

test('what is sent is received, first in, first out', async (t) => {
  const { sender, receiver } = port({ name: 'there', messages: 2, bytes: 5 });
  t.deepEqual([sender.name, receiver.name, receiver.size], ['there', 'there', 0]);
  t.true(sender.trySend(bytesOf('abc')));
  await sender.send(bytesOf(''));
  t.is(receiver.size, 2);
  t.false(sender.trySend(bytesOf('')), 'two messages');
  t.deepEqual([toldOf(await receiver.receive()), toldOf(await receiver.receive())], ['abc', '']);
  t.true(sender.trySend(bytesOf('abc')));
  t.false(sender.trySend(bytesOf('def')), 'six bytes');
  t.true(sender.trySend(bytesOf('de')));
  const reason = 'over';
  sender.close(reason);
  t.deepEqual([toldOf(await receiver.receive()), toldOf(await receiver.receive())], ['abc', 'de']);
  t.is(await receiver.receive(), undefined);
  t.is(receiver.reason, reason);
});

test('bytes are copied unless they are transferred', async (t) => {
  const { sender, receiver } = port();
  const bytes = bytesOf('abc');
  await sender.send(bytes);
  await sender.send(bytes, { transfer: true });
  bytes[0] = 65;
  t.is(toldOf(await receiver.receive()), 'abc');
  t.is((await receiver.receive())?.bytes, bytes);
});

test('a Buffer of Node is copied as other bytes are', async (t) => {
  const { sender, receiver } = port();
  const bytes = Buffer.from('abc');
  await sender.send(bytes);
  bytes[0] = 65;
  t.is(toldOf(await receiver.receive()), 'abc');
});

test('who sends waits for room', async (t) => {
  const { sender, receiver } = port({ messages: 1 });
  await sender.send(bytesOf('1'));
  const sent = ['2', '3'].map((text) => sender.send(bytesOf(text)));
  t.true(await isPending(Promise.race(sent)));
  t.is(toldOf(await receiver.receive()), '1');
  await sent[0];
  t.true(await isPending(sent[1] as Promise<void>));
  t.is(toldOf(await receiver.receive()), '2');
  await sent[1];
  t.is(toldOf(await receiver.receive()), '3');
});

test('who receives waits for a message, and each goes to one', async (t) => {
  const { sender, receiver } = port();
  const other = receiver.clone();
  const received = [receiver.receive(), other.receive(), receiver.receive()];
  t.true(await isPending(Promise.race(received)));
  for (const text of ['1', '2', '3']) await sender.send(bytesOf(text));
  t.deepEqual((await Promise.all(received)).map(toldOf), ['1', '2', '3']);
});

test('two who wait for more room than there is do not keep each other busy', async (t) => {
  const { sender, receiver } = port({ bytes: 100 });
  await sender.send(new Uint8Array(5));
  await sender.send(new Uint8Array(55));
  const sent = [sender.send(new Uint8Array(50)), sender.clone().send(new Uint8Array(50))];
  await receiver.receive();
  t.true(await isPending(Promise.race(sent)));
  await receiver.receive();
  await Promise.all(sent);
});

test('waiting is given up', async (t) => {
  const { sender, receiver } = port({ messages: 1 });
  await t.throwsAsync(receiver.receive({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  const control = new AbortController();
  const other = receiver.clone();
  const received = [receiver.receive({ signal: control.signal }), other.receive()] as const;
  await setTimeout(1);
  control.abort(new Error('enough'));
  sender.trySend(bytesOf('for the other'));
  await t.throwsAsync(received[0], { message: 'enough' });
  t.is(toldOf(await received[1]), 'for the other');
  sender.trySend(bytesOf('1'));
  const control2 = new AbortController();
  const sent = [sender.send(bytesOf('2'), { signal: control2.signal }), sender.send(bytesOf('3'))] as const;
  await setTimeout(1);
  control2.abort(new Error('no room'));
  t.is(toldOf(await receiver.receive()), '1');
  await t.throwsAsync(sent[0], { message: 'no room' });
  await sent[1];
  t.is(toldOf(await receiver.receive()), '3', 'what was given up was not sent');
});

test('an end that is closed ends the waiting at it, and what was for that goes to others', async (t) => {
  const { sender, receiver } = port();
  const other = receiver.clone();
  const received = [receiver.receive(), other.receive()] as const;
  await setTimeout(1);
  receiver.close();
  await t.throwsAsync(received[0], { instanceOf: UsageError });
  sender.trySend(bytesOf('for the other'));
  t.is(toldOf(await received[1]), 'for the other');
  const last = [other.receive(), sender.clone()] as const;
  last[1].close();
  t.true(await isPending(last[0]), 'somebody could send');
  sender.close();
  t.is(await last[0], undefined);
});

test('a port is closed by the last who lets go, or for all by who tells a reason', async (t) => {
  const { sender, receiver } = port({ name: 'p', messages: 1 });
  const second = sender.clone();
  await sender.send(bytesOf('1'));
  const waits = second.send(bytesOf('2'));
  sender.close();
  sender.close('not again');
  t.true(await isPending(waits));
  receiver.clone().close('I am full');
  const error = await t.throwsAsync(waits, { instanceOf: ClosedError, message: /"p" is closed: I am full/ });
  t.is((error as ClosedError).reason, 'I am full');
  t.throws(() => second.trySend(bytesOf('')), { instanceOf: ClosedError, code: 'closed' });
  t.is(toldOf(await receiver.receive()), '1');
  t.deepEqual([await receiver.receive(), receiver.reason], [undefined, 'I am full']);
  const lost = port();
  lost.receiver.close();
  const told = t.throws(() => lost.sender.trySend(bytesOf('')), { instanceOf: ClosedError });
  t.is((told as ClosedError).reason, undefined);
});

test('all messages, one after the other', async (t) => {
  const { sender, receiver } = port();
  const heard: string[] = [];
  const listening = (async () => {
    for await (const { bytes } of receiver) heard.push(textOf(bytes));
  })();
  for (const text of ['1', '2', '3']) {
    await sender.send(bytesOf(text));
    await setTimeout(0);
  }
  sender.close();
  await listening;
  t.deepEqual(heard, ['1', '2', '3']);

  const other = port();
  other.sender.trySend(bytesOf('1'));
  other.sender.trySend(bytesOf('2'));
  for await (const { bytes } of other.receiver) {
    t.is(textOf(bytes), '1');
    break;
  }
  t.throws(() => other.sender.trySend(bytesOf('3')), { instanceOf: ClosedError }, 'who leaves lets go');
});

test('ends go along with a message, and are another’s then', async (t) => {
  const { sender, receiver } = port();
  const group = new Group();
  const [a, b] = [group.port({ name: 'a' }), group.port({ name: 'b' })];
  sender.trySend(bytesOf('x'), { ports: [a.sender, b.receiver] });
  const gone = { instanceOf: UsageError, message: /closed or given away/ };
  t.throws(() => a.sender.trySend(bytesOf('')), gone);
  t.throws(() => a.sender.clone(), gone);
  t.throws(() => b.receiver.clone(), gone);
  await t.throwsAsync(b.receiver.receive(), gone);
  t.throws(() => sender.trySend(bytesOf(''), { ports: [a.sender] }), gone);
  a.sender.close('it is not mine');
  const ports = (await receiver.receive())?.ports ?? [];
  t.true(ports[0] instanceof Sender && ports[1] instanceof Receiver);
  t.true((ports[0] as Sender).trySend(bytesOf('still open')));
  t.is(toldOf(await a.receiver.receive()), 'still open');
  for (const end of ports) end[Symbol.dispose]();
  t.is(await a.receiver.receive(), undefined);
  t.throws(() => b.sender.trySend(bytesOf('')), { instanceOf: ClosedError });
});

test('where there is no room, nothing is given away', async (t) => {
  const { sender, receiver } = port({ messages: 1 });
  const other = port();
  sender.trySend(bytesOf('1'));
  t.false(sender.trySend(bytesOf('2'), { ports: [other.sender] }));
  t.true(other.sender.trySend(bytesOf('mine')));
  const sent = sender.send(bytesOf('2'), { ports: [other.sender] });
  await receiver.receive();
  await sent;
  t.throws(() => other.sender.trySend(bytesOf('')), { instanceOf: UsageError });
});

test('what is not allowed', async (t) => {
  const group = new Group({ limits: { ports: 2, portBytes: 10_000 } });
  const { sender, receiver } = group.port({ name: 'a', bytes: 10, messages: 1 });
  const usage = { instanceOf: UsageError };
  await t.throwsAsync(sender.send(new Uint8Array(11)), { ...usage, message: /11 bytes, and port "a" holds 10/ });
  t.throws(() => sender.trySend('text' as never), usage);
  t.throws(() => sender.trySend(new Uint8Array(1), { ports: [{} as never] }), usage);
  t.throws(() => sender.trySend(new Uint8Array(1), { ports: [sender] }), { ...usage, message: /through itself/ });
  t.throws(() => sender.trySend(new Uint8Array(1), { ports: [receiver, receiver] }), {
    ...usage,
    message: /each once/,
  });
  const many = Array.from({ length: 17 }, () => sender.clone());
  t.throws(() => sender.trySend(new Uint8Array(1), { ports: many }), { ...usage, message: /up to 16/ });
  t.true(sender.trySend(new Uint8Array(1), { ports: many.slice(1) }));
  await t.throwsAsync(receiver.receive({ signal: 1 as never }), usage);
  await t.throwsAsync(receiver.receive({ timeout: 1 } as never), usage);
  for (const wrong of [{ name: '' }, { name: 1 }, { messages: 0 }, { bytes: -1 }, { bytes: 2 ** 31 }, { size: 1 }])
    t.throws(() => group.port(wrong as never), usage, JSON.stringify(wrong));
  t.throws(() => group.port({ name: 'a', messages: 1, bytes: 1 }), { ...usage, message: /"a"/ });
  t.throws(() => group.port({ bytes: 9900 }), { instanceOf: LimitError, message: /10000 bytes/ });
  group.port({ messages: 1, bytes: 1 });
  t.throws(() => group.port({ messages: 1, bytes: 1 }), { instanceOf: LimitError, message: /2 ports/ });
});

test('a port that nobody has hold of counts no more', async (t) => {
  const group = new Group({ limits: { ports: 1, portBytes: 1000 } });
  for (let i = 0; i < 5; i++) {
    const { sender, receiver } = group.port({ messages: 1, bytes: 900 });
    sender.trySend(bytesOf('x'));
    if (i % 2 === 0) receiver.close();
    sender.close();
    receiver.close();
  }
  t.notThrows(() => group.port({ messages: 1, bytes: 900 }));
});

test('host and guests wait at the same port', async (t) => {
  const group = new Group();
  const there = group.port({ messages: 1 });
  const back = group.port({ messages: 1 });
  const relay = await script(Array<string[]>(3).fill(['receive 0 0 9', 'send 1 0 1']).flat());
  const options = { module: relay, export: 'main', ports: { in: there.receiver, out: back.sender } };
  const { result } = group.add('relay', options);
  const running = group.run();
  for (const text of ['1', '2', '3']) {
    const sent = there.sender.send(bytesOf(text));
    t.is(toldOf(await back.receiver.receive()), text);
    await sent;
  }
  t.deepEqual(await result, [1, codes.done, 1, codes.done, 1, codes.done]);
  t.is((await running).status, 'ended');
  t.is(await back.receiver.receive(), undefined);
  await t.throwsAsync(there.sender.send(bytesOf('4')), { instanceOf: ClosedError });
});
