-- ARGV: 1 epoch if a new one is needed, 2 what the frame begins with, 3 the command that publishes,
-- 4 channel, 5 size, 6 ttl, 7 dedup (both ms), 8 count, 9 entries, 10 their lengths, then an id for
-- each entry ('': none), or nothing. No two ids are equal.
--
-- Answers epoch, newest number, time, then place (from 1) and number of each duplicate.
-- An empty answer means that head and log contradicted each other and are gone.
local IDS = 11
local ttl, fresh, entries, set = ARGV[6], tonumber(ARGV[8]), ARGV[9]
if not epoch then
	epoch, seq, base = ARGV[1], 0, 1
	head = {}
	set = {'epoch', epoch}
end
local answer = {epoch, '', stamp}

-- Two hashes remember ids by turns: each is emptied when all in it are older than dedup.
local dup, ids
if #ARGV >= IDS then
	local dedup, since = tonumber(ARGV[7]), whole(head[7]) or 0
	ids = head[6] == '1' and 4 or 3
	if math.abs(now - since) > dedup then
		ids = 7 - ids
		call('UNLINK', KEYS[ids])
		set = set or {}
		set[#set + 1], set[#set + 2], set[#set + 3], set[#set + 4] = 'gen', ids - 3, 'since', stamp
	end
	dup = {}
	for from = IDS, #ARGV, 1000 do
		local to = math.min(from + 999, #ARGV)
		for key = 3, 4 do
			local found = call('HMGET', KEYS[key], unpack(ARGV, from, to))
			for i = 1, to - from + 1 do
				if found[i] then
					local number, at = string.match(found[i], '^(%d+) (%d+)$')
					local place = from - IDS + i
					if number and now - at <= dedup and not dup[place] then
						dup[place], fresh = true, fresh - 1
						answer[#answer + 1] = place
						answer[#answer + 1] = number
					end
				end
			end
		end
	end
	if #answer > 3 then
		local at, place, kept = 1, 0, {}
		for length in string.gmatch(ARGV[10], '%d+') do
			place = place + 1
			if not dup[place] then kept[#kept + 1] = string.sub(entries, at, at + length - 1) end
			at = at + length
		end
		entries = table.concat(kept)
	end
end

local last = seq + fresh
if last > MAX then return redis.error_reply('TROUPE the topic has used up its numbers') end
local newest = format(NUM, last)
answer[2] = newest
if fresh == 0 and not set then return answer end

local tend = ttl ~= head[4]
if ttl ~= '0' then
	local due = whole(head[5]) or 0
	tend = tend or now >= due or due > now + SLACK
end
local oldest
if fresh == 0 then
	oldest = format(NUM, base)
else
	if tend and ttl ~= '0' then base = unexpired(base, seq, now - ttl) end
	if base <= last - ARGV[5] then base = last - ARGV[5] + 1 end
	oldest = format(NUM, base)
	local id = newest .. '-0'
	local added = redis.pcall('XADD', KEYS[2], 'NOMKSTREAM', 'MINID', '~', oldest, id, 't', stamp, 'n', fresh, 'e', entries)
	if not added then
		oldest = format(NUM, math.max(base, seq + 1))
		added = redis.pcall('XADD', KEYS[2], id, 't', stamp, 'n', fresh, 'e', entries)
	end
	if type(added) == 'table' then
		if not string.find(added.err, 'equal or smaller', 1, true) then return added end
		call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
		return {}
	end
end

if ids and fresh > 0 then
	local put, number, any = {}, seq, false
	for i = IDS, #ARGV do
		if not dup[i - IDS + 1] then
			number = number + 1
			if ARGV[i] ~= '' then
				put[#put + 1] = ARGV[i]
				put[#put + 1] = format(NUM, number) .. ' ' .. stamp
				any = true
			end
		end
		if #put >= 2000 or i == #ARGV and #put > 0 then
			call('HSET', KEYS[ids], unpack(put))
			put = {}
		end
	end
	if any then call('PEXPIRE', KEYS[ids], format(NUM, ARGV[7] + SLACK)) end
end

if set then call('HSET', KEYS[1], unpack(set)) end
if not tend then
	call('HSET', KEYS[1], 'seq', newest, 'base', oldest)
else
	local due = now + math.min(SLACK, math.max(1000, math.floor(ttl / 8)))
	call('HSET', KEYS[1], 'seq', newest, 'base', oldest, 'ttl', ttl, 'due', format(NUM, due))
	if ttl ~= '0' then
		call('PEXPIRE', KEYS[2], format(NUM, ttl + SLACK))
		call('PEXPIRE', KEYS[1], format(NUM, ttl + ARGV[7] + SLACK + DAY))
	else
		call('PERSIST', KEYS[2])
		call('PERSIST', KEYS[1])
	end
end
if fresh > 0 then
	call(ARGV[3], ARGV[4], ARGV[2] .. epoch .. ' ' .. (fresh > 1 and format(NUM, seq + 1) or newest) .. ' ' .. stamp ..
		' ' .. fresh .. '\n' .. entries)
end
return answer
