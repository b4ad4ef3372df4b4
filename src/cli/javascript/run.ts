// `wasbox js FILE`: runs a JavaScript program in a sandbox. Without a file it is a REPL (repl.ts).

import { quickjs } from '../../javascript/node/index.ts';
import type { Exit } from '../told/exit.ts';
import { beginning, type JsOptions } from './begin.ts';
import { go } from './go.ts';
import { boundsOf, givenBy } from './options.ts';
import { readSource } from './source.ts';

export async function js(file: string | undefined, options: JsOptions): Promise<Exit> {
  if (file === undefined) return (await import('./repl.ts')).repl(options);
  const bounds = boundsOf(options);
  const begin = beginning(options);
  const { code, ...source } = await readSource(file, options.type);
  const given = await givenBy(options);
  bounds.timed(() => quickjs().base);
  return go((common) => quickjs().run(code, { ...common, ...source, ...begin }), bounds, given, options);
}
