// The rights of descriptors: one list, whose places are the bits, and what descriptors of each kind can have. We tell
// rights as programs want to see them, but hold nobody to those that it did not ask for, as wasmtime does not: only
// reading and writing, which a file is opened for, and what a program has given up itself.

/** In the order of their bits. */
const names = [
  ...['fd_datasync', 'fd_read', 'fd_seek', 'fd_fdstat_set_flags', 'fd_sync', 'fd_tell', 'fd_write', 'fd_advise'],
  ...['fd_allocate', 'path_create_directory', 'path_create_file', 'path_link_source', 'path_link_target', 'path_open'],
  ...['fd_readdir', 'path_readlink', 'path_rename_source', 'path_rename_target', 'path_filestat_get'],
  ...['path_filestat_set_size', 'path_filestat_set_times', 'fd_filestat_get', 'fd_filestat_set_size'],
  ...['fd_filestat_set_times', 'path_symlink', 'path_remove_directory', 'path_unlink_file', 'poll_fd_readwrite'],
  ...['sock_shutdown', 'sock_accept'],
] as const;
export type Right = (typeof names)[number];

/** Each as a number; all are less than 2 ** 30. */
export const bitOf = Object.fromEntries(names.map((name, bit) => [name, 2 ** bit])) as Readonly<Record<Right, number>>;

/** Rights as one number. */
export const rights = (...of: readonly Right[]): number => of.reduce((sum, right) => sum | bitOf[right], 0);

export const allRights = rights(...names);

/** Those that there are, of the bits that a program gives. */
export const rightsIn = (bits: bigint): number => Number(bits & BigInt(allRights));

const ofFiles = rights(
  ...(['fd_datasync', 'fd_read', 'fd_seek', 'fd_fdstat_set_flags', 'fd_sync', 'fd_tell', 'fd_write'] as const),
  ...(['fd_advise', 'fd_allocate', 'fd_filestat_get', 'fd_filestat_set_size', 'fd_filestat_set_times'] as const),
  'poll_fd_readwrite',
);
const ofDirectories = rights(
  ...(['fd_fdstat_set_flags', 'fd_sync', 'fd_advise', 'path_create_directory', 'path_create_file'] as const),
  ...(['path_link_source', 'path_link_target', 'path_open', 'fd_readdir', 'path_readlink'] as const),
  ...(['path_rename_source', 'path_rename_target', 'path_filestat_get', 'path_filestat_set_size'] as const),
  ...(['path_filestat_set_times', 'fd_filestat_get', 'fd_filestat_set_times', 'path_symlink'] as const),
  ...(['path_remove_directory', 'path_unlink_file'] as const),
);

/** What a descriptor can have, and what those opened from it can. */
export const directoryRights = { base: ofDirectories, inheriting: ofDirectories | ofFiles } as const;
export const fileRights = { base: ofFiles, inheriting: 0 } as const;
/** Terminals are told by their lack of the right to seek. */
export const streamRights = {
  input: rights('fd_read', 'fd_fdstat_set_flags', 'fd_filestat_get', 'poll_fd_readwrite'),
  output: rights('fd_write', 'fd_datasync', 'fd_sync', 'fd_fdstat_set_flags', 'fd_filestat_get', 'poll_fd_readwrite'),
} as const;
