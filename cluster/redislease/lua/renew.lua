-- KEYS[4] is the life. ARGV: 1 member, 2 ttl, 3 what it says of itself, 4 "1": take out a lease if there is
-- none, 5 a life if there is none, 6 how many members to write back, then these and what they say of
-- themselves, then so many dead ones.
--
-- Answers standing (0 held, 1 absent, 2 claimed), time, life, number of malformed entries, leases
-- (member, end, what it says), the dead (member, end of the claim, 1 if done, what it said).
local self, ttl = ARGV[1], tonumber(ARGV[2])
local invalid = 0

-- A clock that was set back, or a stranger, keeps nobody alive.
local most = num(now + MAX_TTL)
for _, member in ipairs(call('ZRANGEBYSCORE', KEYS[1], '(' .. most, '+inf', 'LIMIT', 0, MOST)) do
	call('ZADD', KEYS[1], most, member)
end

local standing = 0
if claim_on(self) then
	standing = 2
elseif not ends_of(self) and ARGV[4] ~= '1' then
	standing = 1
else
	call('ZADD', KEYS[1], num(now + ttl), self)
	call('HSET', KEYS[2], self, ARGV[3])
end

local alive = 6 + 2 * tonumber(ARGV[6])
for i = 7, #ARGV, 2 do
	local member, dead = ARGV[i], i > alive
	if not claim_on(member) and (dead or not ends_of(member)) then
		if dead then
			call('ZREM', KEYS[1], member)
			put_claim(member, '0', now, 'c')
		else
			call('ZADD', KEYS[1], num(now + ttl), member)
		end
		call('HSET', KEYS[2], member, ARGV[i + 1])
	end
end

local function info_of(member)
	if call('HSTRLEN', KEYS[2], member) <= 4096 then return call('HGET', KEYS[2], member) or '' end
	invalid = invalid + 1
	return ''
end

local leases = {}
local all = call('ZRANGE', KEYS[1], 0, MOST - 1, 'REV', 'WITHSCORES')
for i = 1, #all, 2 do
	local ends = tonumber(all[i + 1])
	if #all[i] <= 512 and ends then
		leases[#leases + 1] = all[i]
		leases[#leases + 1] = num(math.max(0, ends))
		leases[#leases + 1] = info_of(all[i])
	else
		invalid = invalid + 1
	end
end

local dead = {}
all = claims()
for i = 1, #all, 2 do
	local member, c = all[i], claim_of(all[i + 1])
	if not c or #member > 512 then
		invalid = invalid + 1
	elseif c.done and now - c.ends > KEEP_DONE then
		call('HDEL', KEYS[3], member)
	else
		if c.ends > now + MAX_CLAIM then
			c.ends = now + (c.done and 0 or MAX_CLAIM)
			put_claim(member, c.fence, c.ends, c.done and 'd' or 'c ' .. c.by)
		end
		dead[#dead + 1] = member
		dead[#dead + 1] = num(c.ends)
		dead[#dead + 1] = c.done and '1' or ''
		dead[#dead + 1] = info_of(member)
	end
end

call('SET', KEYS[4], ARGV[5], 'NX')
return {standing, now, call('GETRANGE', KEYS[4], 0, 127), invalid, leases, dead}
