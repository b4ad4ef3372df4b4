// The order of the house: who may import whom, no cycles, and no Node in what also runs in a browser.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../src/', import.meta.url));

/** Built from the ground up: a room imports from itself and from those before it. */
const rooms = [
  'spec',
  'binary',
  'validate',
  'runtime',
  'host',
  'interpret',
  'rewrite',
  'link',
  'snapshot',
  'vm',
  'vm.ts',
  'talk',
  'wasi',
  'javascript',
  'js-api',
  'index.ts',
  'store',
  'pool',
  'queue',
  'cli',
];
/** Rooms with rooms in them, in the same order; what stands beside these and is not named may import all of them. */
const innerRooms: Readonly<Record<string, readonly string[]>> = {
  runtime: [
    'beneath',
    'kept',
    'module',
    'memory',
    'heap',
    'counts.ts',
    'frame.ts',
    'table.ts',
    'store.ts',
    'value.ts',
    'literals.ts',
    'instance.ts',
    'calls.ts',
    'nesting.ts',
    'collect.ts',
    'engine.ts',
  ],
  interpret: ['machine', 'routines', 'lower', 'loop', 'run'],
  rewrite: ['read', 'write', 'module', 'run'],
  snapshot: ['data', 'pages', 'container', 'save.ts', 'restore.ts', 'refill.ts', 'send.ts', 'snapshot.ts'],
  wasi: [
    'errno.ts',
    'memory.ts',
    'files',
    'folder',
    'abi.ts',
    'rights.ts',
    'system',
    'calls',
    'options.ts',
    'wasi.ts',
    'index.ts',
    'node',
  ],
  talk: [
    'errors.ts',
    'ports',
    'members',
    'threads',
    'ends.ts',
    'options.ts',
    'turns',
    'saved',
    'topology.ts',
    'group.ts',
    'index.ts',
  ],
  pool: ['comlink.d.ts', 'line', 'told', 'watch', 'thread', 'durable', 'job', 'group', 'pool.ts', 'index.ts'],
  javascript: ['guest', 'values', 'machine', 'token', 'run', 'javascript.ts', 'index.ts', 'node'],
  cli: [
    'told',
    'read',
    'keep',
    'go',
    'javascript',
    'inspect',
    'resume.ts',
    'run.ts',
    'kept.ts',
    'batch',
    'work.ts',
    'program.ts',
    'main.ts',
  ],
};
/** The engines stand side by side: each is complete without the other. */
const strangers = ['interpret', 'rewrite'];
/** Rooms that run in Node alone. */
const nodeRooms = [
  'pool',
  'queue',
  'cli',
  'store/disk',
  'store/shared',
  'store/postgres',
  'store/redis',
  'store/s3',
  'store/open',
  'wasi/folder',
  'wasi/node',
  'javascript/node',
];
const knowsNode = (file: string) => nodeRooms.some((room) => file.startsWith(`${room}/`));
/** Packages that run in a browser, too. */
const portablePackages = ['@noble/hashes', 'fflate', 'fzstd', 'modern-tar', 'structured-clone-es'];

interface ImportLine {
  readonly specifier: string;
  /** Gone after compiling. */
  readonly typeOnly: boolean;
}

