// Where file systems are mounted: a tree of the names that lead to them.

import { UsageError } from '../../../spec/errors.ts';
import { quoted } from '../../../spec/told.ts';
import { isName } from '../names.ts';

export interface Point {
  /** Its place in the list of all points, of which the root is the first. */
  readonly index: number;
  readonly path: readonly string[];
  readonly children: Map<string, Point>;
  /** Which of the file systems is mounted here; undefined for what only leads to others. */
  part: number | undefined;
}

/** Of paths such as `/` and `/data/in`, in the order of the file systems. Throws UsageError. */
export function pointsOf(paths: readonly string[]): readonly Point[] {
  const points: Point[] = [];
  const make = (path: readonly string[]): Point => {
    const point: Point = { index: points.length, path, children: new Map(), part: undefined };
    points.push(point);
    return point;
  };
  const root = make([]);
  paths.forEach((path, part) => {
    let point = root;
    for (const name of path.split('/').filter((each) => each !== '')) {
      if (!isName(name)) throw new UsageError(`${quoted(path)} is no path to mount files at`);
      const next = point.children.get(name) ?? make([...point.path, name]);
      point.children.set(name, next);
      point = next;
    }
    if (point.part !== undefined) throw new UsageError(`files are mounted at ${quoted(path)} twice`);
    point.part = part;
  });
  return points;
}
