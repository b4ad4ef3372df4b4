// Helpers of functions with very many safe points (read/many.ts): each spills its parameters as words, filled up to as
// many as a call of the scratch module takes.

import { Writer } from '../../binary/writer.ts';
import { type Env, mostLeft } from '../read/index-spaces.ts';
import type { Helpers } from '../read/many.ts';
import type { LowTypes } from '../read/types.ts';
import { asWord, lanes } from './landing.ts';
import { Op } from './ops.ts';
import type { Code } from './sections.ts';
import { writeZero } from './sections.ts';

/** Adds all of a module, in the order of their numbers. */
export function addHelpers(code: Code, env: Env, { list }: Helpers): void {
  for (const types of list) code.add(env.type(types, []), helper(types, env));
}

function helper(types: LowTypes, env: Env): Uint8Array {
  const w = new Writer();
  w.byte(0);
  const put = () => {
    w.byte(Op.call);
    w.u32(env.scratch('put'));
  };
  let words = 0;
  const end = () => {
    if (++words % mostLeft === 0) put();
  };
  types.forEach((type, i) => {
    for (const conversion of type === 'v128' ? lanes : [asWord[type]]) {
      w.byte(Op.localGet);
      w.u32(i);
      w.bytes(conversion);
      end();
    }
  });
  while (words % mostLeft !== 0) {
    writeZero(w, 'i64');
    end();
  }
  w.byte(Op.end);
  return w.finish();
}
