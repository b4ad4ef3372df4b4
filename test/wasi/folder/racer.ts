// Runs in a thread beside a guest that is in `inside`: puts links that lead out in the place of directories and files there,
// moves directories out and back, until it is told to stop. What it fails at because the guest was faster is as well.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';

export interface RacerData {
  readonly inside: string;
  /** A directory with the files that must not be reached. */
  readonly outside: string;
  /** The first is 1 when it is to stop; the second counts what it has changed. */
  readonly words: Int32Array;
}

const { inside, outside, words } = workerData as RacerData;

const attempt = (act: () => void): void => {
  try {
    act();
    Atomics.add(words, 1, 1);
  } catch {
    // The guest has moved or removed it.
  }
};

/** A directory is at its name or beside it, with a link that leads out in its place. */
function swap(name: string, target: string): void {
  const [path, away, link] = [join(inside, name), join(inside, `${name}.away`), join(inside, `${name}.link`)];
  attempt(() => fs.symlinkSync(target, link));
  attempt(() => fs.renameSync(path, away));
  attempt(() => fs.renameSync(link, path));
  attempt(() => fs.unlinkSync(path));
  attempt(() => fs.renameSync(away, path));
}

/** A directory in which the guest may be is moved out, while another one with what must not be reached takes its place. */
function moveOut(name: string): void {
  const [path, away] = [join(inside, name), join(outside, '..', `moved-${name}`)];
  attempt(() => fs.renameSync(path, away));
  attempt(() => fs.symlinkSync(outside, path));
  attempt(() => fs.unlinkSync(path));
  attempt(() => fs.renameSync(away, path));
  attempt(() => fs.mkdirSync(path));
}

const rounds = [
  () => swap('a', outside),
  () => swap('b', '../outside'),
  () => swap('c', 'd/../../outside'),
  () => moveOut('d'),
  () => swap('f', join(outside, 'secret')),
];
for (let i = 0; Atomics.load(words, 0) === 0; i++) (rounds[i % rounds.length] as () => void)();
