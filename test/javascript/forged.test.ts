// Tokens that whoever has no seal may write: each part of one says something that no program of ours does. Such a token is
// refused with an error that says so, or its program ends within its limits as any other; it takes neither the thread nor the
// host's memory.

import test from 'ava';
import { HostError, LimitError, SnapshotError, WasboxError } from '../../src/index.ts';
import { pause, type Tools } from '../../src/javascript/index.ts';
import { takeMachine } from '../../src/javascript/machine/machine.ts';
import { tidyMemory } from '../../src/javascript/machine/tidy.ts';
import { decodeToken, encodeToken } from '../../src/javascript/token/token.ts';
import { parseFew } from '../../src/javascript/values/parse.ts';
import type { SnapshotData } from '../../src/snapshot/data/format.ts';
import { Snapshot } from '../../src/snapshot/snapshot.ts';
import { engines, js, resultOf, tokenOf } from './programs.ts';

const tools: Tools = { ask: () => pause };
const limits = { fuel: 5e7, memory: 2 ** 24, calls: 5 };
const most = 2 ** 28;

const atRest = async (code: string): Promise<SnapshotData> =>
  decodeToken(js.base, tokenOf(await js.run(code, { tools, id: 'r' })), most).data;
const tokenWith = (data: SnapshotData) => encodeToken(js.base, new Snapshot(data));

/** What the host keeps, with some of it changed. */
function withState(data: SnapshotData, change: (state: unknown[]) => unknown): SnapshotData {
  const [state] = data.states ?? [];
  const list = JSON.parse(state?.data as string) as unknown[];
  const changed = change(list) ?? list;
  const text = typeof changed === 'string' ? changed : JSON.stringify(changed);
  return { ...data, states: [{ ...(state as NonNullable<typeof state>), data: text }] };
}
const withCount = (data: SnapshotData, place: number, value: number) =>
  withState(data, (state) => {
    (state[1] as number[])[place] = value;
  });

/** A program that sleeps, whose own function stands where the library's does that tells when its first timer is due. */
async function withDue(source: string): Promise<Uint8Array> {
  const data = await atRest(`globalThis.due = ${source}; await new Promise((done) => setTimeout(done, 1e9))`);
  const { vm, memory } = takeMachine(js.base, 'interpreter', 2 ** 26, new Snapshot(data));
  const name = memory.put(new TextEncoder().encode('due'));
  const own = memory.call('qjs_get_prop_string', memory.call('qjs_get_global'), name);
  vm.instance()
    .memory('memory')
    .bytes.copyWithin(js.base.entries.due, own, own + 8);
  const token = encodeToken(js.base, vm.save());
  vm.dispose();
  return token;
}

const [current, fuelBefore, callsBefore] = [1, 3, 5];

for (const engine of engines) {
  test(`${engine}: no token gives its program more than its limits`, async (t) => {
    const loop = await atRest('let n = ask(1); for (let i = 0; i < 1e6; i++) n += i; n');
    const refused = (data: SnapshotData, message: RegExp) =>
      t.throwsAsync(js.resume(tokenWith(data), { engine, limits, results: { 'r-1': 1 } }), {
        instanceOf: SnapshotError,
        message,
      });
    await refused(withCount(loop, fuelBefore, 2 ** 52), /more fuel than was used/);
    await refused(withCount(loop, callsBefore, 2), /no number of calls/);
    await refused(withCount(loop, current, 2), /no number of calls/);
    const owing = tokenWith({ ...loop, fuelUsed: 2 ** 51, debt: 2 ** 51 });
    await t.throwsAsync(js.resume(owing, { engine, limits, results: { 'r-1': 1 } }), { instanceOf: LimitError });
  });

  test(`${engine}: no token has tools called more often than they may be, or twice for one call`, async (t) => {
    const begun = await atRest('await ask.async(1)');
    let called = 0;
    const counted: Tools = {
      ask: () => {
        called++;
        return pause;
      },
    };
    const calls = (numbers: readonly number[]) => numbers.map((number) => [number, 'ask', ['[]'], null]);
    const open = (numbers: readonly number[], made: number) =>
      withState(begun, (state) => {
        Object.assign(state[1] as number[], [made]);
        state[4] = calls(numbers);
      });
    const refused = (data: SnapshotData) =>
      t.throwsAsync(js.resume(tokenWith(data), { engine, limits, tools: counted }), { instanceOf: SnapshotError });
    for (const [numbers, made] of [
      [[1, 1], 2],
      [[1, 2], 1],
      [[0], 1],
    ] as const)
      await refused(open(numbers, made));
    const many = Array.from({ length: 1_000 }, (_, i) => i + 1);
    const asBefore = withCount(open(many, 1_000), callsBefore, 1_000);
    await t.throwsAsync(js.resume(tokenWith(asBefore), { engine, limits, tools: counted }), { instanceOf: LimitError });
    t.is(called, 0);
    await js.resume(tokenWith(begun), { engine, limits, tools: counted });
    t.is(called, 1);
  });

  test(`${engine}: a function of the library that goes round for ever ends`, async (t) => {
    const token = await withDue('() => { for (;;); }');
    await t.throwsAsync(js.resume(token, { engine, limits }), { instanceOf: LimitError });
    if (engine === 'interpreter') t.throws(() => js.inspect(token), { instanceOf: HostError });
  });

  test(`${engine}: a time that is none is refused, and others are times`, async (t) => {
    for (const due of ['NaN', 'undefined', '"text"', '{}']) {
      const token = await withDue(`() => (${due})`);
      await t.throwsAsync(js.resume(token, { engine, limits }), { instanceOf: HostError, message: /no time/ });
      if (engine === 'interpreter') t.throws(() => js.inspect(token), { instanceOf: HostError, message: /no time/ });
    }
    for (const due of ['1e300', 'Infinity'])
      t.is((await js.resume(await withDue(`() => ${due}`), { engine, limits })).status, 'sleeping');
  });
}

