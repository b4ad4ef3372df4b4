#!/usr/bin/env bash
# quickjs-wasi 3.7.0, which is QuickJS-NG 0.18.0: a text that is spread into an object literal leaves nothing there.
#
# CopyDataProperties makes an object of whatever is spread, and the object of a text has its characters as properties of its
# own. `Object.assign` does as it should, and so does the spread of a String object.
#
# Seen:
#   {...'hi'}: {}
#   {...Object('hi')}: {"0":"h","1":"i"}
#   Object.assign({}, 'hi'): {"0":"h","1":"i"}
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent quickjs-wasi@3.7.0

cat >run.mjs <<'EOF'
import { readFileSync } from 'node:fs'
import { QuickJS } from 'quickjs-wasi'

const vm = await QuickJS.create({ wasm: readFileSync('node_modules/quickjs-wasi/quickjs.wasm') })
for (const code of ["{...'hi'}", "{...Object('hi')}", "Object.assign({}, 'hi')"])
  console.log(`${code}: ${vm.dump(vm.evalCode(`JSON.stringify(${code.startsWith('{') ? `(${code})` : code})`))}`)
EOF

node run.mjs | tee seen
diff - seen <<'EOF'
{...'hi'}: {}
{...Object('hi')}: {"0":"h","1":"i"}
Object.assign({}, 'hi'): {"0":"h","1":"i"}
EOF
