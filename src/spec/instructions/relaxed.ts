// What relaxed instructions do: what the deterministic profile says.
// https://webassembly.github.io/spec/core/exec/numerics.html#relaxed-operations

/** The name of the instruction that does what a relaxed one does, where there is one; else the same name. */
export function deterministic(name: string): string {
  if (/relaxed_(?:n?madd|dot)/.test(name)) return name;
  return name
    .replace(/^.*relaxed_laneselect$/, 'v128.bitselect')
    .replace('relaxed_trunc', 'trunc_sat')
    .replace('relaxed_q15mulr', 'q15mulr_sat')
    .replace('relaxed_', '');
}
