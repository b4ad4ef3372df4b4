// Formats Go source: text in, text out, or { error } for what does not parse.

export const start = (_guest, source) => ({
  call: '_initialize',
  next: 'allocate',
  state: new TextEncoder().encode(source),
});

export const allocate = (_guest, source) => ({ call: 'alloc', args: [source.length], next: 'format', state: source });

export const format = (guest, source, [at]) => {
  guest.memory('memory').bytes.set(source, at);
  return { call: 'format', next: 'formatted', state: source };
};

/** 0: it was formatted already; 1: it is now; else there is a message. */
export const formatted = (_guest, source, [status]) =>
  status === 0 ? { done: new TextDecoder().decode(source) } : { call: 'output_ptr', next: 'pointed', state: status };

export const pointed = (_guest, status, [at]) => ({ call: 'output_len', next: 'read', state: { status, at } });

export const read = (guest, { status, at }, [length]) => {
  const text = new TextDecoder().decode(guest.memory('memory').bytes.slice(at, at + length));
  return { done: status === 1 ? text : { error: text } };
};
