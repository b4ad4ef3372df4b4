// What a name and a path may be. Lengths are of their UTF-8, as on all systems that programs were written for.

import { fail } from '../errno.ts';

export const mostOfName = 255;
/** Also of a symbolic link's target. */
export const mostOfPath = 4095;

const encoder = new TextEncoder();
/** No character of a text takes more than three bytes for each of its units. */
const isLonger = (text: string, most: number): boolean =>
  text.length > most / 3 && (text.length > most || encoder.encode(text).length > most);

/** Throws `inval` and `nametoolong`. */
export function checkPath(path: string): void {
  if (path.includes('\0')) fail('inval');
  if (isLonger(path, mostOfPath)) fail('nametoolong');
}

/** Of one part of a path that was checked. */
export function checkNameLength(name: string): void {
  if (isLonger(name, mostOfName)) fail('nametoolong');
}

/** Whether a directory may hold an entry of this name: what comes out of a snapshot or an image was not walked to. */
export const isName = (name: unknown): name is string =>
  typeof name === 'string' &&
  name !== '' &&
  name !== '.' &&
  name !== '..' &&
  !/[/\0]/.test(name) &&
  !/\p{Surrogate}/u.test(name) &&
  !isLonger(name, mostOfName);

export const isTarget = (target: unknown): target is string =>
  typeof target === 'string' && target !== '' && !target.includes('\0') && !isLonger(target, mostOfPath);
