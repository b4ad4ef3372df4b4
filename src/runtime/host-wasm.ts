// The host's own WebAssembly, for what of ours runs on it. A program may put a look-alike (js-api/) in the place of the
// global one later, and that runs on us.

export const hostWasm = WebAssembly;
