-- ratelimit.Log: when the newest strip began, then until and points of each, oldest first.
local FIELD = 'sliding'
local strip = tonumber(ARGV[7])
local begun, ends, counts, strips, sum

local function settle(text)
	begun, ends, counts, strips, sum = 0, {}, {}, 0, 0
	if not text or not match(text, '^%d+[%d ]*$') then return end
	local first, rest = match(text, '^(%d+)(.*)$')
	begun = tonumber(first)
	local before, most, odd = 0, now + life + interval, false
	for e, n in string.gmatch(rest, ' (%d+) (%d+)') do
		e, n = tonumber(e), tonumber(n)
		if e > most then e, odd = most, true end
		if e > now and n <= MAX then
			strips = strips + 1
			ends[strips], counts[strips] = max(e, before), n
			before = ends[strips]
			sum = sum + n
		end
	end
	if strips == 0 then begun = 0 end
	return odd
end

local function free() return max(points - sum, 0) end

local function add(till, n)
	sum = sum + n
	if strips > 0 then
		till = max(till, ends[strips])
		if begun <= now and now < begun + strip then
			ends[strips], counts[strips] = till, counts[strips] + n
			return
		end
	end
	strips, begun = strips + 1, now
	ends[strips], counts[strips] = till, n
end

local function spend(n) add(now + interval, n) end

local function lease(n)
	add(now + life + interval, n)
	return now + life
end

local function full()
	if strips == 0 then return 0 end
	return ends[strips] - now
end

local function nextpoint()
	if strips == 0 then return 0 end
	return ends[1] - now
end

local function text()
	local parts = {format('%d', begun)}
	for i = 1, strips do parts[i + 1] = format('%d %d', ends[i], counts[i]) end
	return table.concat(parts, ' ')
end
