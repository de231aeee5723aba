-- ARGV: 1 epoch if a new one is needed, 2 after, 3 limit, 4 size, 5 ttl (ms), 6 bytes after which it
-- is enough. Answers epoch, newest number, oldest number, time, then id, time, count and entries of
-- each chunk from after on.
if not epoch then
	-- The first event will have this epoch, if it comes within a day.
	call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', '0', 'base', '1')
	call('PEXPIRE', KEYS[1], DAY)
	return {ARGV[1], '0', '1', stamp}
end
if seq == 0 or head[4] ~= '0' then
	-- What somebody asks for stays.
	local left = call('PTTL', KEYS[1])
	if left >= 0 and left < DAY / 2 then call('PEXPIRE', KEYS[1], DAY) end
end

local after, want, size, ttl, enough = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local oldest = math.max(base, seq - size + 1)
if oldest <= seq then
	if ttl ~= '0' then
		oldest = unexpired(oldest, seq, now - ttl)
	elseif want == 0 and call('EXISTS', KEYS[2]) == 0 then
		oldest = seq + 1
	end
end

-- Chunks are of any size, so steps grow with what the last ones held: the cost stays near
-- that of what is returned.
local answer, at = {epoch, format(NUM, seq), format(NUM, oldest), stamp}, 4
local from, step, chunks, events, bytes = math.max(after + 1, oldest), 1, 0, 0, 0
want = math.min(want, seq - from + 1)
while want > events and bytes < enough do
	local got = call('XRANGE', KEYS[2], format(NUM, from), '+', 'COUNT', step)
	local entry
	for i = 1, #got do
		entry = got[i]
		local f = entry[2]
		answer[at + 1], answer[at + 2], answer[at + 3], answer[at + 4] = entry[1], f[2] or '', f[4] or '', f[6] or ''
		at, chunks, bytes = at + 4, chunks + 1, bytes + #answer[at + 4]
		events = events + (whole(f[4]) or 1)
		if chunks == 1 then -- of it the end may be wanted only
			local _, first = chunk(entry)
			events = events - math.max(0, from - first)
		end
		if events >= want then break end
	end
	if #got < step then break end
	from = chunk(entry) + 1
	local need = math.min((want - events) * chunks / events, (enough - bytes) * chunks / math.max(bytes, 1))
	step = math.max(1, math.min(4 * step, 256, math.ceil(need)))
end
return answer
