// The fields of a change: what is told beside a base is what was saved, and what was not written by us is refused.

import test from 'ava';
import { asyncHostFunction, Snapshot, SnapshotError, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';
import { container, type Part, partsOf, stored, unpacked } from './container.ts';

const module = await moduleOf(`
  (import "host" "ask" (func $ask (param i32) (result i32)))
  (memory 1) (table 2 externref) (global $g (mut i64) (i64.const 0))
  (func (export "ask") (param i32) (result i32)
    (global.set $g (i64.add (global.get $g) (i64.const 1)))
    (i32.store (i32.const 8) (local.get 0))
    (call $ask (local.get 0)))
  (func (export "keep") (param externref) (table.set (i32.const 0) (local.get 0)))
  (func (export "step") (global.set $g (i64.add (global.get $g) (i64.const 1))))`);
const ask = asyncHostFunction(['i32'], ['i32'], () => new Promise<never>(() => {}));

/** The states of a VM one after the other, each with something that the others have not. */
async function states(engine: 'interpreter' | 'native'): Promise<Snapshot[]> {
  const vm = new VM({ engine });
  const instance = vm.instantiate(module, { host: { ask } });
  const all = [vm.save()];
  const saved = () => all.push(vm.save());
  vm.invoke(instance.func('step'));
  saved();
  saved();
  vm.invoke(instance.func('keep'), ['kept']);
  saved();
  vm.invoke(instance.func('keep'), [null]);
  saved();
  const other = vm.instantiate(await moduleOf('(memory 1 2) (func (export "none"))'));
  saved();
  vm.invoke(other.func('none'));
  saved();
  vm.start(instance.func('ask'), [7]);
  vm.run({ fuel: 1000 });
  saved();
  return all;
}

for (const engine of ['interpreter', 'native'] as const)
  test(`${engine}: any state beside any other is that state`, async (t) => {
    const all = await states(engine);
    for (const base of all)
      for (const each of all) {
        const there = Snapshot.decode(base.encode());
        const again = Snapshot.decode(each.encode({ base }), { base: there });
        t.deepEqual(again.encode(), each.encode());
        // Whatever it was read from, it tells changes as the first one does.
        t.deepEqual(again.encode({ base: there }), each.encode({ base }));
      }
  });

const text = (parts: readonly Part[]): string => new TextDecoder().decode(unpacked(parts[0] as Part).bytes);

/** A change with its metadata as somebody else would write it. */
function forged(bytes: Uint8Array, forge: (metadata: string) => string): Uint8Array {
  const [metadata, ...rest] = partsOf(bytes);
  const forgery = stored(0, new TextEncoder().encode(forge(text([metadata as Part]))));
  return container([forgery, ...rest], 7);
}

test('a small step is told in few bytes', async (t) => {
  const [base, step, same] = (await states('native')) as [Snapshot, Snapshot, Snapshot];
  const metadata = JSON.parse(text(partsOf(step.encode({ base })))) as { changed: object };
  t.deepEqual(Object.keys(metadata.changed), ['fuelUsed']);
  t.deepEqual((JSON.parse(text(partsOf(same.encode({ base: step })))) as typeof metadata).changed, {});
  t.true(step.encode({ base }).length < 500, `${step.encode({ base }).length} bytes`);
});

test('a base that is the same but for a field is another one', async (t) => {
  const vm = new VM();
  const other = new VM({ limits: { frames: 77 } });
  const [one, two] = [vm, other].map((each) => {
    each.instantiate(module, { host: { ask } });
    return each.save();
  }) as [Snapshot, Snapshot];
  const change = vm.save().encode({ base: one });
  t.deepEqual(Snapshot.decode(change, { base: one }).encode(), one.encode());
  t.throws(() => Snapshot.decode(change, { base: two }), { instanceOf: SnapshotError, message: /another one/ });
  t.throws(() => Snapshot.decode(change), { instanceOf: SnapshotError, message: /base snapshot is needed/ });
});

test('a change that we have not written is refused', async (t) => {
  const [base, step] = (await states('native')) as [Snapshot, Snapshot];
  const change = step.encode({ base });
  t.deepEqual(
    Snapshot.decode(
      forged(change, (same) => same),
      { base },
    ).encode(),
    step.encode(),
  );
  const changed = /"changed":\{/;
  const forgeries: readonly (readonly [RegExp, (metadata: string) => string])[] = [
    [/something unknown/, (m) => m.replace(changed, '"changed":{"pages":[],')],
    [/something unknown/, (m) => m.replace(changed, '"changed":{"__proto__":{"calls":1},')],
    [/something unknown/, (m) => m.replace(changed, '"changed":{"externs":[{}],')],
    [/a change that is none/, (m) => m.replace(/"changed":.*/, '"changed":5}')],
    [/something unknown/, (m) => m.replace(/"changed":.*/, '"changed":[1]}')],
    [/a change that is none/, (m) => m.replace(/"rows":\[.*?\]/, '"rows":5')],
    [/no places/, (m) => m.replace(/"rows":\[/, '"rows":["a",')],
    [/no places/, (m) => m.replace(/"rows":\[/, '"rows":[-1,')],
    [/no places/, (m) => m.replace(/"rows":\[/, '"rows":[99,')],
    [/another length/, (m) => m.replace(changed, '"changed":{"frames":3,')],
    [/fuelUsed/, (m) => m.replace(/"fuelUsed":\d+/, '"fuelUsed":-1')],
    [/fuelUsed/, (m) => m.replace(/"fuelUsed":\d+/, '"fuelUsed":"9"')],
    [/globals/, (m) => m.replace(changed, '"changed":{"globals":1e30,')],
    [/words/, (m) => m.replace(changed, '"changed":{"globals":400,')],
    [/limits/, (m) => m.replace(changed, '"changed":{"limits":null,')],
    [/memories/, (m) => m.replace(/"memories":\[.*?\]/, '"memories":[{"size":1}]')],
    [/version/, (m) => m.replace(/"version":\d/, '"version":99')],
    [/another one/, (m) => m.replace(/"base":"./, '"base":"-')],
    [/another one/, (m) => m.replace(/"base":"[^"]*"/, '"base":null')],
    [/metadata/, (m) => m.slice(0, -1)],
  ];
  for (const [message, forge] of forgeries)
    t.throws(() => Snapshot.decode(forged(change, forge), { base }), { instanceOf: SnapshotError, message });
});
