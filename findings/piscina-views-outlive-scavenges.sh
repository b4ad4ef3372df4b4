#!/usr/bin/env bash
# Piscina 5.3.2 on Node 20 to 26 (V8 11.3 to 14.6): what a task leaves behind.
#
# For its load balancer Piscina makes a view of every worker anew for every task: an object literal with six getters.
# It is dropped at once, so one expects the next minor collection to free it, as it frees nearly all garbage. But V8
# moves every object whose literal has getters to the old generation, where only a full collection frees it: the same
# object as an instance of a class with the same getters, or with methods instead, costs nothing. A pool that runs many
# small tasks grows its heap by some hundred bytes a task and worker until the next full collection, and V8 enlarges the
# young generation as so much survives (Node 24: to 128 MiB).
#
# Seen (growth of the old generation while 300,000 objects are made and dropped, and of Piscina's views of one worker):
#   literal with getters: over 20 MiB
#   literal with methods: under 20 MiB
#   class with getters: under 20 MiB
#   views of a worker: over 20 MiB
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm i --no-save --ignore-scripts --silent piscina@5.3.2
echo 'export default () => 1' >task.mjs
cat >run.mjs <<'EOF2'
import { once } from 'node:events'
import v8 from 'node:v8'
import { Piscina } from 'piscina'

const oldSpace = () => v8.getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size
const worker = { usage: 1 }
class View {
  get a() { return worker.usage }
  get b() { return worker.usage }
  get c() { return worker.usage }
}
function measure(what, make) {
  const before = oldSpace()
  let made
  for (let i = 0; i < 300_000; i++) made = make()
  const MiB = (oldSpace() - before) / 2 ** 20
  console.log(`${what}: ${MiB > 20 ? 'over' : 'under'} 20 MiB`)
  return made
}
measure('literal with getters', () => ({
  get a() { return worker.usage },
  get b() { return worker.usage },
  get c() { return worker.usage },
}))
measure('literal with methods', () => ({
  a() { return worker.usage },
  b() { return worker.usage },
  c() { return worker.usage },
}))
measure('class with getters', () => new View())

const pool = new Piscina({ filename: new URL('task.mjs', import.meta.url).href, maxThreads: 1 })
const [view] = await once(pool, 'workerCreate')
const info = view[Object.getOwnPropertySymbols(view)[0]]
measure('views of a worker', () => info.interface)
await pool.destroy()
EOF2
node --initial-old-space-size=2000 run.mjs | tee seen
diff - seen <<'EOF2'
literal with getters: over 20 MiB
literal with methods: under 20 MiB
class with getters: under 20 MiB
views of a worker: over 20 MiB
EOF2
