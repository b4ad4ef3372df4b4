import type { Exit } from '../exit.ts';
import type { JsOptions } from './run.ts';
export const repl = async (_options: JsOptions): Promise<Exit> => 'ok';
