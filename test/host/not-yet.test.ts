import test from 'ava';
import { notYet, UsageError } from '../../src/index.ts';

/** An event that tells how many listen to it. */
class Event implements PromiseLike<void> {
  listeners: (() => void)[] = [];

  // biome-ignore lint/suspicious/noThenProperty: it is what is tested
  then<A, B>(settled?: ((value: undefined) => A | PromiseLike<A>) | null): PromiseLike<A | B> {
    this.listeners.push(() => settled?.(undefined));
    return Promise.resolve() as never;
  }
}
const never = new Promise<void>(() => {});

test('whoever asks again and again is listened for once, and woken each time', async (t) => {
  const [event, other] = [new Event(), new Event()];
  for (let i = 0; i < 100; i++) await notYet({ until: 0, event: [event, other] }).come(never);
  t.is(event.listeners.length, 1);
  t.is(other.listeners.length, 1);
  const woken = [1, 2].map(() => notYet({ event }).come(never));
  for (const ring of event.listeners) ring();
  await Promise.all(woken);
  t.is(event.listeners.length, 1);
});

test('a wait ends by its time, by any of its events however that settles, or when nobody waits', async (t) => {
  await notYet({ until: Date.now() + 1 }).come(never);
  await notYet({ event: Promise.reject(new Error('settled')) }).come(never);
  await notYet({ event: [never, Promise.resolve()] }).come(never);
  await notYet({}).come(Promise.resolve());
  t.is(notYet({}).left, undefined);
  t.is(notYet({ until: 0 }).left, 0);
});

test('what is no event and no time is told', (t) => {
  for (const event of [1, {}, [Promise.resolve(), 1], 'text'])
    t.throws(() => notYet({ event: event as never }), { instanceOf: UsageError, message: /event must be a promise/ });
  t.throws(() => notYet({ until: -1 }), { instanceOf: UsageError });
});
