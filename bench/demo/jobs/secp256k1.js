// From a private key: its public key, and a signature of a hash, which is then verified in the guest, too.

import { hostFunction } from 'wasbox';

export const imports = {
  // Blinds the computation; no result depends on it.
  './rand.js': { generateInt32: hostFunction([], ['i32'], () => 0x12345678) },
  './validate_error.js': {
    throwError: hostFunction(['i32'], [], (code) => {
      throw new Error(`secp256k1: error ${code}`);
    }),
  },
};

/** A place that the guest has for an input or output. */
const at = (guest, name) => guest.global(name).value;
const write = (guest, name, bytes) => guest.memory('memory').bytes.set(bytes, at(guest, name));
const read = (guest, name, size) => guest.memory('memory').bytes.slice(at(guest, name), at(guest, name) + size);

export const start = (_guest, task) => ({ call: 'initializeContext', next: 'derive', state: task });

export const derive = (guest, task) => {
  write(guest, 'PRIVATE_INPUT', task.key);
  return { call: 'pointFromScalar', args: [33], next: 'derived', state: task };
};

export const derived = (guest, { key, hash }) => {
  const publicKey = read(guest, 'PUBLIC_KEY_INPUT', 33);
  write(guest, 'PRIVATE_INPUT', key);
  write(guest, 'HASH_INPUT', hash);
  return { call: 'sign', args: [0], next: 'signed', state: { hash, publicKey } };
};

export const signed = (guest, { hash, publicKey }) => {
  const signature = read(guest, 'SIGNATURE_INPUT', 64);
  write(guest, 'PUBLIC_KEY_INPUT', publicKey);
  write(guest, 'HASH_INPUT', hash);
  return { call: 'verify', args: [33, 0], next: 'verified', state: { publicKey, signature } };
};

export const verified = (_guest, state, [valid]) => ({ done: { ...state, valid: valid === 1 } });
