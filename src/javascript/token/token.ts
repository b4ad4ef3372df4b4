// Tokens: a program at rest as bytes. One holds what differs from the image that all programs begin with; so it tells
// which image that is, and whoever resumes it makes that image of the same package.
//
//   magic    4 bytes: 'w' 'b' 'j' 0x01
//   form     u8: 1 a snapshot (snapshot/container/) whose base is the image's; 3 as frame.ts tells. Older versions, whose
//            images were others, had 0 and 2
//   image    16 bytes: the beginning of the image's SHA-256
//   program  in that form; of form 3 behind 4 bytes, the beginning of the dictionary's SHA-256

import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { sha256 } from '../../runtime/beneath/sha256.ts';
import { mostDictionary } from '../../snapshot/container/packing.ts';
import { Snapshot } from '../../snapshot/snapshot.ts';
import { SnapshotError } from '../../spec/errors.ts';
import type { Base } from '../machine/base.ts';
import { samplesOf } from '../machine/sample.ts';
import { contentsOf, packProgram, unpackProgram } from './frame.ts';
import { imageAt, imageBytes, isToken, tokenMagic } from './marks.ts';

const forms = { snapshot: 1, beside: 3 } as const;
const markBytes = 4;

/** What tokens of a base are packed beside: programs that are like most. */
interface Dictionary {
  readonly bytes: Uint8Array;
  readonly mark: Uint8Array;
}
const dictionaries = new WeakMap<Base, Dictionary>();

function dictionaryOf(base: Base): Dictionary {
  const known = dictionaries.get(base);
  if (known !== undefined) return known;
  const contents = samplesOf(base).map(({ data }) => contentsOf(data, base.snapshot.data) ?? new Uint8Array());
  const bytes = concatBytes(...contents).slice(-mostDictionary);
  const made = { bytes, mark: sha256(bytes).subarray(0, markBytes) };
  dictionaries.set(base, made);
  return made;
}

export function encodeToken(base: Base, saved: Snapshot): Uint8Array<ArrayBuffer> {
  const { bytes, mark } = dictionaryOf(base);
  const small = packProgram(saved.data, base.snapshot.data, bytes);
  const form = small === undefined ? forms.snapshot : forms.beside;
  const program = small === undefined ? [saved.encode({ base: base.snapshot, modules: [] })] : [mark, small];
  return new Uint8Array(concatBytes(Uint8Array.of(...tokenMagic, form), imageOf(base), ...program));
}

const imageOf = ({ hash }: Base): Uint8Array => hexToBytes(hash).subarray(0, imageBytes);

/** `most`: bytes that it may take when it is unpacked. Throws SnapshotError. */
export function decodeToken(base: Base, token: Uint8Array, most: number): Snapshot {
  if (!isToken(token)) throw new SnapshotError('not a token of a program', 'token');
  const image = imageOf(base);
  if (!image.every((byte, i) => token[imageAt + i] === byte))
    throw new SnapshotError('made with another version of quickjs-wasi or of wasbox', 'token');
  const program = token.subarray(imageAt + imageBytes);
  const { data } = base.snapshot;
  const form = token[tokenMagic.length];
  if (form === forms.beside) {
    const { bytes, mark } = dictionaryOf(base);
    if (!mark.every((byte, i) => program[i] === byte))
      throw new SnapshotError('made with another version of wasbox', 'token');
    return new Snapshot(unpackProgram(program.subarray(markBytes), data, most, bytes));
  }
  if (form !== forms.snapshot) throw new SnapshotError(`of a form that is not known: ${form}`, 'token');
  const snapshot = Snapshot.decode(program, { base: base.snapshot, maxBytes: most });
  const { modules, instances } = snapshot.data;
  if (modules.length !== 1 || modules[0] !== base.module.hash || instances.length !== 1)
    throw new SnapshotError('another program than QuickJS', 'token');
  return snapshot;
}
