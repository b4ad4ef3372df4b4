#!/usr/bin/env bash
# @webassemblyjs/wasm-edit 1.14.1, which changes single nodes of a binary module and leaves all other bytes as they are.
#
# A global that is touched is written anew, with its initial value, and a value of type i64 becomes zero: reading makes
# it an object of two halves, which the writer hands to an encoder for plain numbers. Giving the global a name, which
# does not even show in the binary, is enough. The result is valid, so nothing tells of it. Types of 32 bits keep theirs.
#
# Seen:
#   i32 300, global only visited: 300
#   i32 300, global named: 300
#   i64 5, global only visited: 5
#   i64 5, global named: 0
#   i64 300, global only visited: 300
#   i64 300, global named: 0
#   i64 -1, global only visited: -1
#   i64 -1, global named: 0
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent @webassemblyjs/wasm-edit@1.14.1

cat >run.cjs <<'EOF'
const { edit } = require('@webassemblyjs/wasm-edit')

const section = (id, content) => [id, content.length, ...content]
/** A module that exports an immutable global, with the bytes of its type, opcode and constant. */
const moduleOf = (type, opcode, constant) =>
  Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(6, [1, type, 0, opcode, ...constant, 0x0b]),
    ...section(7, [1, 1, 0x67, 3, 0]),
  ])
const valueIn = bytes => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.g.value

for (const [what, type, opcode, constant] of [
  ['i32 300', 0x7f, 0x41, [0xac, 2]],
  ['i64 5', 0x7e, 0x42, [5]],
  ['i64 300', 0x7e, 0x42, [0xac, 2]],
  ['i64 -1', 0x7e, 0x42, [0x7f]],
]) {
  const bytes = moduleOf(type, opcode, constant)
  const visited = edit(bytes, { Global() {} })
  const named = edit(bytes, {
    Global({ node }) {
      node.name = 'counter'
    },
  })
  console.log(`${what}, global only visited: ${valueIn(visited)}`)
  console.log(`${what}, global named: ${valueIn(named)}`)
}
EOF

node run.cjs | tee seen
diff - seen <<'EOF'
i32 300, global only visited: 300
i32 300, global named: 300
i64 5, global only visited: 5
i64 5, global named: 0
i64 300, global only visited: 300
i64 300, global named: 0
i64 -1, global only visited: -1
i64 -1, global named: 0
EOF
