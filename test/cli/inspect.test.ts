// `wasbox inspect` of changes beside their bases, and of stores.

import { mkdir } from 'node:fs/promises';
import test from 'ava';
import { VM } from '../../src/index.ts';
import { Group } from '../../src/talk/index.ts';
import { moduleOf } from '../wat.ts';
import { Folder } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
  await series();
  await folder.wasbox('run', 'math.wasm', '--invoke', 'add', '1', '1', '--store', 'kept');
});
test.after.always(() => folder.remove());

const page = 4096;
const noise = (bytes: Uint8Array, seed: number): void => {
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i + 1, seed * 0x9e3779b1) >>> 24;
};

/** Saves of a memory of 16 pages, of which the first 8 are filled; each file but `first.wbx` beside the one before. */
async function series(): Promise<void> {
  const module = await moduleOf('(memory (export "m") 1) (func $f (export "f") nop)');
  const vm = new VM();
  const memory = vm.instantiate(module).memory('m');
  for (let i = 0; i < 8; i++) noise(memory.bytes.subarray(i * page, (i + 1) * page), i + 1);
  const first = vm.save();
  await folder.write('first.wbx', first.encode({ modules: [module] }));
  await folder.write('bare.wbx', first.encode());
  // A word of page 1, and all of page 2; page 3 becomes zero, page 9 is new.
  memory.bytes[page + 100] = 1 + (memory.bytes[page + 100] as number);
  noise(memory.bytes.subarray(2 * page, 3 * page), 77);
  memory.bytes.fill(0, 3 * page, 4 * page);
  noise(memory.bytes.subarray(9 * page, 10 * page), 99);
  const second = vm.save();
  await folder.write('second.wbx', second.encode({ base: first }));
  memory.bytes[4 * page] = 1 + (memory.bytes[4 * page] as number);
  await folder.write('third.wbx', vm.save().encode({ base: second }));
  await folder.write('whole.wbx', vm.save().encode({ modules: [module] }));
  await folder.write('pages.wasm', module.bytes);
  vm.dispose();
}

test('a change is read beside its base, and told by what is the base’s', async (t) => {
  const { code, out, err } = await folder.wasbox('inspect', 'second.wbx', '--base', 'first.wbx');
  t.is(code, 0, err);
  t.regex(out, /^saved program second\.wbx: /);
  t.regex(out, /^base: first\.wbx$/m);
  t.regex(
    out,
    /, 5 are those of the base, 1 are told by how they differ, 2 are its own \(2 different ones\), and 8 are/,
  );
  const json = JSON.parse((await folder.wasbox('inspect', 'second.wbx', '--base', 'first.wbx', '--json')).out);
  t.deepEqual(json.base, {
    files: ['first.wbx'],
    pages: { same: 5, differing: 1, own: 2, ownDifferent: 2, zero: 8 },
  });
  t.like(json, { kind: 'saved program', pages: 16, zeroPages: 8, embedded: [] });
});

test('a change of a change is read beside the whole series', async (t) => {
  const command = ['inspect', 'third.wbx', '--base', 'first.wbx', '--base', 'second.wbx'];
  const { base, ...json } = JSON.parse((await folder.wasbox(...command, '--json')).out);
  t.deepEqual(base, {
    files: ['first.wbx', 'second.wbx'],
    pages: { same: 7, differing: 1, own: 0, ownDifferent: 0, zero: 8 },
  });
  const whole = JSON.parse((await folder.wasbox('inspect', 'whole.wbx', '--json')).out);
  for (const name of ['memories', 'pages', 'zeroPages', 'differentPages', 'modules', 'stack'])
    t.deepEqual(json[name], whole[name], name);
  const bytes = ['--bytes', `${4 * page}+32`];
  const [there, here] = [
    await folder.wasbox('inspect', 'whole.wbx', ...bytes),
    await folder.wasbox(...command, ...bytes),
  ];
  t.deepEqual(here, there);
  t.is((await folder.wasbox(...command, '--func', 'f')).code, 0);
});

test('modules that neither has are given', async (t) => {
  const lacking = await folder.wasbox('inspect', 'second.wbx', '--base', 'bare.wbx');
  t.is(lacking.code, 6);
  t.regex(lacking.err, /needs a module that it does not hold/);
  const given = await folder.wasbox('inspect', 'second.wbx', '--base', 'bare.wbx', '--module', 'pages.wasm');
  t.is(given.code, 0, given.err);
});

