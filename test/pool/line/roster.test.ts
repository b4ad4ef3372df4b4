import test from 'ava';
import { Roster } from '../../../src/pool/line/roster.ts';

test('what is added is there until it is removed, in whatever order', (t) => {
  const items = Array.from({ length: 6 }, (_, name) => ({ name, seat: 0 }));
  const roster = new Roster<(typeof items)[number]>();
  for (const item of items) roster.add(item);
  const before = roster.all;
  for (const gone of [5, 0, 3]) roster.delete(items[gone] as (typeof items)[number]);
  t.deepEqual(roster.all.map(({ name }) => name).sort(), [1, 2, 4]);
  t.is(before.length, 6);
  roster.delete(items[0] as (typeof items)[number]);
  t.is(roster.size, 3);
  roster.add(items[0] as (typeof items)[number]);
  for (const { name } of roster.all) roster.delete(items[name] as (typeof items)[number]);
  t.is(roster.size, 0);
});
