-- ARGV: 1 epoch if a new one is needed, 2 what the frame begins with, 3 the command that publishes,
-- 4 channel, 5 size, 6 ttl, 7 dedup (both ms), 8 "1": write even if nothing is fresh, 9 count, 10
-- entries, 11 their lengths, then an id for each entry ('': none), or nothing. No two ids are equal.
--
-- Answers epoch, newest number, time, then place (from 1) and number of each duplicate.
-- An empty answer means that head and log contradicted each other and are gone.
local IDS = 12
local now, size, ttl, dedup = now_ms(), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local count, entries = tonumber(ARGV[9]), ARGV[10]
local h, set = read_head(), {}
if not h then
	forget()
	h = {epoch = ARGV[1], seq = 0, base = 1, gen = 0, since = now, ttl = '', due = 0}
	set = {'epoch', h.epoch, 'since', num(now), 'gen', '0'}
end

-- Two hashes remember ids by turns: each is emptied when all in it are older than dedup.
local dup, dups = {}, 0
local answer = {h.epoch, '', num(now)}
if #ARGV >= IDS then
	if math.abs(now - h.since) > dedup then
		h.gen, h.since = 1 - h.gen, now
		redis.call('UNLINK', KEYS[3 + h.gen])
		set[#set + 1] = 'gen'
		set[#set + 1] = num(h.gen)
		set[#set + 1] = 'since'
		set[#set + 1] = num(now)
	end
	for from = IDS, #ARGV, 1000 do
		local to = math.min(from + 999, #ARGV)
		for key = 3, 4 do
			local found = redis.call('HMGET', KEYS[key], unpack(ARGV, from, to))
			for i = 1, to - from + 1 do
				if found[i] then
					local seq, at = string.match(found[i], '^(%d+) (%d+)$')
					local place = from - IDS + i
					if seq and now - at <= dedup and not dup[place] then
						dup[place], dups = true, dups + 1
						answer[#answer + 1] = place
						answer[#answer + 1] = seq
					end
				end
			end
		end
	end
	if dups > 0 then
		local at, place, fresh = 1, 0, {}
		for length in string.gmatch(ARGV[11], '%d+') do
			place = place + 1
			if not dup[place] then fresh[#fresh + 1] = string.sub(entries, at, at + length - 1) end
			at = at + length
		end
		entries = table.concat(fresh)
	end
end

local fresh = count - dups
local first, last = h.seq + 1, h.seq + fresh
if last > MAX then return redis.error_reply('TROUPE the topic has used up its numbers') end
answer[2] = num(last)
if fresh == 0 and ARGV[8] ~= '1' and #set == 0 then return answer end

local tend = ARGV[6] ~= h.ttl or ttl > 0 and (now >= h.due or h.due > now + SLACK)
local base = h.base
if fresh > 0 then
	if tend and ttl > 0 then base = unexpired(base, h.seq, now - ttl) end
	base = math.max(base, last - size + 1)
	local id, stamp = num(last) .. '-0', num(now)
	local added = redis.pcall('XADD', KEYS[2], 'NOMKSTREAM', 'MINID', '~', num(base), id, 't', stamp, 'n', fresh, 'e', entries)
	if not added then
		base = math.max(first, base)
		added = redis.pcall('XADD', KEYS[2], id, 't', stamp, 'n', fresh, 'e', entries)
	end
	if type(added) == 'table' and added.err then
		if not string.find(added.err, 'equal or smaller', 1, true) then return added end
		forget()
		return {}
	end
end

if #ARGV >= IDS and fresh > 0 then
	local put, seq, any = {}, h.seq, false
	for i = IDS, #ARGV do
		if not dup[i - IDS + 1] then
			seq = seq + 1
			if ARGV[i] ~= '' then
				put[#put + 1] = ARGV[i]
				put[#put + 1] = num(seq) .. ' ' .. num(now)
				any = true
			end
		end
		if #put >= 2000 or i == #ARGV and #put > 0 then
			redis.call('HSET', KEYS[3 + h.gen], unpack(put))
			put = {}
		end
	end
	if any then redis.call('PEXPIRE', KEYS[3 + h.gen], num(dedup + SLACK)) end
end

set[#set + 1] = 'seq'
set[#set + 1] = num(last)
set[#set + 1] = 'base'
set[#set + 1] = num(base)
if tend then
	set[#set + 1] = 'ttl'
	set[#set + 1] = ARGV[6]
	set[#set + 1] = 'due'
	set[#set + 1] = num(now + math.min(SLACK, math.max(1000, math.floor(ttl / 8))))
end
redis.call('HSET', KEYS[1], unpack(set))
if tend and ttl > 0 then
	redis.call('PEXPIRE', KEYS[2], num(ttl + SLACK))
	redis.call('PEXPIRE', KEYS[1], num(ttl + dedup + SLACK + DAY))
elseif tend then
	redis.call('PERSIST', KEYS[2])
	redis.call('PERSIST', KEYS[1])
end
if fresh > 0 then
	redis.call(ARGV[3], ARGV[4], ARGV[2] .. h.epoch .. ' ' .. num(first) .. ' ' .. num(now) .. ' ' .. fresh .. '\n' .. entries)
end
return answer
