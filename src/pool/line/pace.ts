// How much fuel comes next, by how long the fuel before took: so that slices take about as long as they should.

const leastFuel = 1_000;
/** How far one grant may be from the one before: a short one says little about speed. */
const steepest = 16;

/** Fuel of a job's first slice. */
export const firstFuel = 200_000;

/** What takes about `wantedMs`, where `charged` units took `ms` and `fuel` was the last grant. */
export function nextFuel(fuel: number, charged: number, ms: number, wantedMs: number): number {
  if (charged === 0 || ms === 0) return fuel;
  const ideal = (charged / ms) * wantedMs;
  const near = Math.min(Math.max(ideal, fuel / steepest), fuel * steepest);
  return Math.max(leastFuel, Math.floor(near));
}
