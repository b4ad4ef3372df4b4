// Guests that talk.

import type { Module } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

/** By name: the types of the parameters. All calls come to an i32. Guests hold us to that, so it is told here once more. */
const calls = {
  send: 'i32 i32 i32',
  try_send: 'i32 i32 i32',
  receive: 'i32 i32 i32',
  try_receive: 'i32 i32 i32',
  send_ports: 'i32 i32 i32 i32 i32',
  receive_ports: 'i32 i32 i32 i32 i32 i32',
  poll: 'i32 i32 i64',
  close: 'i32',
  shut: 'i32 i32 i32',
  clone: 'i32',
  make: 'i32 i32 i32',
  named: 'i32 i32',
  subscribe: 'i32 i32 i32 i32',
  publish: 'i32 i32 i32 i32',
} as const;

/** All that a guest imports to talk, as $send, $receive, and so on. */
export const talking = Object.entries(calls)
  .map(([name, params]) => `(import "wasbox" "${name}" (func $${name} (param ${params}) (result i32)))`)
  .join('\n');

/** As guests have compiled them in: they never change. */
export const codes = {
  done: 0,
  closed: -1,
  tooLarge: -2,
  badPort: -3,
  fault: -4,
  again: -5,
  limit: -6,
  invalid: -7,
};

/** `@8` is the number that stands at address 8. */
const argument = (type: string, text: string): string =>
  text.startsWith('@') ? `(i32.load (i32.const ${text.slice(1)}))` : `(${type}.const ${text})`;

/** One line of a script as an instruction: of calls, and of `load address`, it takes what they come to. */
function instruction(line: string): string {
  const [name = '', ...args] = line.split(' ');
  if (name === 'load') return `(i32.load (i32.const ${args[0]}))`;
  if (name === 'store') return `(i32.store (i32.const ${args[0]}) ${argument('i32', args[1] ?? '')})`;
  const params = calls[name as keyof typeof calls].split(' ');
  return `(call $${name} ${params.map((type, i) => argument(type, args[i] ?? '')).join(' ')})`;
}

/** A guest whose `main` does the lines one after the other, and returns what each comes to. `data`: what stands at 1024. */
export function script(lines: readonly string[], data = ''): Promise<Module> {
  const results = lines.filter((line) => !line.startsWith('store')).map(() => 'i32');
  return moduleOf(`${talking} (memory (export "memory") 1) (data (i32.const 1024) ${JSON.stringify(data)})
    (func (export "main") (result ${results.join(' ')}) ${lines.map(instruction).join('\n')})`);
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
