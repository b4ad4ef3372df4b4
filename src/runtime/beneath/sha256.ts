// SHA-256: Node's own where there is Node, which is many times as fast as one in JavaScript.

import { sha256 as portable } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

const { process: node } = globalThis as { process?: Partial<NodeJS.Process> };
const crypto = node?.getBuiltinModule?.('node:crypto');

/** 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array =>
  crypto === undefined ? portable(bytes) : crypto.createHash('sha256').update(bytes).digest();

/** The same in hexadecimal: how modules are called in snapshots and caches. */
export const hashOf = (bytes: Uint8Array): string => bytesToHex(sha256(bytes));