test('what is whole is told beside another one, too', async (t) => {
  const { base } = JSON.parse((await folder.wasbox('inspect', 'whole.wbx', '--base', 'first.wbx', '--json')).out);
  t.deepEqual(base.pages, { same: 4, differing: 2, own: 2, ownDifferent: 2, zero: 8 });
});

const change = /second\.wbx: it is a change, \d+\.\d KiB: .*give that with --base FILE/;
const failures: readonly (readonly [line: string, exit: number, code: string, message: RegExp])[] = [
  ['inspect second.wbx', 2, 'usage', change],
  ['inspect second.wbx --func f', 2, 'usage', change],
  ['inspect second.wbx --base nowhere.wbx', 2, 'usage', /cannot read nowhere\.wbx/],
  ['inspect second.wbx --base whole.wbx', 6, 'snapshot', /second\.wbx: the base snapshot is another one/],
  ['inspect third.wbx --base second.wbx', 6, 'snapshot', /^wasbox: second\.wbx: holds changes only/],
  ['inspect third.wbx --base first.wbx', 6, 'snapshot', /third\.wbx: the base snapshot is another one/],
  ['inspect second.wbx --base pages.wasm', 6, 'snapshot', /pages\.wasm: not a snapshot/],
  ['inspect pages.wasm --base first.wbx', 2, 'usage', /--base is of no use to a module/],
  ...['bytes 0', 'func f', 'module math.wasm', 'base first.wbx', 'key k', 'memory 64M'].map(
    (option) =>
      [
        `inspect kept --${option}`,
        2,
        'usage',
        new RegExp(`--${option.split(' ')[0]} is of no use to a store`),
      ] as const,
  ),
  ['jobs list hollow', 2, 'usage', /hollow is no store: its file data\.mdb is empty/],
  ['inspect hollow', 2, 'usage', /hollow is no store: its file data\.mdb is empty/],
  ['jobs list math.wasm', 2, 'usage', /math\.wasm is no store/],
];

test('what cannot be inspected is told', async (t) => {
  await mkdir(folder.file('hollow'));
  await folder.write('hollow/data.mdb', '');
  for (const [line, exit, code, message] of failures) {
    const { code: told, out, err } = await folder.wasbox(...line.split(' '), '--json');
    t.is(told, exit, `${line}: ${err}`);
    t.like(JSON.parse(out), { status: 'failed', code }, line);
    t.regex(err, message, line);
    t.is(err.trim().split('\n').length, 1, err);
  }
  const { code, out } = await folder.wasbox('inspect', 'kept', '--frames', '5');
  t.is(code, 0);
  t.regex(out, /^kept: a store of 1 head/);
});

test('a group of VMs that talk is told by its members, ports and calls', async (t) => {
  const module = await moduleOf(`(import "wasbox" "receive" (func $receive (param i32 i32 i32) (result i32))) (memory 1)
    (func (export "main") (result i32) (call $receive (i32.const 0) (i32.const 0) (i32.const 8)))`);
  const group = new Group();
  const [first, second] = [group.port({ name: 'first', messages: 3 }), group.port({ name: 'second' })];
  group.add('asleep', { module, export: 'main', ports: { in: first.receiver } });
  group.add('over', { module, export: 'main', ports: { in: second.receiver } });
  await second.sender.send(Uint8Array.of(1, 2, 3));
  await group.run({ timeout: 20 });
  second.sender.close();
  await first.sender.send(new Uint8Array(5));
  await folder.write('group.wbx', group.save().encode());
  const { out } = await folder.wasbox('inspect', 'group.wbx');
  t.regex(out, /a group of 2 VMs/);
  t.regex(out, /^ {2}asleep: ready, 1 frames, 1 pages/m);
  t.regex(out, /^ {2}over: returned, 0 frames/m);
  t.regex(out, /^ {2}first: 1 of 3 messages, 5 of 1048576 bytes/m);
  const told = JSON.parse((await folder.wasbox('inspect', 'group.wbx', '--json')).out);
  t.like(told, { kind: 'group', members: [{ name: 'asleep' }, { name: 'over', status: 'returned' }] });
  t.is((await folder.wasbox('inspect', 'group.wbx', '--func', 'main')).code, 2);
  const bytes = group.save().encode();
  bytes[bytes.length - 1] = 1 ^ (bytes.at(-1) as number);
  await folder.write('damaged.wbx', bytes);
  const damaged = await folder.wasbox('inspect', 'damaged.wbx');
  t.is(damaged.code, 6);
  t.notRegex(damaged.err, / at .*\.js/);
});
