// Tokens in files: as they are, or sealed with a key of `--key FILE`.

import { type SealKey, type TokenSeal, tokenSeal } from '../../javascript/node/index.ts';
import { isSealed } from '../../javascript/token/marks.ts';
import { UsageError } from '../../spec/errors.ts';
import { at, readBytes } from '../read/files.ts';

/** A key a line: its name, and its 32 bytes as hexadecimal digits. The first one seals, all of them open. */
const keyLine = /^(\S{1,255})\s+([0-9a-f]{64})$/i;

/** Throws UsageError, which tells no key. */
export function readKey(path: string): TokenSeal {
  const lines = Buffer.from(readBytes(path)).toString('utf8').split('\n');
  return at(path, () => {
    const keys = lines.flatMap((line, i) => (/^\s*(#.*)?$/.test(line) ? [] : [keyOf(line.trim(), i + 1)]));
    if (keys.length === 0) throw new UsageError(`there is no key in it; ${keyForm}`);
    return tokenSeal({ keys });
  });
}
const keyForm = 'a key is a line with its name, a space, and 64 hexadecimal digits';

function keyOf(line: string, number: number): SealKey {
  const [, id, digits] = keyLine.exec(line) ?? [];
  if (id === undefined || digits === undefined) throw new UsageError(`line ${number} is no key: ${keyForm}`);
  return { id, secret: new Uint8Array(Buffer.from(digits, 'hex')) };
}

/** The token in a file. Throws UsageError where it is sealed and no key is given, or the other way round; SnapshotError. */
export async function tokenIn(path: string, bytes: Uint8Array, seal: TokenSeal | undefined): Promise<Uint8Array> {
  if (!isSealed(bytes)) {
    if (seal === undefined) return bytes;
    // Whoever gives a key wants nothing that somebody else may have written.
    throw new UsageError(`${path}: it is not sealed; without --key it is taken as it is`);
  }
  if (seal === undefined) throw new UsageError(`${path}: it is sealed; give its key with --key FILE`);
  try {
    return await seal.open(bytes);
  } catch (error) {
    return at(path, () => {
      throw error;
    });
  }
}

/** A token as it goes into a file. */
export const sealed = async (token: Uint8Array, seal: TokenSeal | undefined): Promise<Uint8Array> =>
  seal === undefined ? token : seal.seal(token);
