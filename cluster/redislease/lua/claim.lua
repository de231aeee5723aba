-- KEYS[4] is the newest fence. ARGV: 1 who is dead, 2 who claims it, 3 for how long.
-- Answers the fence; 0 if the claim is not to be had.
local dead, by = ARGV[1], ARGV[2]
if (ends_of(by) or 0) <= now then return 0 end
local c = claim_on(dead)
if c then
	if c.done or c.ends > now then return 0 end
else
	local ends = ends_of(dead)
	if not ends or ends > now then return 0 end
end

-- The fence grows also when it was lost: it is no smaller than the time.
local last = call('GETRANGE', KEYS[4], 0, 15)
local fence = now
if string.find(last, '^%d+$') then fence = math.max(now, tonumber(last) + 1) end
call('SET', KEYS[4], num(fence))
call('ZREM', KEYS[1], dead)
put_claim(dead, num(fence), now + tonumber(ARGV[3]), 'c ' .. by)
return fence
