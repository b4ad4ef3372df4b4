// What a store may say of jobs, and nobody who keeps jobs has written.

import { pack } from '../../../src/pool/told/parcel.ts';
import type { NewBlob } from '../../../src/store/index.ts';

const blob = (letter: string): string => letter.repeat(64);

/** Of a job of a pool, without what tells how it is. */
export const poolEntry = {
  ...{ by: 'pool', title: 'a job', identity: 'who', digest: blob('d'), fence: 1, modules: [] as string[], saves: 0 },
  ...{ paid: 0, spent: 0, submittedAt: 1, changedAt: 2 },
};
/** One that is as it should be. */
export const live = { ...poolEntry, state: 'live', spec: blob('a'), modules: [blob('b')] };
const without = (...names: readonly string[]): object =>
  Object.fromEntries(Object.entries(live).filter(([name]) => !names.includes(name)));

export const badEntries: Readonly<Record<string, object>> = {
  late: { ...live, changedAt: 1e300 },
  'very late': { ...live, submittedAt: 8.64e15 + 2 },
  'no dates': without('submittedAt', 'changedAt'),
  'no cost': without('paid', 'spent'),
  'half paid': { ...live, paid: 0.5 },
  'spent for ever': { ...live, spent: 1e300 },
  'no result': { ...poolEntry, state: 'done' },
  'null result': { ...poolEntry, state: 'done', result: null },
  'failed without': { ...poolEntry, state: 'failed' },
  'no spec': { ...without('spec'), state: 'live' },
  'no module': { ...live, modules: [] },
  'modules a number': { ...live, modules: 5 },
  'modules a text': { ...live, modules: blob('b') },
  'no blob': { ...live, checkpoint: 'here' },
  'result too early': { ...live, result: blob('c') },
  'owner nobody can be': { ...live, owner: 'x'.repeat(2000) },
  'owner of half a character': { ...live, owner: '\ud800' },
  'owner without a name': { ...live, owner: '' },
  'fence at its end': { ...live, fence: Number.MAX_SAFE_INTEGER },
  'a list': [live],
};

const error = { name: 'Trap', message: 'unreachable', fields: {} };
/** What a job has come to, and cannot have. */
export const badResults = {
  'failed null': { by: 'pool', state: 'failed', value: null },
  'failed empty': { by: 'pool', state: 'failed', value: {} },
  'failed frames': { by: 'pool', state: 'failed', value: { ...error, fields: { frames: 5, omitted: 0 } } },
  'failed message': {
    by: 'pool',
    state: 'failed',
    value: { ...error, message: 7, fields: { frames: [], omitted: 0 } },
  },
  'failed cause': { by: 'pool', state: 'failed', value: { ...error, cause: null } },
  'run null': { by: 'run', state: 'done', value: null },
  'run exit': { by: 'run', state: 'done', value: { exit: 'nothing', out: [], err: [], json: {} } },
  'run lines': { by: 'run', state: 'failed', value: { exit: 'failed', out: 5, err: [], json: {} } },
  'run bytes': { by: 'run', state: 'done', value: undefined },
} as const;

/** A value as a blob that has all of it; undefined stands for bytes that are none. */
export function piece(value: unknown): NewBlob {
  const bytes = value === undefined ? Uint8Array.of(1, 2, 3) : pack(value, 'a value');
  return { bytes: Uint8Array.of(0, ...bytes) };
}

/** A series of checkpoints without one. */
export const seriesOfNone: NewBlob = { bytes: Uint8Array.of(2) };
