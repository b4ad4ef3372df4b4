// What older versions of wasbox have written is read, and goes on: of versions 1 and 4 see roundtrip.test.ts and
// host/state.test.ts, of the command line and the pool pool/forms.test.ts.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { Module, Snapshot, SnapshotError, VM } from '../../src/index.ts';
import { calls, counterModule } from '../host/counter.ts';

const file = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const engines = ['interpreter', 'auto'] as const;

test('version 2: a guest that waits at a cell of its memory', (t) => {
  const modules = [Module.from(file('snapshot-v2.wasm'))];
  for (const engine of engines) {
    const vm = VM.restore(file('snapshot-v2.wbx'), { engine, modules });
    t.is(vm.status, 'waiting');
    vm.wake();
    t.deepEqual(vm.run(), { status: 'returned', values: [7] });
  }
});

test('version 3: a module and calls that came along', (t) => {
  const snapshot = Snapshot.decode(file('snapshot-v3.wbx'));
  t.deepEqual(snapshot.extras.calls, [{ export: 'run', args: ['5'] }]);
  for (const engine of engines)
    t.deepEqual(VM.restore(snapshot, { engine }).run(), { status: 'returned', values: [11_325] });
});

test('before version 5: what had changed since a base, its words as they are', (t) => {
  const base = Snapshot.decode(file('snapshot-v3.wbx'));
  const changes = file('changes-v3.wbx');
  t.throws(() => Snapshot.decode(changes), { instanceOf: SnapshotError, message: /the base snapshot is needed/ });
  const other = new VM();
  other.instantiate(Module.from(file('snapshot-v2.wasm')));
  t.throws(() => Snapshot.decode(changes, { base: other.save() }), { message: /the base snapshot is another one/ });
  const snapshot = Snapshot.decode(changes, { base });
  t.true(snapshot.summary().fuelUsed > base.summary().fuelUsed);
  for (const engine of engines)
    t.deepEqual(VM.restore(snapshot, { engine }).run(), { status: 'returned', values: [11_325] });
});

for (const version of [4, 5])
  test(`version ${version}: what had changed since a snapshot of version 4, with state of a host module`, (t) => {
    const base = Snapshot.decode(file('snapshot-v4.wbx'));
    const modules = [Module.from(file('snapshot-v4.wasm'))];
    const snapshot = Snapshot.decode(file(`changes-v${version}.wbx`), { base });
    t.true(snapshot.summary().fuelUsed > base.summary().fuelUsed);
    for (const engine of ['interpreter', 'native'] as const) {
      const vm = VM.restore(snapshot, { engine, modules, imports: { counter: counterModule().functions } });
      t.deepEqual(vm.run(), { status: 'returned', values: [50] });
      t.is(calls(vm, 'get', 69_000), 69_000 & 255);
    }
  });
