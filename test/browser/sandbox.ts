// Runs a program until it waits for a tool. The same file runs in Node and, bundled, in a browser; so it knows neither.

import { JavaScript, pause } from '../../src/javascript/index.ts';

export const tool = 'ask';

/** Bytes as lists, which cross into a page. Without an image QuickJS is booted. */
export async function untilItWaits(quickjs: readonly number[], image: readonly number[] | undefined, code: string) {
  const given = image === undefined ? {} : { image: Uint8Array.from(image) };
  const js = JavaScript.from(Uint8Array.from(quickjs), given);
  const fixed = { id: 'r', clock: { start: 0n }, random: 1 } as const;
  const { status, fuel, token = [] } = await js.run(code, { ...fixed, tools: { [tool]: () => pause } });
  return { status, fuel, hash: js.base.hash, token: [...token] };
}
