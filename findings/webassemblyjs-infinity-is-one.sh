#!/usr/bin/env bash
# @webassemblyjs/wasm-parser and wast-printer 1.14.1: a binary module read, and printed as text.
#
# An infinity comes out as 1, and a NaN as the integer that its payload spells, 2251799813685248 for the usual one of 64
# bits. The parser keeps both as such a number with a flag beside it, and the printer looks at no flags. The text is
# well-formed, so it assembles to a module that computes with ordinary numbers. From a tree that was read from text it
# prints `inf` and `nan`, as there it has the literal's source.
#
# Seen:
#   binary f32 Infinity: (f32.const 1)
#   binary f64 -Infinity: (f64.const -1)
#   binary f64 NaN: (f64.const 2251799813685248)
#   binary f64 1.5: (f64.const 1.5)
#   text f32 inf: (f32.const inf)
#   text f64 nan: (f64.const nan)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent @webassemblyjs/wasm-parser@1.14.1 @webassemblyjs/wast-parser@1.14.1 \
  @webassemblyjs/wast-printer@1.14.1

cat >run.cjs <<'EOF'
const { decode } = require('@webassemblyjs/wasm-parser')
const { parse } = require('@webassemblyjs/wast-parser')
const { print } = require('@webassemblyjs/wast-printer')

const constantIn = tree => print(tree).match(/\(f\d\d\.const [^)]*\)/)[0]
const section = (id, content) => [id, content.length, ...content]
/** A module with a global of a floating-point type and value. */
function moduleOf(bits, value) {
  const literal = new DataView(new ArrayBuffer(bits / 8))
  literal[`setFloat${bits}`](0, value, true)
  const [type, opcode] = bits === 32 ? [0x7d, 0x43] : [0x7c, 0x44]
  const global = [type, 0, opcode, ...new Uint8Array(literal.buffer), 0x0b]
  const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(6, [1, ...global])])
  if (!WebAssembly.validate(bytes)) throw new Error('the module is not valid')
  return bytes
}

for (const [bits, value] of [[32, Infinity], [64, -Infinity], [64, NaN], [64, 1.5]]) {
  console.log(`binary f${bits} ${value}: ${constantIn(decode(moduleOf(bits, value)))}`)
}
for (const literal of ['f32 inf', 'f64 nan']) {
  const [type, value] = literal.split(' ')
  console.log(`text ${literal}: ${constantIn(parse(`(module (func (${type}.const ${value}) (drop)))`))}`)
}
EOF

node run.cjs | tee seen
diff - seen <<'EOF'
binary f32 Infinity: (f32.const 1)
binary f64 -Infinity: (f64.const -1)
binary f64 NaN: (f64.const 2251799813685248)
binary f64 1.5: (f64.const 1.5)
text f32 inf: (f32.const inf)
text f64 nan: (f64.const nan)
EOF
