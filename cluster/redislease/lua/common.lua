#!lua flags=allow-oom
-- What the scripts share. They run also when Redis has no memory left, for then as
-- ever the dead must be told from the living. KEYS: 1 the leases, a sorted set of members by
-- the time at which they end; 2 what each says of itself; 3 claims; 4 the life or the fence.
-- Anyone may write there, so what is read is looked at first. Times are in ms.
local MAX_TTL, MAX_CLAIM, KEEP_DONE = 60000, 3600000, 600000
local MOST = 4096 -- entries that are looked at

local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function num(x) return string.format('%.0f', x) end

-- claim_of reads the claim on a member: "FENCE UNTIL c BY", or "FENCE WHEN d" when it is done.
local function claim_of(text)
	if not text or #text > 1024 then return nil end
	local fence, ends, state, by = string.match(text, '^(%d+) (%d+) ([cd]) ?(.*)$')
	if not fence or #fence > 16 or #ends > 16 then return nil end
	return {fence = fence, ends = tonumber(ends), done = state == 'd', by = by}
end

local function claim_on(member) return claim_of(call('HGET', KEYS[3], member)) end

local function put_claim(member, fence, ends, rest)
	call('HSET', KEYS[3], member, fence .. ' ' .. num(ends) .. ' ' .. rest)
end

-- claims are a flat list of members and texts.
local function claims()
	if call('HLEN', KEYS[3]) <= MOST then return call('HGETALL', KEYS[3]) end
	return call('HRANDFIELD', KEYS[3], MOST, 'WITHVALUES')
end

-- ends_of is when a lease ends; nil if there is none.
local function ends_of(member) return tonumber(call('ZSCORE', KEYS[1], member) or nil) end
