// Sealed tokens, for whoever gives them out of hand: nobody without the key can read or change one, or make one up, and
// each has a time until which it is good. AES-256-GCM of the host's WebCrypto.
//
//   magic    4 bytes: 'w' 'b' 's' 0x01
//   key      u8 length, then the id of the key in UTF-8
//   expires  f64, little endian: milliseconds since 1970, or Infinity
//   nonce    12 bytes
//   sealed   the token, and 16 bytes that tell whether it, and all before it, and the context are what they were
// A nonce is random, so a key is good for about four thousand million tokens.

import { SnapshotError } from '../../spec/errors.ts';
import { aNumber, aText, check, instanceOf, listOf, optionsOf, theOptions } from '../../spec/options.ts';
import { isSealed, sealMagic } from './marks.ts';

/** A key, and how sealed tokens call it. */
export interface SealKey {
  /** 1 to 255 bytes of UTF-8, told to everybody. */
  readonly id: string;
  /** 32 random bytes, told to nobody. */
  readonly secret: Uint8Array;
}

/** How tokens are sealed. */
export interface SealOptions {
  /** The first one seals; all of them open. To rotate keys, put a new one first, and leave the last out once it is of no use. */
  readonly keys: readonly SealKey[];
}

/** Of one token. */
export interface SealedFor {
  /** Milliseconds from now for which it is good; without an end unless told. */
  readonly lifetime?: number | undefined;
  /** Whose token it is, or what for: only who says the same opens it. */
  readonly context?: string | undefined;
}

const nonceBytes = 12;
const utf8 = new TextEncoder();

const idLength = (id: string) => utf8.encode(id).length;
const key = optionsOf<SealKey>(
  {
    id: check((v: string) => typeof v === 'string' && idLength(v) > 0 && idLength(v) < 256, 'a text of 1 to 255 bytes'),
    secret: check((v: Uint8Array) => v instanceof Uint8Array && v.length === 32, '32 bytes'),
  },
  'id',
  'secret',
);
const sealOptions = optionsOf<SealOptions>({ keys: listOf(key) }, 'keys');
const oneOrMore = check((v: readonly unknown[]) => v.length > 0, 'a list of one key or more');
const sealedFor = optionsOf<SealedFor>({ lifetime: aNumber(0), context: aText });
const openedFor = optionsOf<Pick<SealedFor, 'context'>>({ context: aText });
const tokenBytes = instanceOf(Uint8Array, 'a Uint8Array');

const bad = (what: string): never => {
  throw new SnapshotError(what, 'sealed token');
};

/** Seals tokens and opens them. Made by `tokenSeal`. */
export class TokenSeal {
  /** @hidden */
  constructor(private readonly keys: readonly SealKey[]) {}

  /** A token that only `open` makes one again. */
  async seal(token: Uint8Array, options: SealedFor = {}): Promise<Uint8Array<ArrayBuffer>> {
    tokenBytes(token, 'a token');
    sealedFor(options, theOptions);
    const [{ id, secret }] = this.keys as [SealKey];
    const name = utf8.encode(id);
    const head = new Uint8Array(sealMagic.length + 1 + name.length + 8 + nonceBytes);
    head.set(sealMagic);
    head[sealMagic.length] = name.length;
    head.set(name, sealMagic.length + 1);
    const expires = Date.now() + (options.lifetime ?? Number.POSITIVE_INFINITY);
    new DataView(head.buffer).setFloat64(sealMagic.length + 1 + name.length, expires, true);
    crypto.getRandomValues(head.subarray(head.length - nonceBytes));
    const sealed = await crypto.subtle.encrypt(
      gcm(head, options.context),
      await imported(secret),
      new Uint8Array(token),
    );
    const all = new Uint8Array(head.length + sealed.byteLength);
    all.set(head);
    all.set(new Uint8Array(sealed), head.length);
    return all;
  }

  /**
   * The token that was sealed. Rejects with SnapshotError where it was sealed with none of the keys, or for another context,
   * where it is not as it was, and once its time is over.
   */
  async open(sealed: Uint8Array, options: Pick<SealedFor, 'context'> = {}): Promise<Uint8Array<ArrayBuffer>> {
    tokenBytes(sealed, 'a sealed token');
    openedFor(options, theOptions);
    const { id, expires, head } = headOf(sealed);
    const known = this.keys.find((each) => each.id === id);
    if (known === undefined) return bad('sealed with a key that is not among these');
    const token = await opened(known.secret, head, new Uint8Array(sealed.subarray(head.length)), options.context);
    // Only now is the time believed.
    return expires > Date.now() ? token : bad('its time is over');
  }
}

async function opened(secret: Uint8Array, head: Uint8Array, sealed: Uint8Array<ArrayBuffer>, context?: string) {
  const own = await imported(secret);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(gcm(head, context), own, sealed));
  } catch {
    return bad('not as it was sealed, or for another context');
  }
}

function headOf(sealed: Uint8Array): { id: string; expires: number; head: Uint8Array } {
  const length = sealMagic.length + 1 + (sealed[sealMagic.length] ?? 0) + 8 + nonceBytes;
  if (sealed.length < length || !isSealed(sealed)) return bad('not a sealed token');
  const head = new Uint8Array(sealed.subarray(0, length));
  const expiresAt = length - nonceBytes - 8;
  const id = new TextDecoder().decode(head.subarray(sealMagic.length + 1, expiresAt));
  return { id, head, expires: new DataView(head.buffer).getFloat64(expiresAt, true) };
}

/** What is told with a token is sealed with it: its key, its time, its context. */
const gcm = (head: Uint8Array, context = '') => ({
  name: 'AES-GCM',
  iv: head.slice(head.length - nonceBytes),
  additionalData: Uint8Array.of(...head, ...utf8.encode(context)),
});

const imported = (secret: Uint8Array) =>
  crypto.subtle.importKey('raw', new Uint8Array(secret), 'AES-GCM', false, ['encrypt', 'decrypt']);

/** Throws UsageError for keys that are none. */
export function tokenSeal(options: SealOptions): TokenSeal {
  sealOptions(options, theOptions);
  oneOrMore(options.keys, 'keys');
  return new TokenSeal(options.keys.map(({ id, secret }) => ({ id, secret: new Uint8Array(secret) })));
}
