// How much fuel comes next, by how long the fuel before took: so that slices take about as long as they should.

const leastFuel = 1_000;
/** How far one grant may be from the one before. */
const steepest = 16;

/** Fuel of a job's first slice. */
export const firstFuel = 200_000;

/** What takes about `wantedMs`, where a unit takes `unitMs` and `fuel` was the last grant. */
export function fuelFor(fuel: number, unitMs: number, wantedMs: number): number {
  const near = Math.min(Math.max(wantedMs / unitMs, fuel / steepest), fuel * steepest);
  return Math.max(leastFuel, Math.floor(near));
}

/**
 * The same, where `charged` units took `ms`. A slice that was over early took most of that to begin and to end, so it says
 * little about how slow the guest is: it makes the next grant smaller only by as much of it as it was of a whole slice.
 */
export function nextFuel(fuel: number, charged: number, ms: number, wantedMs: number): number {
  if (charged === 0 || ms === 0) return fuel;
  const next = fuelFor(fuel, ms / charged, wantedMs);
  return next >= fuel ? next : Math.floor(fuel + (next - fuel) * Math.min(1, ms / wantedMs));
}
