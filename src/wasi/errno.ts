// The errors of preview 1: one list of names, whose places are the numbers, and an error that carries one of them. How a
// host's own codes translate is for whoever talks to that host.

/** In the order of their numbers: `success` is 0, `notcapable` 76. */
const names = [
  ...['success', '2big', 'acces', 'addrinuse', 'addrnotavail', 'afnosupport', 'again', 'already', 'badf', 'badmsg'],
  ...['busy', 'canceled', 'child', 'connaborted', 'connrefused', 'connreset', 'deadlk', 'destaddrreq', 'dom', 'dquot'],
  ...['exist', 'fault', 'fbig', 'hostunreach', 'idrm', 'ilseq', 'inprogress', 'intr', 'inval', 'io'],
  ...['isconn', 'isdir', 'loop', 'mfile', 'mlink', 'msgsize', 'multihop', 'nametoolong', 'netdown', 'netreset'],
  ...['netunreach', 'nfile', 'nobufs', 'nodev', 'noent', 'noexec', 'nolck', 'nolink', 'nomem', 'nomsg'],
  ...['noprotoopt', 'nospc', 'nosys', 'notconn', 'notdir', 'notempty', 'notrecoverable', 'notsock', 'notsup', 'notty'],
  ...['nxio', 'overflow', 'ownerdead', 'perm', 'pipe', 'proto', 'protonosupport', 'prototype', 'range', 'rofs'],
  ...['spipe', 'srch', 'stale', 'timedout', 'txtbsy', 'xdev', 'notcapable'],
] as const;

export type Errno = (typeof names)[number];

/** The number of each errno. */
export const errnos = Object.fromEntries(names.map((name, number) => [name, number])) as Readonly<
  Record<Errno, number>
>;

export const isErrno = (name: string): name is Errno => Object.hasOwn(errnos, name);

/**
 * What a call of the guest is answered with. It never leaves the room: whoever serves the guest's calls catches it and
 * gives its number. No Error, for it is nothing unusual, and a stack trace takes ten times as long as the rest of most calls.
 */
export class ErrnoError {
  readonly cause: unknown;

  constructor(
    readonly errno: Errno,
    { cause }: ErrorOptions = {},
  ) {
    this.cause = cause;
  }

  get number(): number {
    return errnos[this.errno];
  }
}

export function fail(errno: Errno, cause?: unknown): never {
  throw new ErrnoError(errno, { cause });
}
