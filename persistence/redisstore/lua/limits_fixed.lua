-- ratelimit.Window: used, end.
local FIELD = 'fixed'
local used, last

local function settle(text)
	used, last = 0, 0
	if not text then return end
	local u, e = match(text, '^(%d+) (%d+)$')
	u, e = tonumber(u), tonumber(e)
	if not e or max(u, e) > MAX then return end
	if e > now then used, last = u, min(e, now + interval) end
	return e > now + interval
end

local function free() return max(points - used, 0) end

local function spend(n)
	if last == 0 then last = now + interval end
	used = used + n
end

local function lease(n)
	spend(n)
	return min(last, now + life)
end

local function full() return max(last - now, 0) end

local nextpoint = full

local function text() return format('%d %d', used, last) end
