// What was typed before, in the user's folder for state: a line of the file each, the oldest first.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { attempt } from '../../spec/told.ts';

/** Lines that are kept; once there are twice as many, the older ones are cut off. */
export const mostHistory = 1000;

/** `WASBOX_JS_HISTORY`, which keeps none where it is empty, or a file in the folder that the XDG specification names. */
export function historyFile(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { WASBOX_JS_HISTORY: told, XDG_STATE_HOME: state = '' } = env;
  if (told !== undefined) return told === '' ? undefined : told;
  return join(isAbsolute(state) ? state : join(homedir(), '.local', 'state'), 'wasbox', 'js_history');
}

/** Nothing of a program depends on it: what cannot be read or written is not kept. */
export class History {
  /** The newest first, as readline has them. */
  readonly lines: string[];
  private last: string | undefined;

  constructor(private readonly path: string | undefined) {
    const all = path === undefined ? [] : attempt(() => readFileSync(path, 'utf8').split('\n').filter(Boolean), []);
    this.lines = all.slice(-mostHistory).reverse();
    this.last = this.lines[0];
    if (path !== undefined && all.length > 2 * mostHistory)
      attempt(() => writeFileSync(path, `${all.slice(-mostHistory).join('\n')}\n`, { mode: 0o600 }), undefined);
  }

  add(line: string): void {
    const { path } = this;
    if (path === undefined || line.trim() === '' || line === this.last) return;
    this.last = line;
    attempt(() => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
    }, undefined);
  }
}
