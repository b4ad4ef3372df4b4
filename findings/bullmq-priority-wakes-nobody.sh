#!/usr/bin/env bash
# BullMQ 6.7.0 (ioredis 6.0.0, Redis 7): a job that its worker gives back with `job.moveToWait(token)` while another worker is idle.
#
# A job without a priority is taken up by the idle worker at once: what puts it back sets a marker, on which idle workers block.
# One with a priority is put back without that marker, so an idle worker sees it only when its own blocking call is over, which is
# after `drainDelay`, five seconds unless told. Whoever hands jobs
# from one worker to another has to wake the others by something else.
#
# Needs a `redis-server` in the path.
#
# Seen:
#   without a priority: taken up at once
#   with a priority: taken up after seconds
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
import { Queue, WaitingError, Worker } from 'bullmq'
const connection = { host: '127.0.0.1', port: Number(process.argv[2]) }
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

async function handedOn(priority) {
  const name = `jobs-${priority}`
  const queue = new Queue(name, { connection })
  let givenBack
  const taken = new Promise(resolve => {
    const process = who => async (job, token) => {
      if (who === 'second') return resolve(performance.now() - givenBack)
      // Nobody but the other worker shall take it up again.
      await first.pause(true)
      await sleep(300)
      await job.moveToWait(token)
      givenBack = performance.now()
      throw new WaitingError()
    }
    const first = new Worker(name, process('first'), { connection })
    workers.push(first)
    first.on('active', async () => workers.push(new Worker(name, process('second'), { connection })))
  })
  await queue.add('one', {}, priority === 0 ? {} : { priority })
  const ms = await taken
  await Promise.all(workers.splice(0).map(worker => worker.close(true)))
  await queue.close()
  return ms
}
const workers = []
for (const [what, priority] of [['without a priority', 0], ['with a priority', 1]]) {
  const ms = await handedOn(priority)
  console.log(`${what}: taken up ${ms < 500 ? 'at once' : ms > 2000 ? 'after seconds' : `after ${ms} ms`}`)
}
process.exit()
EOF
node run.mjs "$port" | tee seen
diff - seen <<'EOF'
without a priority: taken up at once
with a priority: taken up after seconds
EOF
