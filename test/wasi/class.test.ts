// The class of node:wasi's form, with WebAssembly of the host and of ours.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UsageError } from '../../src/index.ts';
import ours from '../../src/js-api/index.ts';
import { memoryFiles, WASI, type WASIOptions } from '../../src/wasi/node/index.ts';
import { bytesOf } from '../wat.ts';
import { program } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasbox-class-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const kinds = { 'the host': WebAssembly, wasbox: ours as unknown as typeof WebAssembly };

/** Runs a program with files for its streams. */
function run(api: typeof WebAssembly, name: string, stdin: string, options: WASIOptions) {
  const at = (file: string) => join(folder, file);
  writeFileSync(at('in'), stdin);
  const fds = [openSync(at('in'), 'r'), openSync(at('out'), 'w'), openSync(at('err'), 'w')] as const;
  const system = new WASI({ ...options, stdin: fds[0], stdout: fds[1], stderr: fds[2] });
  const module = new api.Module(program(name).bytes as Uint8Array<ArrayBuffer>);
  const code = system.start(new api.Instance(module, system.getImportObject() as WebAssembly.Imports));
  for (const fd of fds) closeSync(fd);
  return [code, readFileSync(at('out'), 'utf8'), readFileSync(at('err'), 'utf8')];
}

for (const [kind, api] of Object.entries(kinds))
  test.serial(`a program runs to its end on the thread: ${kind}`, (t) => {
    t.deepEqual(run(api, 'hello', 'Ann\nBob', { args: ['hello', 'hi'] }), [
      2,
      'hi\nhello, Ann\nhello, Bob\n',
      '2 greeted\n',
    ]);
    t.deepEqual(run(api, 'time', '', { args: ['time', 2, '3'] }), [0, 'slept 1\nslept 2\n', '']);
    const base = mkdtempSync(join(folder, 'base-'));
    writeFileSync(join(base, 'a'), 'one two two');
    const options = {
      args: ['words', '/base/a'],
      env: { REPORT: '/base/report', NONE: undefined },
      preopens: { '/base': base },
    };
    t.deepEqual(run(api, 'words', '', options), [0, '   2 two\n   1 one\n', '']);
    t.is(readFileSync(join(base, 'report'), 'utf8'), '   2 two\n   1 one\n');
    const inMemory = { ...options, preopens: { '/base': memoryFiles({ contents: { a: 'b' } }) } };
    t.deepEqual(run(api, 'words', '', inMemory), [0, '   1 b\n', '']);
  });

test('a library is initialized, a program is started, each once', async (t) => {
  const instance = async (fields: string) => new WebAssembly.Instance(new WebAssembly.Module(await bytesOf(fields)));
  const library = await instance('(memory (export "memory") 1) (func (export "_initialize"))');
  const command = await instance('(memory (export "memory") 1) (func (export "_start"))');
  const bare = await instance('(func (export "_start"))');
  const system = () => new WASI({ version: 'unstable' });
  t.deepEqual(Object.keys(system().getImportObject()), ['wasi_unstable']);
  t.is(system().start(command), 0);
  t.is(system().initialize(library), undefined);
  const once = system();
  once.start(command);
  for (const wrong of [
    () => once.start(command),
    () => system().start(library),
    () => system().initialize(command),
    () => system().start(bare),
    () => system().start({} as never),
    () => system().wasiImport.fd_close?.(0),
    () => new WASI({ version: 'preview2' as never }),
    () => new WASI({ preopens: { '/': join(folder, 'nothing') } }),
    () => new WASI({ stdin: -1 }),
  ])
    t.throws(wrong, { instanceOf: UsageError }, `${wrong}`);
  const own = system();
  own.finalizeBindings(bare, { memory: new WebAssembly.Memory({ initial: 1 }) });
  t.is(own.wasiImport.fd_close?.(9), 8);
});
