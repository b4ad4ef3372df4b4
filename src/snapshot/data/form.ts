// Whether a value has the form of a snapshot at all: its fields are there and of the right JavaScript types, numbers are
// counts, lists are no longer than they may be. What the fields mean together is for verify.ts.

import { limits } from '../../binary/limits.ts';
import { limitNames } from '../../runtime/store.ts';
import { SnapshotError } from '../../spec/errors.ts';
import { byKind, formatVersion, type Saved } from './format.ts';

/** Characters of a message; what it quotes from a snapshot may be of any length. */
const mostTold = 200;

export function bad(what: string, where: string): never {
  throw new SnapshotError(what.length > mostTold ? `${what.slice(0, mostTold)}…` : what, where);
}

type Check = (value: unknown, where: string) => void;

const check =
  (fits: (value: unknown) => boolean, what: string): Check =>
  (value, where) => {
    if (!fits(value)) bad(`${what} expected`, where);
  };

const maxSigned = 2 ** 31 - 1;
export const isCount = (value: unknown, most = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;

const index = check((v) => isCount(v, maxSigned), 'an index');
const count = check((v) => isCount(v), 'a count');
/** What goes on counting in a VM: half of the numbers that are exact are left for that. */
const tally = check((v) => isCount(v, 2 ** 52), 'a count');
const text = check((v) => typeof v === 'string', 'a text');
const flag = check((v) => typeof v === 'boolean', 'a boolean');
const size = check((v) => typeof v === 'bigint' && v >= 0n && v < 2n ** 64n, 'a 64-bit number');
const oneOf = (...values: readonly unknown[]): Check => check((v) => values.includes(v), `one of ${values.join(', ')}`);
const either =
  (value: null, then: Check): Check =>
  (v, where) =>
    v === value || then(v, where);

const list =
  (item: Check, most: number): Check =>
  (value, where) => {
    if (!Array.isArray(value) || value.length > most) return bad('a list expected', where);
    for (let i = 0; i < value.length; i++) item(value[i], `${where} ${i}`);
  };

/** Fields that older versions did not write. */
const optional: ReadonlySet<string> = new Set([
  'more',
  'wait',
  'states',
  'blocks',
  'blockRuns',
  'memoryCount',
  'tableCount',
  'entities',
  'hostState',
]);

/** Own fields only, so that nothing is inherited from a forged prototype. */
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, where) => {
    if (typeof value !== 'object' || value === null) return bad('an object expected', where);
    for (const [name, field] of Object.entries(fields)) {
      if (!Object.hasOwn(value, name) && optional.has(name)) continue;
      if (!Object.hasOwn(value, name)) bad(`the field ${name} is missing`, where);
      field((value as Record<string, unknown>)[name], `${where} ${name}`);
    }
  };

const signature: Check = (value, where) => {
  const named = typeof value === 'object' && value !== null && Object.hasOwn(value, 'params');
  (named ? namedSignature : record({ instance: index, index }))(value, where);
};
const namedSignature = record({ params: list(text, limits.parameters), results: list(text, limits.results) });
const sizes = { addr: oneOf('i32', 'i64'), min: size, max: either(null, size) };
const made = record({
  func: list(record({ module: text, name: text, type: signature }), maxSigned),
  table: list(record({ ...sizes, ref: text }), maxSigned),
  memory: list(record({ ...sizes, shared: flag, pageLog2: oneOf(0, 16) }), maxSigned),
  global: list(record({ type: text, mutable: flag }), maxSigned),
  tag: list(signature, maxSigned),
});

const long = check((v) => typeof v === 'bigint' && BigInt.asIntN(64, v) === v, 'a signed 64-bit number');
const time = check((v) => typeof v === 'number' && Number.isFinite(v) && v >= 0, 'a time');
const wait = record({
  memory: index,
  address: count,
  bytes: oneOf(4, 8),
  expected: long,
  until: either(null, time),
  woken: flag,
});

const bytes = check((v) => v instanceof Uint8Array, 'bytes');

function snapshotOf(words: Check): Check {
  const instance = record({
    module: index,
    spaces: record(byKind(() => words)),
    elems: list(words, limits['element segments']),
    droppedDatas: words,
  });
  return record({
    modules: list(text, maxSigned),
    instances: list(instance, maxSigned),
    origins: record(byKind(() => words)),
    made,
    tables: list(words, maxSigned),
    memories: list(record({ size: count, runs: words }), maxSigned),
    pages: bytes,
    more: list(bytes, maxSigned),
    globals: words,
    heap: record({ types: words, objects: words }),
    externs: list(() => {}, maxSigned),
    frames: words,
    slots: words,
    pending: either(null, record({ id: count, func: index, args: words })),
    wait,
    states: list(record({ name: text, data: () => {}, blocks: words }), maxSigned),
    blocks: list(bytes, maxSigned),
    blockRuns: words,
    calls: tally,
    fuelUsed: tally,
    debt: tally,
    limits: record(Object.fromEntries(limitNames.map((name) => [name, count]))),
  });
}

const withWords = snapshotOf(check((v) => v instanceof Int32Array, 'words'));
const withLengths = snapshotOf(count);

function checkVersion(value: unknown): void {
  record({ version: count })(value, 'snapshot');
  const { version } = value as { version: number };
  if (version > formatVersion) bad(`made by a newer version of wasbox (format ${version})`, 'snapshot');
  if (version < 1) bad(`format ${version} never was`, 'snapshot');
}

/** Throws SnapshotError unless the value has the form of a snapshot. */
export function checkForm(value: unknown): asserts value is Saved<Int32Array> {
  checkVersion(value);
  withWords(value, 'snapshot');
}

/** The same for the metadata of a container, where rows of words are given by their lengths. */
export function checkFormOfLengths(value: unknown): asserts value is Saved<number> {
  checkVersion(value);
  withLengths(value, 'snapshot');
}
