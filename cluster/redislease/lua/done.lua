-- ARGV: 1 who is dead, 2 the fence of the claim. Answers 1, or 0 if the claim is not the newest.
local c = claim_on(ARGV[1])
if not c or c.done or c.fence ~= ARGV[2] then return 0 end
put_claim(ARGV[1], c.fence, now, 'd')
call('HDEL', KEYS[2], ARGV[1])
return 1
