// What is measured is the build, not its sources; rooms that are no public names are loaded from it here.

const load = <T>(path: string): Promise<T> =>
  import(new URL(`../../dist/src/${path}`, import.meta.url).href) as Promise<T>;

export const { Ledger } = await load<typeof import('../../src/pool/durable/ledger.ts')>('pool/durable/ledger.js');
export const { decode } = await load<typeof import('../../src/binary/decode.ts')>('binary/decode.js');
export const { encode } = await load<typeof import('../../src/binary/encode.ts')>('binary/encode.js');
export const { validate } = await load<typeof import('../../src/validate/module.ts')>('validate/module.js');
export const { ModuleCode } =
  await load<typeof import('../../src/interpret/machine/code.ts')>('interpret/machine/code.js');
export const { lower } = await load<typeof import('../../src/interpret/lower/lower.ts')>('interpret/lower/lower.js');
export const { InstructionReader } =
  await load<typeof import('../../src/binary/instruction.ts')>('binary/instruction.js');
export const { Writer } = await load<typeof import('../../src/binary/writer.ts')>('binary/writer.js');
export const { instructionNamed } = await load<typeof import('../../src/spec/instructions.ts')>('spec/instructions.js');
export const { codeName, rewriteBytes } =
  await load<typeof import('../../src/rewrite/module/module.ts')>('rewrite/module/module.js');
export const { supports } = (await load<typeof import('../../src/rewrite/run/rewriter.ts')>('rewrite/run/rewriter.js'))
  .rewriter;
export const { keptOr } =
  await load<typeof import('../../src/rewrite/module/code-cache.ts')>('rewrite/module/code-cache.js');
export const { continuation, keptShape } = await load<typeof import('../../src/rewrite/module/continuation.ts')>(
  'rewrite/module/continuation.js',
);
