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
		local entry = call('XRANGE', KEYS[2], format(NUM, probe), '+', 'COUNT', 1)[1]
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
