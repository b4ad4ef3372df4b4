// What a rewritten module has besides the guest's functions and what the engine has it have: the function that makes objects, where
// code makes any, and helpers and globals for functions with very many safe points (read/many.ts). Main modules and continuations
// have their own, behind all other functions and globals. A continuation numbers its imports as it uses them, so it is written a
// second time once it is known how many there are.

import { Writer } from '../../binary/writer.ts';
import { allocateFunc, type Env, mostLeft, type Note, notes } from '../read/index-spaces.ts';
import type { Low, LowTypes } from '../read/types.ts';
import { allocateBody } from './allocate.ts';
import { asWord, lanes } from './landing.ts';
import { Op } from './ops.ts';
import { type Code, writeZero } from './sections.ts';

export class Additions {
  private readonly helpers: LowTypes[] = [];
  private readonly numbers = new Map<string, number>();
  private makesNotes = false;

  /** Whether there is a function that makes objects: where it is not known, it is once one was asked for. */
  constructor(private makesObjects: boolean) {}

  // Numbers among the functions, and among the globals

  get allocate(): number {
    this.makesObjects = true;
    return 0;
  }

  helper(types: LowTypes): number {
    const key = types.join();
    const number = this.numbers.get(key) ?? this.helpers.push(types) - 1;
    this.numbers.set(key, number);
    return number + (this.makesObjects ? 1 : 0);
  }

  note(what: Note): number {
    this.makesNotes = true;
    return notes.indexOf(what);
  }

  // What there is by now

  get areNone(): boolean {
    return !this.makesObjects && !this.makesNotes;
  }

  get globals(): LowTypes {
    return this.makesNotes ? notes.map((): Low => 'i32') : [];
  }

  add(code: Code, env: Env): void {
    if (this.makesObjects) code.add(env.type(allocateFunc.params, allocateFunc.results), allocateBody(env.heap()));
    for (const types of this.helpers) code.add(env.type(types, []), helper(types, env));
  }
}

/** Spills its parameters as words, filled up to as many as a call of the scratch module takes. */
function helper(types: LowTypes, env: Env): Uint8Array {
  const w = new Writer();
  w.byte(0);
  let words = 0;
  const end = () => {
    if (++words % mostLeft !== 0) return;
    w.byte(Op.call);
    w.u32(env.scratch('put'));
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
