-- ratelimit.Level: debt, at, token, leased, slot. What is leased has no room in the bucket until its
-- slot ends.
local FIELD = 'bucket'
local token, rate = tonumber(ARGV[5]), tonumber(ARGV[6])
local TOKEN, size = ARGV[5], points * token
local debt, at, leased, slot

local function drain(till, least)
	debt = max(debt - min(till - at, interval) * rate, min(debt, least))
	at = till
end

-- settle tells whether the state could not stand as it did.
local function settle(text)
	debt, at, leased, slot = 0, now, 0, 0
	if not text then return end
	local d, a, u, l, s = match(text, '^(%d+) (%d+) (%d+)$')
	if d then
		d, a, l, s = tonumber(d), tonumber(a), 0, 0
		if u == TOKEN and a <= now and d <= size then -- as it mostly is
			d = d - min(now - a, interval) * rate
			debt = d > 0 and d or 0
			return
		end
	else
		d, a, u, l, s = match(text, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
		d, a, l, s = tonumber(d), tonumber(a), tonumber(l), tonumber(s)
	end
	u = tonumber(u)
	if not u or u == 0 or max(d, a, u, l, s) > MAX then return end
	local odd = u ~= token
	if odd then d = min(ceil(d / u), points) * token end
	odd = odd or a > now or s > now + life or l > points or d > size
	debt, at, leased, slot = min(d, size), min(a, now), min(l, points), min(s, now + life)
	if leased > 0 and slot > at then drain(min(now, slot), leased * token) end
	if slot <= now then
		leased, slot = 0, 0
		drain(now, 0)
	end
	return odd
end

local function free() return floor((size - debt) / token) end

local function spend(n) debt = debt + n * token end

local function lease(n)
	if slot == 0 then slot = now + life end
	leased, debt = leased + n, debt + n * token
	return slot
end

local function wait(want)
	if debt <= want then return 0 end
	local least = leased * token
	if want >= least then return ceil((debt - want) / rate) end
	local left = slot - now
	return left + ceil(max(max(debt - left * rate, least) - want, 0) / rate)
end

local function nextpoint(left)
	if debt == 0 then return 0 end
	return wait((points - left - 1) * token)
end

local function full() return wait(0) end

local function text()
	if slot == 0 then return format('%d %d %d', debt, now, token) end
	return format('%d %d %d %d %d', debt, now, token, leased, slot)
end
