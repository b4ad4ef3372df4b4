// Text to modules, for tests.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Module } from '../src/runtime/module/module.ts';
import { unfoldTry } from './spec/script/legacy.ts';

/** Assembles a module given as its fields. */
export const bytesOf = async (fields: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await parse(unfoldTry(`(module ${fields})`)));

/** Assembles, decodes and validates a module given as its fields. */
export const moduleOf = async (fields: string): Promise<Module> => Module.from(await bytesOf(fields));
