// States of host modules in a snapshot. In memory a block of theirs is the very bytes that the module gave, once, however
// many places name it. How blocks stand in a container is in blocks.ts.

import { blockCost, type NamedState } from '../../host/state.ts';
import { overLimit } from '../../host/states.ts';
import { cut } from '../../spec/told.ts';
import { bad } from './form.ts';
import type { SnapshotData } from './format.ts';

type States = Pick<SnapshotData, 'states' | 'blocks' | 'blockRuns'>;

/** States as a snapshot has them; nothing where there are none, for those who know no other. */
export function saveStates(named: readonly NamedState[]): States {
  if (named.length === 0) return {};
  const places = new Map<Uint8Array, number>();
  const placeOf = (block: Uint8Array): number => {
    const place = places.get(block) ?? places.size;
    places.set(block, place);
    return place;
  };
  const states = named.map(({ name, data, blocks }) => ({ name, data, blocks: Int32Array.from(blocks, placeOf) }));
  return { states, blocks: [...places.keys()], blockRuns: new Int32Array(0) };
}

/** What a snapshot's states, once they are verified, are to their modules. */
export const statesOf = ({ states = [], blocks = [] }: States): NamedState[] =>
  states.map(({ name, data, blocks: row }) => ({
    name,
    data: structuredClone(data),
    blocks: Array.from(row, (place) => blocks[place] as Uint8Array),
  }));

/** Throws SnapshotError, or LimitError for more bytes than `most`. What the data means is for the modules. */
export function checkStates({ states = [], blocks = [], blockRuns }: States, most: number): void {
  if (blockRuns !== undefined && blockRuns.length > 0) bad('of a container', 'blocks');
  let sum = 0;
  let before = '';
  for (const { name, blocks: row } of states) {
    const where = `state of ${cut(name)}`;
    if (name <= before) bad('not in the order of names', where);
    before = name;
    row.forEach((place, i) => {
      const block = blocks[place] ?? bad(`its block ${i} is not there`, where);
      sum += blockCost(block.length);
    });
  }
  if (sum > most) throw overLimit(sum, most);
}
