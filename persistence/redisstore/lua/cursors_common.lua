-- KEYS: the hash of a topic's cursors. Its fields:
--   c<key>     "<number> <until> ..." of a cursor, until being Redis' time in ms, and then what Go reads
--   w<writer>  "<call> <at>": the last call of Save that a node made, and when
local call, format = redis.call, string.format
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- A call that was given up comes late after minutes at most.
local LATE = 600000

-- over reports whether a field has had its time.
local function over(field, value)
	local at = tonumber(string.match(value, '^%d+ (%d+)') or '')
	if not at then return true end
	if string.sub(field, 1, 1) == 'w' then return now - at > LATE end
	return now >= at
end
