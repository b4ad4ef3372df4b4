import test from 'ava';
import { Output } from '../../src/wasi/system/streams.ts';
import { gc } from '../gc.ts';

test('what is written byte by byte is kept as bytes', (t) => {
  const output = Output.of(undefined);
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 500_000; i++) output.write(Uint8Array.of(i), [0, 1], 1);
  gc();
  t.true(process.memoryUsage().heapUsed - before < 5_000_000);
  t.is(output.written, 500_000);
  t.true(output.bytes.every((byte, i) => byte === i % 256));
});

test('each save has all that was written, in a few blocks, and nobody writes to them again', (t) => {
  const output = Output.of(undefined);
  const saves = Array.from({ length: 300 }, (_, i) => {
    output.write(Uint8Array.of(i, i + 1), [0, 2], 2);
    return output.save();
  });
  saves.forEach(({ data, blocks }, i) => {
    t.deepEqual([data.written, data.blocks], [2 * i + 2, blocks.length]);
    t.true(blocks.length <= 65);
    const bytes = Output.restore(data, [...blocks], undefined).bytes;
    t.is(bytes.length, 2 * i + 2);
    t.true(bytes.every((byte, at) => byte === (Math.ceil(at / 2) & 255)));
  });
});
