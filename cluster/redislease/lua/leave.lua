-- ARGV: 1 who leaves. Its claims can be had by others at once.
local self = ARGV[1]
call('ZREM', KEYS[1], self)
if not claim_on(self) then call('HDEL', KEYS[2], self) end
local all = claims()
for i = 1, #all, 2 do
	local c = claim_of(all[i + 1])
	if c and not c.done and c.by == self and c.ends > now then put_claim(all[i], '0', now, 'c') end
end
return 1