test('what a token has in JSON is few values of the kinds that it should have', async (t) => {
  const data = await atRest('ask(1)');
  const { pending } = data;
  if (pending === null) throw new Error('it waits for nothing');
  const refused = (forged: SnapshotData) =>
    t.throwsAsync(js.resume(tokenWith(forged), { limits }), { instanceOf: SnapshotError });
  for (const word of [{ valueOf: 1, toString: 1 }, '1', [1], null])
    await refused({ ...data, pending: { ...pending, args: [word, ...pending.args.slice(1)] as never } });
  for (const item of ['{}', '[]', '[[]]', '0', '""'])
    await refused(withState(data, () => `[${`${item},`.repeat(4_200_000)}0]`));
  for (const part of ['null', '7', '[]', '{}', '"text"', '[null]', '[1e999]', '[-1]', '[0.5]', '[NaN]', '[[[1]]]'])
    for (let place = 0; place < 8; place++) {
      const isOne = (state: unknown[]) => JSON.stringify(state[place]) === part;
      const forged = withState(data, (state) =>
        isOne(state) ? undefined : `[${state.map((each, i) => (i === place ? part : JSON.stringify(each))).join()}]`,
      );
      const came = await js.resume(tokenWith(forged), { limits }).then(
        ({ status }) => status,
        (error: unknown) => error instanceof WasboxError,
      );
      t.true(came === true || came === 'waiting', `${part} at ${place}: ${came}`);
    }
  t.is(resultOf(await js.resume(tokenWith(data), { limits, results: { 'r-1': 1 } })), 1);
});

test('JSON of many values is not made, whatever stands in its texts', (t) => {
  const text = JSON.stringify([`a"\\,[{`.repeat(2_000_000), { b: [1, 'c,"'] }]);
  t.deepEqual(parseFew(text), JSON.parse(text));
  t.is(parseFew(`["\\\\",${'[],'.repeat(2_200_000)}0]`), undefined);
  t.is(parseFew(`[${'"\\"",'.repeat(4_200_000)}0]`), undefined);
  t.is(parseFew('[1'), undefined);
  t.is(parseFew('"'.padEnd(5_000_000, '\\')), undefined);
});

test('values that a token brings along are no larger than others', async (t) => {
  const ended = withState(await atRest('ask(1)'), (state) => {
    (state[1] as number[])[current] = 0;
    state[5] = [false, [JSON.stringify('x'.repeat(5_000))]];
  });
  const token = tokenWith({ ...ended, pending: null, frames: new Int32Array(), slots: new Int32Array() });
  t.is((resultOf(await js.resume(token, { limits })) as string).length, 5_000);
  const few = { limits: { ...limits, value: 1_000 } };
  await t.throwsAsync(js.resume(token, few), { instanceOf: LimitError });
  t.throws(() => js.inspect(token, few), { instanceOf: LimitError });
  t.throws(() => js.openSession(token, few), { instanceOf: LimitError });
});

test('a list of free memory that goes round, or is told twice, is come to the end of', async (t) => {
  const { vm } = takeMachine(js.base, 'interpreter', 2 ** 26);
  const memory = vm.instance().memory('memory').bytes.slice();
  vm.dispose();
  const view = new DataView(memory.buffer);
  const [slab, lists] = [1_167_112 + 8 * 4_096, 0x11d030];
  const room = (memory.length - slab - 64) & ~7;
  const count = Math.floor((room - 24) / 16);
  view.setUint32(slab - 4, (room + 8) | 2, true);
  // It is the one after itself, in the lists of all classes.
  view.setUint32(slab + 4, slab, true);
  view.setUint16(slab + 18, 0, true);
  view.setUint16(slab + 20, count, true);
  view.setUint16(slab + 22, 0, true);
  for (let i = 0; i < count; i++) view.setUint16(slab + 24 + 16 * i, i + 1 < count ? i + 1 : 0xffff, true);
  for (let kind = 0; kind < 32; kind++) {
    view.setUint32(lists + 8 * kind + 4, slab, true);
    const forged = memory.slice();
    forged[slab + 16] = kind;
    // The chunks are those of the memory as it was, which end where it ends.
    forged.set(js.base.image.subarray(slab - 8, slab - 4), slab - 8);
    let reads = 0;
    const counted = new Proxy(forged, {
      get(target, key) {
        reads++;
        const value = Reflect.get(target, key) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set: (target, key, value) => Reflect.set(target, key, value),
    });
    tidyMemory(counted, js.base.image, 2 ** 20);
    t.true(reads < 2 * forged.length, `${reads} reads`);
  }
});

test('whoever asks for nothing with more arguments than there are is refused', async (t) => {
  const data = await atRest('ask(1)');
  const { pending } = data;
  if (pending === null) throw new Error('it waits for nothing');
  const args = pending.args.slice();
  Object.assign(args, { 6: 250_000, 8: 0 });
  await t.throwsAsync(js.resume(tokenWith({ ...data, pending: { ...pending, args } }), { limits }), {
    instanceOf: HostError,
    message: /more than there can be/,
  });
});
