// Tests of groups, on both engines and from one to the other.

import test, { type ExecutionContext } from 'ava';
import { type Way, World, type WorldOptions } from './world.ts';

const ways: readonly Way[] = [
  { engine: 'interpreter' },
  { engine: 'native' },
  { engine: 'interpreter', sliceFuel: 20, hops: 1 },
  { engine: 'native', sliceFuel: 20, hops: 2 },
];

/** A test of a world in each way. */
export function everyWay(
  title: string,
  act: (t: ExecutionContext, world: World) => Promise<void> | void,
  options: WorldOptions = {},
): void {
  for (const way of ways) {
    const how = way.hops === undefined ? way.engine : `hopping from ${way.engine}`;
    test(`${title}: ${how}`, async (t) => {
      const world = new World(way, options);
      await act(t, world);
      t.is(world.hops > 0, way.hops !== undefined);
    });
  }
}
