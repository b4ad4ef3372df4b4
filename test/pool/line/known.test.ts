// What a pool knows of calls: how many of them are worth a message, and how much fuel a slice of one should have.

import test from 'ava';
import { bounds } from '../../../src/pool/line/bounds.ts';
import { Known } from '../../../src/pool/line/known.ts';
import { firstFuel } from '../../../src/pool/line/pace.ts';

const sliceMs = 10;
/** Seen so many times: it was charged so much in so many ms. */
function saw(known: Known, times: number, charged: number, ms: number, isDone = true, call = 'f'): void {
  for (let i = 0; i < times; i++) known.saw(call, isDone, firstFuel, charged, ms, sliceMs);
}

test('what is not known, and what is long, goes alone', (t) => {
  const known = new Known();
  t.is(known.together('f'), 0);
  t.is(known.fuel('f'), firstFuel);
  saw(known, 1, 1_000_000, 5);
  t.is(known.together('f'), 0);
  t.is(known.together('g'), 0);
});

test('the shorter they are the more of them go together, up to a bound', (t) => {
  const [short, shorter, least] = [0.4, 0.1, 0.001].map((ms) => {
    const known = new Known();
    saw(known, 3, 1000, ms);
    return known.together('f');
  }) as [number, number, number];
  t.true(short >= 1 && short < shorter && shorter < least, `${[short, shorter, least]}`);
  t.true(least <= 64);
});

test('a machine that was busy with something else does not make a job long', (t) => {
  const known = new Known();
  saw(known, 5, 1000, 0.05);
  const before = known.together('f');
  saw(known, 5, 1000, 20);
  t.true(known.together('f') >= before - 2);
});

test('one that did not end at once makes the next ones go alone, until enough have ended', (t) => {
  const known = new Known();
  saw(known, 5, 1000, 0.05);
  saw(known, 1, 200_000, 5, false);
  t.is(known.together('f'), 0);
  saw(known, 25, 1000, 0.05);
  t.true(known.together('f') > 1);
});

test('a slice gets the fuel that takes about as long as it should', (t) => {
  const known = new Known();
  saw(known, 1, 100_000, 1);
  t.true(Math.abs(known.fuel('f') - 1_000_000) < 5);
  saw(known, 1, 100_000, 500);
  t.true(Math.abs(known.fuel('f') - 1_000_000) < 50_000);
  saw(known, 1, 10, 1);
  t.true(known.fuel('f') >= firstFuel);
});

test.serial('there are not too many of them', (t) => {
  const before = bounds.knownCalls;
  try {
    bounds.knownCalls = 2000;
    const known = new Known();
    for (let i = 0; i < 100; i++) saw(known, 1, 1000, 0.05, true, `f${i}`);
    t.is(Array.from({ length: 100 }, (_, i) => known.together(`f${i}`)).filter((count) => count > 0).length, 10);
  } finally {
    bounds.knownCalls = before;
  }
});
