// What calls of a guest come to, where they are no sizes and no handles: numbers below zero.

export const codes = {
  done: 0,
  /** Nobody is at the port's other end any more; whoever receives has had all that was in it. */
  closed: -1,
  /** The port never holds a message of so many bytes, or with so many handles. */
  tooLarge: -2,
  /** There is no such handle, or it is of the port's other end. */
  badPort: -3,
  /** That is not in the memory. */
  fault: -4,
  /** It cannot be done now, and the call does not wait; or its time is over. */
  again: -5,
  /** The member has as many handles, or the group as many ports, as it may. */
  limit: -6,
  /** An argument is none that the call takes. */
  invalid: -7,
} as const;

/** A call of a guest that comes to a code, out of the midst of something; what often comes to one gives it back instead. */
export class Refused extends Error {
  constructor(readonly result: number) {
    super();
  }
}

export function refuse(code: keyof typeof codes): never {
  throw new Refused(codes[code]);
}