const importLine =
  /^[ \t]*(?:import|export)\b([^'";=()]*?)\bfrom\s*'([^']+)'|^[ \t]*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

/** Import and re-export statements, and dynamic imports of a literal. */
function importsOf(source: string): ImportLine[] {
  return Array.from(source.matchAll(importLine), ([, clause = '', ...specifiers]) => ({
    specifier: specifiers.find((specifier) => specifier !== undefined) as string,
    typeOnly: clause.trimStart().startsWith('type '),
  }));
}

const blockComment = /\/\*[\s\S]*?\*\//g;
const lineComment = /^\s*\/\/.*$/gm;
/** Text of several lines is code for another file, in generators. */
const longTemplate = /`[^`]*\n[^`]*`/g;
const sourceOf = (file: string) =>
  readFileSync(join(root, file), 'utf8').replace(blockComment, '').replace(lineComment, '').replace(longTemplate, '``');

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'));
const imports = new Map(files.map((file) => [file, importsOf(sourceOf(file))]));

const isLocal = (line: ImportLine) => line.specifier.startsWith('.');
const targetOf = (file: string, line: ImportLine) =>
  relative(root, resolve(root, dirname(file), line.specifier)).replaceAll('\\', '/');
const roomOf = (file: string) => file.split('/')[0] as string;

/** Whatever `file` loads, itself included; `follow` says which import lines count. */
function closure(file: string, follow: (line: ImportLine) => boolean): Set<string> {
  const seen = new Set([file]);
  for (const member of seen)
    for (const line of imports.get(member) ?? []) if (isLocal(line) && follow(line)) seen.add(targetOf(member, line));
  return seen;
}

const packageOf = (specifier: string) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;

test('import lines are found in all their forms', (t) => {
  const source = `
import type { A } from './a.ts';
import { b, type B } from '../b/b.ts';
import './c.ts';
import {
  d,
} from 'node:d';
export * from './e.ts';
export type { F } from './f.ts';
const g = await import('./g.ts');
export const from = 'not this';
export interface H { code: 'nor' | 'this' }
`;
  t.deepEqual(
    importsOf(source).map((line) => `${line.specifier}${line.typeOnly ? ' (type)' : ''}`),
    ['./a.ts (type)', '../b/b.ts', './c.ts', 'node:d', './e.ts', './f.ts (type)', './g.ts'],
  );
});

test('every file has a room', (t) => {
  t.deepEqual(
    files.filter((file) => !rooms.includes(roomOf(file))),
    [],
  );
});

test('imports go one way', (t) => {
  const wrong = files.flatMap((file) =>
    (imports.get(file) ?? [])
      .filter(isLocal)
      .map((line) => targetOf(file, line))
      .filter((target) => !allowed(roomOf(file), roomOf(target)) || !allowedWithin(file, target))
      .map((target) => `${file} imports ${target}`),
  );
  t.deepEqual(wrong, []);
});

function allowed(from: string, to: string): boolean {
  if (from === to) return true;
  if (strangers.includes(from) && strangers.includes(to)) return false;
  return rooms.includes(to) && rooms.indexOf(to) < rooms.indexOf(from);
}

/** Whether one file may import another one of the same room. */
function allowedWithin(file: string, target: string): boolean {
  const inner = innerRooms[roomOf(file)];
  if (inner === undefined || roomOf(file) !== roomOf(target)) return true;
  const place = (path: string) => {
    const [, room = '', below] = path.split('/');
    return below === undefined && !inner.includes(room) ? inner.length : inner.indexOf(room);
  };
  return place(target) !== -1 && place(file) !== -1 && place(target) <= place(file);
}

test('every file of a room with inner rooms is in one of them, or stands alone before them', (t) => {
  const engines = files.filter((file) => {
    const [room = '', inner = '', below] = file.split('/');
    return below === undefined && innerRooms[room]?.includes(inner) === false;
  });
  t.deepEqual(engines, ['interpret/interpreter.ts']);
});

test('imports name files that exist, with their extension', (t) => {
  const lost = files.flatMap((file) =>
    (imports.get(file) ?? [])
      .filter((line) => isLocal(line) && !imports.has(targetOf(file, line)))
      .map((line) => `${file}: ${line.specifier}`),
  );
  t.deepEqual(lost, []);
});

test('no file loads itself in a circle', (t) => {
  const value = (line: ImportLine) => !line.typeOnly;
  const circular = files.filter((file) =>
    (imports.get(file) ?? []).some(
      (line) => isLocal(line) && value(line) && closure(targetOf(file, line), value).has(file),
    ),
  );
  t.deepEqual(circular, []);
});

test('only the pool, the command line, stores on disk and folders of the host know Node', (t) => {
  const wrong = files
    .filter((file) => !knowsNode(file))
    .flatMap((file) =>
      (imports.get(file) ?? [])
        .filter((line) => !isLocal(line) && !portablePackages.includes(packageOf(line.specifier)))
        .map((line) => `${file} imports ${line.specifier}`)
        .concat(/\b(?:Buffer|process)\.\w/.test(sourceOf(file)) ? [`${file} uses a global of Node`] : []),
    );
  t.deepEqual(wrong, []);
});

for (const entry of ['index.ts', 'wasi/index.ts', 'javascript/index.ts', 'js-api/index.ts', 'store/index.ts'])
  test(`what ${entry} loads stays out of the rooms that know Node`, (t) => {
    t.true(imports.has(entry));
    t.deepEqual([...closure(entry, () => true)].filter(knowsNode), []);
  });
