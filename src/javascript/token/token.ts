// Tokens: a program at rest as bytes. One holds what differs from the image that all programs begin with; so it tells
// which image that is, and whoever resumes it makes that image of the same package.
//
//   magic    4 bytes: 'w' 'b' 'j' 0x01
//   form     u8: 0 as frame.ts tells, 1 a snapshot (snapshot/container.ts) whose base is the image's
//   image    16 bytes: the beginning of the image's SHA-256
//   program  in that form

import { hexToBytes } from '@noble/hashes/utils.js';
import { Snapshot } from '../../snapshot/snapshot.ts';
import { SnapshotError } from '../../spec/errors.ts';
import type { Base } from '../machine/base.ts';
import { packProgram, unpackProgram } from './frame.ts';

const magic = [0x77, 0x62, 0x6a, 1] as const;
const forms = { frame: 0, snapshot: 1 } as const;
const imageAt = magic.length + 1;
const imageBytes = 16;
const head = imageAt + imageBytes;

export function encodeToken(base: Base, saved: Snapshot): Uint8Array<ArrayBuffer> {
  const small = packProgram(saved.data, base.snapshot.data);
  const program = small ?? saved.encode({ base: base.snapshot, modules: [] });
  const token = new Uint8Array(head + program.length);
  token.set(magic);
  token[magic.length] = small === undefined ? forms.snapshot : forms.frame;
  token.set(imageOf(base), imageAt);
  token.set(program, head);
  return token;
}

const imageOf = ({ hash }: Base): Uint8Array => hexToBytes(hash).subarray(0, imageBytes);

/** Whether bytes are a token, as far as their beginning tells. */
export const isToken = (bytes: Uint8Array): boolean =>
  bytes.length >= head && magic.every((byte, i) => bytes[i] === byte);

/** `most`: bytes that it may take when it is unpacked. Throws SnapshotError. */
export function decodeToken(base: Base, token: Uint8Array, most: number): Snapshot {
  if (!isToken(token)) throw new SnapshotError('not a token of a program', 'token');
  const image = imageOf(base);
  if (!image.every((byte, i) => token[imageAt + i] === byte))
    throw new SnapshotError('made with another version of quickjs-wasi or of wasbox', 'token');
  const program = token.subarray(head);
  if (token[magic.length] === forms.frame)
    return new Snapshot(unpackProgram(program, base.snapshot.data, base.image, most));
  const snapshot = Snapshot.decode(program, { base: base.snapshot, maxBytes: most });
  const { modules, instances } = snapshot.data;
  if (modules.length !== 1 || modules[0] !== base.module.hash || instances.length !== 1)
    throw new SnapshotError('another program than QuickJS', 'token');
  return snapshot;
}
