// The host's file system calls, whose errors become those of preview 1.

import { ErrnoError, fail, isErrno } from '../errno.ts';
import type { FileKind } from '../files/kinds.ts';

/** Codes that are called otherwise there. */
const renamed: Readonly<Record<string, string>> = { opnotsupp: 'notsup', wouldblock: 'again', deadlock: 'deadlk' };

/** Does what fails as the host's calls do. */
export function call<T>(act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    return failed(thrown);
  }
}

/** Throws ErrnoError. Codes of Node's own are of arguments that the host's calls cannot take, as names with a NUL. */
export function failed(thrown: unknown): never {
  const code = (thrown as { code?: unknown } | null)?.code;
  if (thrown instanceof ErrnoError || typeof code !== 'string') throw thrown;
  if (code.startsWith('ERR_')) fail('inval', thrown);
  const name = code.replace(/^E/, '').toLowerCase();
  const errno = renamed[name] ?? name;
  return fail(isErrno(errno) ? errno : 'io', thrown);
}

/** What `fs.Stats` and `fs.Dirent` have in common. */
interface Typed {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
  isSocket(): boolean;
}

/** Pipes are unknown to preview 1. */
export function kindOf(typed: Typed): FileKind {
  if (typed.isFile()) return 'file';
  if (typed.isDirectory()) return 'directory';
  if (typed.isSymbolicLink()) return 'symlink';
  if (typed.isBlockDevice()) return 'block device';
  if (typed.isCharacterDevice()) return 'character device';
  return typed.isSocket() ? 'stream socket' : 'unknown';
}

/** Names that mean something else to the host than a file in the directory. */
const windowsForbids = /[\\:*?"<>|\p{Cc}]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/iu;

/** Throws `inval` for what is no name here, though it was walked to. */
export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) fail('inval');
  if (process.platform === 'win32' && windowsForbids.test(name)) fail('inval');
}
