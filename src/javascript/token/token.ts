// Tokens: a program at rest as bytes. One holds what differs from the image that all programs begin with; so it tells
// which image that is, and whoever resumes it makes that image of the same package.
//
//   magic    4 bytes: 'w' 'b' 'j' 0x01
//   image    16 bytes: the beginning of the image's SHA-256
//   program  a snapshot (snapshot/container.ts) whose base is the image's

import { hexToBytes } from '@noble/hashes/utils.js';
import { Snapshot } from '../../snapshot/snapshot.ts';
import { SnapshotError } from '../../spec/errors.ts';
import type { VM } from '../../vm/vm.ts';
import type { Base } from '../machine/base.ts';

const magic = [0x77, 0x62, 0x6a, 1] as const;
const imageBytes = 16;
const head = magic.length + imageBytes;

export function encodeToken(base: Base, vm: VM): Uint8Array<ArrayBuffer> {
  const program = vm.save().encode({ base: base.snapshot, modules: [] });
  const token = new Uint8Array(head + program.length);
  token.set(magic);
  token.set(imageOf(base), magic.length);
  token.set(program, head);
  return token;
}

const imageOf = ({ hash }: Base): Uint8Array => hexToBytes(hash).subarray(0, imageBytes);

export const isToken = (bytes: Uint8Array): boolean =>
  bytes.length >= head && magic.every((byte, i) => bytes[i] === byte);

/** `most`: bytes that it may take when it is unpacked. Throws SnapshotError. */
export function decodeToken(base: Base, token: Uint8Array, most: number): Snapshot {
  if (!isToken(token)) throw new SnapshotError('not a token of a program', 'token');
  const image = imageOf(base);
  if (!image.every((byte, i) => token[magic.length + i] === byte))
    throw new SnapshotError('made with another version of quickjs-wasi or of wasbox', 'token');
  const snapshot = Snapshot.decode(token.subarray(head), { base: base.snapshot, maxBytes: most });
  const { modules, instances } = snapshot.data;
  if (modules.length !== 1 || modules[0] !== base.module.hash || instances.length !== 1)
    throw new SnapshotError('another program than QuickJS', 'token');
  return snapshot;
}
