// The kinds of nodes, one row each: the number that preview 1 has for it.

export const fileTypes = {
  unknown: 0,
  'block device': 1,
  'character device': 2,
  directory: 3,
  file: 4,
  'datagram socket': 5,
  'stream socket': 6,
  symlink: 7,
} as const;

export type FileKind = keyof typeof fileTypes;
