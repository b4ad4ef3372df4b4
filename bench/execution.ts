// How fast instructions run, beside the host's own engine and beside another interpreter in JavaScript.

import { Module, VM } from 'wasbox';
import { type Guest, hostGuest, otherGuest, ourGuest } from './measure/guest.ts';
import { duel, type Figure, mapFigure, time } from './measure/measure.ts';
import { cell, type Section } from './measure/table.ts';
import { kernels, programs, type Work } from './measure/work.ts';

const samples = 7;
const otherSamples = 3;

export async function execution(): Promise<Section> {
  const rows: string[][] = [];
  for (const work of [...(await kernels()), ...programs()]) rows.push(await row(work));
  return {
    title: 'The interpreter',
    text: `The same work in turns with the host's own WebAssembly (a JIT compiler) and with the npm package \`webassembly-interpreter\`; \`–\` where that cannot run it or runs it wrongly. The first run of ours is told apart: the host's compiler has not seen its code yet. Both have run for a second and a half before the others are timed. Median (least to most) of ${samples} pairs; of ${otherSamples} for the other interpreter.`,
    head: [
      'work',
      'first run, ms',
      'wasbox, ms',
      'host, ms',
      'wasbox / host',
      'million instructions / s',
      'other interpreter / wasbox',
    ],
    rows,
  };
}

async function row(work: Work): Promise<string[]> {
  const ours = prepared(work, ourGuest(work.bytes));
  const host = prepared(work, hostGuest(work.bytes));
  const expected = work.run(host);
  let answer: unknown;
  const first = await time(() => {
    answer = work.run(ours);
  });
  if (answer !== expected) throw new Error(`${work.name}: wasbox and the host differ`);
  const { a, b, ratio } = await duel(
    samples,
    () => work.run(ours),
    () => work.run(host),
  );
  const rate = mapFigure(a, (ms) => countInstructions(work) / ms / 1000);
  return [
    work.name,
    first.toFixed(0),
    cell(a),
    cell(b),
    cell(ratio, 'x'),
    cell(rate),
    await compared(work, ours, expected),
  ];
}

function prepared<G extends Guest>(work: Work, guest: G): G {
  work.prepare(guest);
  return guest;
}

/** The other interpreter stops at much of WebAssembly, in ways of its own. */
async function compared(work: Work, ours: Guest, expected: unknown): Promise<string> {
  const ratio = await versusOther(work, ours, expected).catch(() => undefined);
  return ratio === undefined ? '–' : cell(ratio, 'x');
}

async function versusOther(work: Work, ours: Guest, expected: unknown): Promise<Figure | undefined> {
  const other = prepared(work, await otherGuest(work.bytes));
  if (work.run(other) !== expected) return undefined;
  const { ratio } = await duel(
    otherSamples,
    () => work.run(other),
    () => work.run(ours),
  );
  return ratio;
}

const counted = new Map<Work, number>();

/** The instructions of one run, by stepping through it; the count is exact but for the last steps of each call. */
function countInstructions(work: Work): number {
  const known = counted.get(work);
  if (known !== undefined) return known;
  const steps = 2000;
  let total = 0;
  const vm = new VM({ engine: 'interpreter' });
  const instance = vm.instantiate(Module.from(work.bytes));
  const stepping: Guest = {
    call(name, ...args) {
      vm.start(instance.func(name), args);
      for (;;) {
        const outcome = vm.run({ steps });
        if (outcome.status === 'trapped') throw outcome.trap;
        if (outcome.status === 'returned') return outcome.values[0];
        total += steps;
      }
    },
    memory: () => instance.memory('memory').bytes,
  };
  work.prepare(stepping);
  total = 0;
  work.run(stepping);
  counted.set(work, total);
  return total;
}
