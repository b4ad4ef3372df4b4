#!/usr/bin/env bash
# BullMQ 6.7.0 (ioredis 6.0.0, Redis 7): a worker all of whose places are taken, and whose `concurrency` is raised while jobs wait.
#
# `worker.concurrency` may be set while the worker runs, and tells the new number at once. But a worker with all of its places
# taken sleeps until one of its jobs ends, and looks at the number only then: a job that could begin now waits for as long as the
# ones that are under way. A worker with a place left sees it. `worker.pause(true)` and then `worker.resume()`, which end nothing,
# have it look at once. Whoever raises the number because the jobs under way only wait for something would wait with them.
#
# Needs a `redis-server` in the path.
#
# Seen:
#   raised: concurrency is 2, the second job began after the first had ended
#   raised, then paused and resumed: concurrency is 2, the second job began at once
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$dir"' EXIT
cd "$dir"
echo '{ "type": "module" }' >package.json
npm i --no-save --ignore-scripts --silent bullmq@6.7.0 ioredis@6.0.0
port=$(node -e "const s = require('node:net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close() })")
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" >redis.log &
server=$!

cat >run.mjs <<'EOF'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'bullmq'
const connection = { host: '127.0.0.1', port: Number(process.argv[2]) }
const firstTakes = 3000

async function secondBegins(name, wake) {
  const queue = new Queue(name, { connection })
  const begun = []
  let second
  const began = new Promise(resolve => (second = resolve))
  const worker = new Worker(name, async () => {
    begun.push(performance.now())
    if (begun.length === 2) return second()
    await sleep(firstTakes)
  }, { connection, concurrency: 1 })
  await queue.addBulk([{ name: 'a', data: {} }, { name: 'b', data: {} }])
  while (begun.length === 0) await sleep(10)
  worker.concurrency = 2
  await wake(worker)
  await began
  const told = worker.concurrency
  await worker.close()
  await queue.close()
  const ms = begun[1] - begun[0]
  return `concurrency is ${told}, the second job began ${ms >= firstTakes ? 'after the first had ended' : ms < 1500 ? 'at once' : `after ${ms} ms`}`
}
console.log(`raised: ${await secondBegins('one', async () => {})}`)
console.log(`raised, then paused and resumed: ${await secondBegins('two', async worker => {
  await worker.pause(true)
  await worker.resume()
})}`)
process.exit()
EOF
node run.mjs "$port" | tee seen
diff - seen <<'EOF'
raised: concurrency is 2, the second job began after the first had ended
raised, then paused and resumed: concurrency is 2, the second job began at once
EOF
