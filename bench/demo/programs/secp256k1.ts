// tiny-secp256k1: public keys and signatures, checked with node:crypto, and one signature known from RFC 6979.

import { createECDH, createHash, createPublicKey, verify } from 'node:crypto';
import { type Job, noise, type Program, packageModule, sameBytes, stepsOf } from '../program.ts';

const module = packageModule('tiny-secp256k1', 'lib/secp256k1.wasm');

interface Output {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
  readonly valid: boolean;
}

const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest());

/** Node accepts the signature of the message by the private key's owner. */
function nodeVerifies(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const pair = createECDH('secp256k1');
  pair.setPrivateKey(key);
  const point = pair.getPublicKey();
  const jwk = {
    kty: 'EC',
    crv: 'secp256k1',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  return verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

function publicKeyOf(key: Uint8Array): Uint8Array {
  const pair = createECDH('secp256k1');
  pair.setPrivateKey(key);
  return pair.getPublicKey(null, 'compressed');
}

function signing(name: string, key: Uint8Array, message: Uint8Array, known?: string): Job {
  return {
    name,
    module,
    input: { key, hash: sha256(message) },
    check(output) {
      const { publicKey, signature, valid } = output as Output;
      const asKnown = known === undefined || Buffer.from(signature).toString('hex') === known;
      return asKnown && valid && sameBytes(publicKey, publicKeyOf(key)) && nodeVerifies(key, message, signature);
    },
  };
}

const one = new Uint8Array(32).fill(1, 31);
const satoshi =
  '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5';

export const secp256k1: Program = {
  name: 'tiny-secp256k1',
  from: 'Rust',
  steps: stepsOf('secp256k1'),
  sliceFuel: 500_000,
  jobs: [
    signing('sign as in RFC 6979', one, new TextEncoder().encode('Satoshi Nakamoto'), satoshi),
    ...[1, 2, 3, 4, 5, 6, 7].map((n) => signing(`sign with key ${n}`, noise(32, n), noise(100 * n, n))),
  ],
};
