// The scripts of the suite again, on the look-alike and on the host's own WebAssembly: whatever the host can compile must
// do the same on both. How much that is depends on the host: Node 20 knows no GC, Node 24 knows nearly all.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWebAssembly } from '../../src/js-api/index.ts';
import { type Group, groups } from '../spec/files.ts';
import { testsuite } from '../spec/locate.ts';
import { suiteTest } from '../spec/run/suite-test.ts';
import { AssembleError, assemble } from '../spec/script/assemble.ts';
import { type Action, type Command, parseScript } from '../spec/script/script.ts';

type Api = Pick<typeof WebAssembly, 'Module' | 'Instance'>;
type Exports = Record<string, unknown>;

const compared: readonly Group[] = ['tail-call', 'function-references', 'exceptions', 'gc', 'multi-memory'];

/** A module's exports; undefined where the API cannot compile it or its start fails. */
function instance(api: Api, bytes: Uint8Array): Exports | undefined {
  try {
    return new api.Instance(new api.Module(bytes as BufferSource), {}).exports;
  } catch {
    return undefined;
  }
}

/** Arguments that JavaScript can give without losing bits; undefined where there are others. */
function argumentsOf({ args }: Action & { kind: 'invoke' }): unknown[] | undefined {
  const values = args.map((value) => (value.type === 'i32' || value.type === 'i64' ? value.bits : undefined));
  return values.includes(undefined) ? undefined : values;
}

/** What a call came to; references are told by their type only. */
function told(exports: Exports, name: string, args: readonly unknown[]): string {
  const show = (value: unknown): string =>
    Array.isArray(value)
      ? value.map(show).join()
      : value !== null && typeof value === 'object'
        ? 'object'
        : String(value);
  try {
    const value = (exports[name] as (...args: unknown[]) => unknown)(...args);
    return typeof value === 'function' ? 'function' : show(value);
  } catch (error) {
    return error instanceof TypeError ? 'TypeError' : 'thrown';
  }
}

const actionOf = (command: Command): Action | undefined => ('action' in command ? command.action : undefined);

for (const group of compared)
  suiteTest(`the ${group} scripts do on the host what they do here`, async (t) => {
    const counts = { calls: 0, modules: 0, notOnHost: 0 };
    for (const file of Object.keys(groups[group])) {
      const ours = createWebAssembly() as unknown as Api;
      let pair: readonly [Exports, Exports] | undefined;
      for (const command of parseScript(readFileSync(join(testsuite as string, file), 'utf8'), file)) {
        if (command.type === 'module') {
          pair = undefined;
          if (command.definition) continue;
          const bytes = await assemble(command.source).catch((error) => {
            if (error instanceof AssembleError) return undefined;
            throw error;
          });
          const theirs = bytes && instance(WebAssembly, bytes);
          const own = bytes && instance(ours, bytes);
          if (theirs === undefined) counts.notOnHost++;
          if (theirs === undefined || own === undefined) continue;
          counts.modules++;
          pair = [theirs, own];
          continue;
        }
        const action = actionOf(command);
        if (pair === undefined || action?.kind !== 'invoke' || action.module !== undefined) continue;
        const args = argumentsOf(action);
        if (args === undefined) continue;
        t.is(told(pair[1], action.field, args), told(pair[0], action.field, args), `${file}:${command.line}`);
        counts.calls++;
      }
    }
    t.log(counts);
    t.true(counts.modules > 0);
  });
