// Any of hash-wasm's digests: { bytes, init, final, size }, where `init` and `final` are the arguments that the digest
// takes at its begin and end, and `size` is that of the result.

/** The guest's buffer. */
const most = 16384;

export const start = (_guest, task) => ({ call: 'Hash_GetBuffer', next: 'begin', state: task });

export const begin = (_guest, { init, ...task }, [at]) => ({
  call: 'Hash_Init',
  args: init,
  next: 'feed',
  state: { ...task, at },
});

export const feed = (guest, { bytes, at, final, size }) => {
  if (bytes.length === 0) return { call: 'Hash_Final', args: final, next: 'read', state: { at, size } };
  const part = bytes.slice(0, most);
  guest.memory('memory').bytes.set(part, at);
  const state = { bytes: bytes.slice(part.length), at, final, size };
  return { call: 'Hash_Update', args: [part.length], next: 'feed', state };
};

export const read = (guest, { at, size }) => ({ done: guest.memory('memory').bytes.slice(at, at + size) });
