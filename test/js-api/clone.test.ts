// Modules that are cloned and posted, as the host's are.

import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import test from 'ava';
import { createWebAssembly } from '../../src/js-api/index.ts';
import { bytesOf } from '../wat.ts';
import { both, type Exports, ours } from './both.ts';

const fields = '(import "m" "f" (func $f (result i32))) (func (export "run") (result i32) (call $f))';
const imports = { m: { f: () => 42 } };

both('a clone of a module is a module', async (t, api) => {
  const module = new api.Module(await bytesOf(fields));
  const { port1, port2 } = new MessageChannel();
  port1.postMessage({ module });
  const { message: posted } = receiveMessageOnPort(port2) as { message: { module: WebAssembly.Module } };
  port1.close();
  for (const clone of [structuredClone(module), posted.module]) {
    t.not(clone, module);
    t.true(clone instanceof api.Module);
    t.deepEqual(api.Module.imports(clone), [{ module: 'm', name: 'f', kind: 'function' }]);
    t.is((new api.Instance(clone, imports).exports as Exports).run(), 42);
    t.is((await api.instantiate(structuredClone(clone), imports)).exports.run instanceof Function, true);
  }
});

ours('a clone is known in the namespace that asks first, and keeps the options', async (t, api) => {
  const source = '(import "q" "text" (global $g externref)) (export "g" (global $g))';
  const Module = api.Module as new (bytes: BufferSource, options: object) => WebAssembly.Module;
  const clone = structuredClone(new Module(await bytesOf(source), { importedStringConstants: 'q' }));
  const other = createWebAssembly();
  t.is((new other.Instance(clone).exports as Exports).g.value, 'text');
  t.true(clone instanceof other.Module);
  t.throws(() => new api.Instance(clone), { instanceOf: TypeError });
});

test('a module of a derived class is of that class, clones are not', async (t) => {
  const api = createWebAssembly();
  class Derived extends api.Module {
    own = 1;
  }
  const module = new Derived(await bytesOf(fields));
  t.true(module instanceof Derived);
  t.is(module.own, 1);
  t.false(new api.Module(await bytesOf(fields)) instanceof Derived);
  t.false(structuredClone(module) instanceof Derived);
  t.true(structuredClone(module) instanceof api.Module);
});

test('neither does the host run our modules, nor do we run the host’s', async (t) => {
  const api = createWebAssembly();
  const bytes = await bytesOf('(func (export "run"))');
  t.throws(() => new WebAssembly.Instance(structuredClone(new api.Module(bytes)), {}), { message: /wasbox/ });
  t.throws(() => new api.Instance(new WebAssembly.Module(bytes)), { instanceOf: TypeError });
  t.false(new WebAssembly.Module(bytes) instanceof api.Module);
  t.false({} instanceof api.Module);
});

test('other threads get modules as they are', async (t) => {
  const api = createWebAssembly();
  const source = new URL('../../src/js-api/index.ts', import.meta.url).href;
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     parentPort.once('message', async (module) => {
       (await import('tsx/esm/api')).register();
       const { default: WebAssembly } = await import(${JSON.stringify(source)});
       const { exports } = new WebAssembly.Instance(module, { m: { f: () => 43 } });
       parentPort.postMessage([module instanceof WebAssembly.Module, exports.run()]);
     });`,
    { eval: true, execArgv: [] },
  );
  worker.postMessage(new api.Module(await bytesOf(fields)));
  const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  t.deepEqual(answer, [true, 43]);
  await worker.terminate();
});
