// A terminal, with what is typed and what is shown. It is made by Python, which has one in its own library; where there is no
// Python this says so loudly, and nothing is tested.

import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { Started } from './wasbox.ts';

const python = ['python3', 'python'].find(
  (name) => spawnSync(name, ['-c', 'import pty, sys; sys.exit(sys.version_info < (3, 9))']).status === 0,
);
const helper = fileURLToPath(new URL('../fixtures/terminal.py', import.meta.url));

if (python === undefined) console.warn('NO PYTHON 3: nothing is tested in a terminal, as it makes one. Install it.');
/** A test with terminals. */
export const inTerminal = python === undefined ? test.skip : test;

export const ctrlC = '\x03';
export const ctrlD = '\x04';

export class Terminal extends Started {
  constructor(command: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}) {
    const env = { ...process.env, TERM: 'xterm', ANSWER_MS: '100000', ...more };
    super(spawn(python as string, [helper, ...command], { cwd, env }));
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** What was shown, without colours and movements. */
  get shown(): string {
    return stripVTControlCharacters(this.out).replaceAll('\r\n', '\n');
  }
}
