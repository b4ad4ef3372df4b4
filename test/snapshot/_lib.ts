export 
function random(seed: number): (n: number) => number {
  let state = seed | 0;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % n;
  };
}
type Random=(n:number)=>number;
const odd = [0, 1, -1, 2, 3, 4, 5, -2, 255, 4096, 65536, 2 ** 31 - 1, -(2 ** 31), 1e6];
export 
function damaged(bytes: Uint8Array, next: Random): Uint8Array {
  const copy = bytes.slice();
  for (let times = 1 + next(3); times > 0 && copy.length > 8; times--) {
    const at = next(copy.length);
    const kind = next(5);
    if (kind === 0) copy[at] = (copy[at] as number) ^ (1 << next(8));
    else if (kind === 1) copy[at] = next(256);
    else if (kind === 2) copy.copyWithin(at, next(copy.length), next(copy.length));
    else new DataView(copy.buffer).setInt32(Math.min(at & ~3, copy.length - 4), odd[next(odd.length)] as number, true);
  }
  return next(20) === 0 ? copy.subarray(0, next(copy.length)) : copy;
}
