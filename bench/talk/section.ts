// What talking costs: messages and calls of members of a group, beside ports of Node; many members that wait; saving a group
// that runs.

import { figure, mapFigure, time, warmUp } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { members } from './members.ts';
import { onOneThread, onTwoThreads } from './node.ts';
import { apart, pooled, relayed, worker } from './pooled.ts';
import { engines, type Racer, whats } from './racers.ts';

export { cuts } from './cuts.ts';
export { waiters } from './waiters.ts';

/** Each takes its turn in each. */
const rounds = 15;
/** So long a turn is, in ms. */
const turnMs = 30;
/** Times in a turn before it is known how many are as long as that. */
const fewest = 50;

interface Lane extends Racer {
  count: number;
  /** Milliseconds of one, by round. */
  readonly times: number[];
}

export async function talking(): Promise<Section> {
  const all = [
    ...engines.map(members),
    await pooled(),
    await apart(),
    relayed(),
    worker(),
    onTwoThreads(),
    onOneThread(),
  ];
  const lanes = all.flatMap(({ racers }) => racers.map((racer): Lane => ({ ...racer, count: fewest, times: [] })));
  try {
    for (const lane of lanes) await warm(lane);
    for (let round = 0; round < rounds; round++) for (const lane of lanes) lane.times.push(await once(lane));
    return sectionOf(lanes);
  } finally {
    for (const { end } of all) await end();
  }
}

const once = async (lane: Lane): Promise<number> => (await time(() => lane.run(lane.count))) / lane.count;

async function warm(lane: Lane): Promise<void> {
  await warmUp(async () => {
    lane.count = Math.max(fewest, Math.ceil(turnMs / (await once(lane))));
  });
}

function sectionOf(lanes: readonly Lane[]): Section {
  const rows = Object.values(whats).flatMap((what) => {
    const same = lanes.filter((lane) => lane.what === what);
    // That of the native engine is the first, as it is in `engines`.
    const [first] = same as [Lane];
    return same.map(({ who, times }) => {
      const ratios = times.map((ms, round) => ms / (first.times[round] as number));
      const each = figure(times);
      return [
        ...[what, who, cell(mapFigure(each, (ms) => ms * 1000))],
        ...[Math.round(1000 / each.median).toLocaleString('en'), cell(figure(ratios))],
      ];
    });
  });
  return {
    title: 'Talking',
    text: `Two members of a group, on one thread or, on a pool, each on its own, and two sides that have ports of Node. A round trip is a message and its answer; a stream goes one way, through ports that hold so many messages where they have a bound; a call goes through \`callsTo\`; on a pool both members are on one of its threads unless told; what the host sends to a pool and gets back goes there and back by slices, one at a time, or as many as there is room for. Median of ${rounds} turns of about ${turnMs} ms (least to most), in which all take turns once they are warm. Last: beside the first of the same kind, in the same turns.`,
    head: ['what', 'who', 'each, µs', 'a second', 'beside the first'],
    rows,
  };
}
