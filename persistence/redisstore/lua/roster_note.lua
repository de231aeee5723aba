-- KEYS: 1 closed, 2 notes. ARGV: 1 how many to change, their names and texts, then the names to delete.
-- Answers whether it was done: not on a closed roster.
local call = redis.call
if call('EXISTS', KEYS[1]) == 1 then return 0 end
local last = 1 + 2 * ARGV[1]
for from = 2, last, 1000 do
	call('HSET', KEYS[2], unpack(ARGV, from, math.min(from + 999, last)))
end
for from = last + 1, #ARGV, 1000 do
	call('HDEL', KEYS[2], unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return 1
