// Maps that stay small: what was kept longest goes first, and is made again when it is needed again.

export function keep<K, V>(map: Map<K, V>, key: K, value: V, most: number): V {
  if (map.size >= most) {
    const { value: oldest, done } = map.keys().next();
    if (done !== true) map.delete(oldest);
  }
  map.set(key, value);
  return value;
}

/** A continuation takes the host some tens of kilobytes. */
export const mostContinuations = 2_000;
