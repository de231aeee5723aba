-- What the scripts share. KEYS are head, log, ids of generation 0 and 1. All numbers are
-- whole and below 2^53, where doubles are exact; they are written by num.
local MAX = 9007199254740991
local DAY = 86400000
-- Log and ids live this much longer than they must, so that not every call sets it anew.
local SLACK = 60000

local function num(x) return string.format('%.0f', x) end

local function now_ms()
	local t = redis.call('TIME')
	return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- whole reads a number that anyone may have written.
local function whole(s)
	local x = tonumber(s)
	if x and x >= 0 and x <= MAX and x % 1 == 0 then return x end
end

-- read_head returns the head, or nil where there is none that makes sense. What is left of
-- a topic without a head belongs to another life of its numbering.
local function read_head()
	local f = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'base', 'gen', 'since', 'ttl', 'due')
	local epoch, seq = f[1], whole(f[2])
	if not epoch or not seq or #epoch < 1 or #epoch > 64 or string.find(epoch, '[^!-~]') then return nil end
	local base = whole(f[3])
	if not base or base < 1 or base > seq + 1 then base = seq + 1 end
	return {epoch = epoch, seq = seq, base = base, gen = f[4] == '1' and 1 or 0, since = whole(f[5]) or 0,
		ttl = f[6] or '', due = whole(f[7]) or 0}
end

local function forget() redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) end

-- chunk reads the parts of a stream entry: its last number, first number, and time.
local function chunk(entry)
	local f = entry[2]
	local last = whole(string.match(entry[1], '^(%d+)-')) or MAX
	local count = whole(f[4]) or 1
	return last, math.max(1, last - math.max(1, count) + 1), whole(f[2]) or 0
end

-- unexpired finds the first number from lo to hi that was kept after a moment. Chunks are in
-- the order of time, so a few looks are enough.
local function unexpired(lo, hi, moment)
	local from, probe, none = lo, lo, hi + 1
	local best = none
	hi = none
	while lo < hi do
		local entry = redis.call('XRANGE', KEYS[2], num(probe), '+', 'COUNT', 1)[1]
		if not entry then
			hi = probe
		else
			local last, first, at = chunk(entry)
			if at <= moment then
				lo = last + 1
			else
				best, hi = first, math.min(first, probe)
			end
		end
		probe = math.floor((lo + hi) / 2)
	end
	return math.min(math.max(best, from), none)
end
