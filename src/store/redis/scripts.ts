// What a store is in a Redis, and the scripts that act on it, each of them at once or not at all. All keys begin with the same
// prefix in braces, so that a cluster has them in one place:
//
//   meta    a hash: the format, the epoch (../shared/backend.ts), the version of the last commit
//   heads   a hash, by name: 16 digits of the version, and the form of version 0 (../form.ts)
//   names   a sorted set of the heads' names, all of one score, so that they are in the order of their bytes
//   blobs   a hash, by name: `EPOCH:LINKS:PLACE`; how many links, and where its bytes are if not here
//   places  a set of those places
//   b:NAME  the form of a blob
//   t:TOKEN the version of the commit with that token; gone after some hours
//
// Versions are the server's time in microseconds, or one more than the last where that is not less: so none is used again also
// where a server that stopped has lost the last second of what it had.
//
// A script that has begun to write goes on also where memory is full, and one that begins with a removal may always begin. So those
// that only remove begin with that, and all others with what is refused then.

export const format = 1;

const head = `
local meta, heads, names, blobs, places = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local base = ARGV[1]
local function parts(mark) return string.match(mark, '^(%d+):(%d+):(.*)$') end
`;

const open = `${head}
local found = redis.call('HGET', meta, 'format')
if found then return found end
if redis.call('EXISTS', meta, heads, names, blobs, places) > 0 then return '0' end
redis.call('HSET', meta, 'format', ARGV[2], 'epoch', '1', 'version', '0')
return ARGV[2]
`;

/** token, grace, numbers of puts, needs and heads; name, links, place, form of each put; needs; name, expected, form of each head */
const commit = `${head}
local token, grace = base .. 't:' .. ARGV[2], tonumber(ARGV[3])
local puts, needs, changes = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local needsAt = 7 + 4 * puts
local headsAt = needsAt + needs
local now = tonumber(redis.call('HGET', meta, 'epoch') or '0')
if now == 0 then return {'lost'} end
if changes > 0 then
  local done = redis.call('GET', token)
  if done then return {'done', done} end
end

local sets = puts > 0
for i = 0, changes - 1 do
  local at = headsAt + 3 * i
  local value = redis.call('HGET', heads, ARGV[at])
  local version = value and string.sub(value, 1, 16) or '0000000000000000'
  if version ~= ARGV[at + 1] then return {'conflict', tostring(i), version} end
  sets = sets or ARGV[at + 2] ~= ''
end
local stale = {}
for i = 0, needs - 1 do
  local mark = redis.call('HGET', blobs, ARGV[needsAt + i])
  if not mark then return {'missing', ARGV[needsAt + i]} end
  local epoch, links, place = parts(mark)
  if tonumber(epoch) < now then table.insert(stale, {ARGV[needsAt + i], links .. ':' .. place}) end
end
for i = 0, puts - 1 do
  local place = ARGV[7 + 4 * i + 2]
  if place ~= '' and tonumber(string.sub(place, 7, 22)) < now - grace then return {'late'} end
end

local version = redis.call('HGET', meta, 'version')
if changes > 0 then
  local time = redis.call('TIME')
  version = string.format('%.0f', math.max(tonumber(version) + 1, tonumber(time[1]) * 1000000 + tonumber(time[2])))
  if not sets then
    for i = 0, changes - 1 do redis.call('HDEL', heads, ARGV[headsAt + 3 * i]) end
  end
  redis.call('HSET', meta, 'version', version)
end
for i = 0, puts - 1 do
  local at = 7 + 4 * i
  local name, links, place, form = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local mark = redis.call('HGET', blobs, name)
  if mark then
    local epoch, itsLinks, itsPlace = parts(mark)
    if tonumber(epoch) < now then redis.call('HSET', blobs, name, now .. ':' .. itsLinks .. ':' .. itsPlace) end
  else
    redis.call('SET', base .. 'b:' .. name, form)
    redis.call('HSET', blobs, name, now .. ':' .. links .. ':' .. place)
    if place ~= '' then redis.call('SADD', places, place) end
  end
end
for _, each in ipairs(stale) do redis.call('HSET', blobs, each[1], now .. ':' .. each[2]) end
for i = 0, changes - 1 do
  local at = headsAt + 3 * i
  local name, form = ARGV[at], ARGV[at + 2]
  if form == '' then
    redis.call('HDEL', heads, name)
    redis.call('ZREM', names, name)
  else
    redis.call('HSET', heads, name, string.format('%016.0f', tonumber(version)) .. form)
    redis.call('ZADD', names, 0, name)
  end
end
if changes > 0 then redis.call('SET', token, version, 'EX', 7200) end
return {'done', version}
`;

/** name, most bytes */
const headOf = `${head}
local value = redis.call('HGET', heads, ARGV[2])
return value and string.sub(value, 1, tonumber(ARGV[3]))
`;

/** from, below, most heads, most bytes of each */
const headsOf = `${head}
local found = redis.call('ZRANGEBYLEX', names, ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
local answer = {}
for _, name in ipairs(found) do
  table.insert(answer, name)
  table.insert(answer, string.sub(redis.call('HGET', heads, name) or '', 1, tonumber(ARGV[5])))
end
return answer
`;

/** name, index of the last byte */
const blobOf = `${head}
local mark = redis.call('HGET', blobs, ARGV[2])
if not mark then return false end
return {mark, redis.call('GETRANGE', base .. 'b:' .. ARGV[2], 0, ARGV[3])}
`;

/** names */
const has = `${head}
local answer = {}
for i = 2, #ARGV do table.insert(answer, redis.call('HEXISTS', blobs, ARGV[i])) end
return answer
`;

/** names */
const linksOf = `${head}
local answer = {}
for i = 2, #ARGV do
  local mark = redis.call('HGET', blobs, ARGV[i])
  local _, links = parts(mark or '0:0:')
  if tonumber(links) > 0 then
    table.insert(answer, ARGV[i])
    table.insert(answer, redis.call('GETRANGE', base .. 'b:' .. ARGV[i], 0, 3 + 32 * math.min(tonumber(links), 8192)))
  end
end
return answer
`;

/** places */
const placed = `${head}
local answer = {}
for i = 2, #ARGV do table.insert(answer, redis.call('SISMEMBER', places, ARGV[i])) end
return answer
`;

const nextEpoch = `${head}
redis.call('DEL', base .. 'nothing')
if redis.call('EXISTS', meta) == 0 then return 0 end
return redis.call('HINCRBY', meta, 'epoch', 1)
`;

/** epoch; names */
const remove = `${head}
local before, bytes, gone, kept = tonumber(ARGV[2]), 0, {}, {}
for i = 3, #ARGV do
  local name = ARGV[i]
  local mark = redis.call('HGET', blobs, name)
  if mark then
    local epoch, _, place = parts(mark)
    if tonumber(epoch) < before then
      bytes = bytes + redis.call('STRLEN', base .. 'b:' .. name)
      redis.call('UNLINK', base .. 'b:' .. name)
      redis.call('HDEL', blobs, name)
      if place ~= '' then redis.call('SREM', places, place) end
      table.insert(gone, place)
    else
      table.insert(kept, name)
    end
  end
end
return {bytes, gone, kept}
`;

export const scripts = { open, commit, headOf, headsOf, blobOf, has, linksOf, placed, nextEpoch, remove } as const;
export type ScriptName = keyof typeof scripts;
