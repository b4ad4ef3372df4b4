// What the library inside the guest asks of the host, by number: the first argument of its one host function. Both sides
// read this table.

/** Each takes and gives what is told here; `message` is a text of values/format.ts and the buffers that belong to it. */
export const ops = {
  /** Tool, message of the arguments: waits. Gives the reply, `+` or `-` before a message. */
  call: 0,
  /** Tool, message of the arguments: gives the number of the call, whose reply comes by `settle`. */
  begin: 1,
  /** `value` or `error`, message of it: the program is over. */
  end: 2,
  /** Level, message of the arguments: the console. */
  print: 3,
  /** A count: gives a buffer of so many random bytes. */
  random: 4,
  /** A text: gives a buffer of it in UTF-8. */
  encode: 5,
  /** Encoding and flags as JSON, a buffer: gives the text, or undefined where it is none. */
  decode: 6,
  /** What to do with a URL, as JSON: gives what came of it, as JSON, or undefined where it is none. */
  url: 7,
} as const;

/** What the library gives to the host, in this order: functions that the host calls. */
export const entries = ['start', 'watch', 'watchShown', 'watchModule', 'caught', 'settle', 'due', 'fire'] as const;
export type Entry = (typeof entries)[number];

/** How stack traces call the library. */
export const libraryFile = 'wasbox:library';
