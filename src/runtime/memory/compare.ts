// Comparing stretches of bytes. Node does so as fast as they are read; browsers have nothing like it. Whether a large memory
// is zero still, as most of one mostly is, code of our own that the host runs on it sees three times as fast.

import { hexToBytes } from '@noble/hashes/utils.js';
import { type HostMemory, type HostModule, hostWasm } from '../beneath/host-wasm.ts';
import { isShared } from '../beneath/shared.ts';

/** Tells whether so many bytes from a place on are those of others from a place on. */
export type Comparison = (at: number, others: Uint8Array, from: number, length: number) => boolean;

/** As many as are worth comparing at once. */
export const zeros = new Uint8Array(65_536);

/** Of some bytes with any others; with `zeros` it is fastest where the bytes are told to be those of a host's memory. */
export function comparison(bytes: Uint8Array, host?: HostMemory): Comparison {
  const compare = comparisonOf(bytes);
  const isZero = host !== undefined && bytes.length >= worthwhile ? zeroTest(host) : undefined;
  if (isZero === undefined) return compare;
  return (at, others, from, length) =>
    others === zeros && length % step === 0 && length > 0
      ? isZero(at, at + length) === 1
      : compare(at, others, from, length);
}

function comparisonOf(bytes: Uint8Array): Comparison {
  const { Buffer: Node } = globalThis as { Buffer?: typeof Buffer };
  const node = Node?.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (node !== undefined)
    return (at, others, from, length) => node.compare(others, from, from + length, at, at + length) === 0;
  return (at, others, from, length) => {
    for (let i = 0; i < length; i++) if (bytes[at + i] !== others[from + i]) return false;
    return true;
  };
}

// Zeros

/** 1 where all bytes from `at` to `end` are zero: at least one step, and whole ones. */
type ZeroTest = (at: number, end: number) => number;

/** Of fewer bytes an instance of the host costs more than it saves. */
const worthwhile = 2 ** 22;

/** It looks at so many bytes at once. */
const step = 128;

/**
 * Modules that import a memory, any plain or any shared one, and export the test. Their text is in
 * test/runtime/compare.test.ts, which assembles it again.
 */
export const zeroTests = {
  plain: codeWith('0206010000020000'),
  shared: codeWith('0209010000020300808004'),
} as const;

function codeWith(imports: string): Uint8Array<ArrayBuffer> {
  const body =
    '0003402000fd0004002000fd000410fd502000fd0004202000fd000430fd50fd502000fd0004402000fd000450fd50' +
    '2000fd0004602000fd000470fd50fd50fd50fd53044041000f0b20004180016a22002001470d000b41010b';
  return hexToBytes(`0061736d0100000001070160027f7f017f${imports}030201000704010000000a5c015a${body}`).slice();
}

const compiled = new Map<keyof typeof zeroTests, HostModule>();
const known = new WeakMap<HostMemory, ZeroTest>();

function zeroTest(host: HostMemory): ZeroTest {
  const test = known.get(host) ?? newZeroTest(host);
  known.set(host, test);
  return test;
}

function newZeroTest(host: HostMemory): ZeroTest {
  const kind = isShared(host.buffer) ? 'shared' : 'plain';
  const module = (compiled.get(kind) ?? new hostWasm.Module(zeroTests[kind])) as WebAssembly.Module;
  compiled.set(kind, module);
  const { exports } = new hostWasm.Instance(module, { '': { '': host as WebAssembly.Memory } });
  return exports[''] as ZeroTest;
}
