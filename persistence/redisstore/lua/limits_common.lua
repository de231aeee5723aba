-- What the scripts of limits share. A key's hash has the fields until (refused everything before),
-- gone (when the hash expires), and one for the kind of limit: bucket, fixed or sliding. Times are
-- microseconds, and all numbers are whole and at most MAX, up to which doubles are exact.
local MAX = 9007199254740991

local call, format, match = redis.call, string.format, string.match
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local stamp = call('TIME')
local now = stamp[1] * 1000000 + stamp[2]

-- whole reads a number that anyone may have written. Those that are written here are whole: %d is exact.
local function whole(s)
	if not s then return end
	local x = tonumber(s)
	if x and x >= 0 and x <= MAX and x % 1 == 0 then return x end
end

-- lasts has a hash expire when what it says is over, or somewhat later: gone is when it would
-- so far. Not every call sets it anew.
local function lasts(key, gone, rest)
	gone = tonumber(gone or 0)
	if gone and gone >= now + rest and gone <= MAX then return end
	rest = rest + max(1000000, min(floor(rest / 2), 60000000))
	call('HSET', key, 'gone', format('%d', now + rest))
	call('PEXPIRE', key, format('%d', ceil(rest / 1000) + 1))
end
