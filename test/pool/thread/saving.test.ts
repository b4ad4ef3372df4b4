// What threads' jobs were saved as last, and series of changes.

import test from 'ava';
import { VM } from '../../../src/index.ts';
import { bounds } from '../../../src/pool/line/bounds.ts';
import { checkpointOf, decoded, forgetCheckpoint } from '../../../src/pool/thread/saving.ts';
import { Series, vmAt } from '../../../src/pool/told/series.ts';
import { moduleOf } from '../../wat.ts';

const module = await moduleOf('(memory (export "m") 4) (func (export "f") (loop (br 0)))');

function made() {
  const vm = new VM({ engine: 'interpreter' });
  const instance = vm.instantiate(module);
  const { bytes } = instance.memory('m');
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i + 1, 0x9e3779b1) >>> 24;
  vm.start(instance.func('f'));
  vm.run({ fuel: 10 });
  return { vm, bytes };
}

test('changes are told to whoever has the checkpoint before, and to nobody else', (t) => {
  const { vm, bytes } = made();
  const first = checkpointOf(vm, 1, undefined);
  t.false(first.isChange);
  bytes[5] = 7;
  const second = checkpointOf(vm, 1, first.name);
  t.true(second.isChange);
  t.true(second.bytes.length * 20 < first.bytes.length);
  t.false(checkpointOf(vm, 1, first.name).isChange, 'that was not the last one');
  t.false(checkpointOf(vm, 2, second.name).isChange, 'that was of another job');
  const third = checkpointOf(vm, 3, undefined);
  forgetCheckpoint(3);
  t.false(checkpointOf(vm, 3, third.name).isChange);
  const place = vmAt(second, vmAt(first, { kind: 'new', module: '' }));
  if (place.kind !== 'saved') return t.fail(place.kind);
  const twin = VM.restore(decoded(place, {}), { modules: [module] });
  t.deepEqual(twin.instance().memory('m').bytes, bytes);
});

test('what was saved last stays within its bound', (t) => {
  const { vm } = made();
  const most = bounds.lastCheckpoints;
  try {
    bounds.lastCheckpoints = 5 * 4 * 65_536;
    const names = Array.from({ length: 8 }, (_, i) => checkpointOf(vm, 100 + i, undefined).name);
    const known = names.map((name, i) => checkpointOf(vm, 100 + i, name).isChange);
    t.true(known.filter(Boolean).length < 5);
    t.false(known[0]);
  } finally {
    bounds.lastCheckpoints = most;
  }
});

test('a series is whole again after a while, and where changes are large', (t) => {
  const checkpoint = (length: number, isChange: boolean, i = 0) => ({
    bytes: new Uint8Array(length),
    name: `${i}`,
    isChange,
  });
  let series = Series.after(undefined, checkpoint(1000, false));
  let changes = 0;
  for (; series.last !== undefined; changes++) series = Series.after(series, checkpoint(10, true, changes));
  t.is(changes, 16);
  series = Series.after(series, checkpoint(1000, false));
  t.is(series.last, '0');
  t.is(Series.after(Series.after(series, checkpoint(600, true)), checkpoint(600, true)).last, undefined);
});
