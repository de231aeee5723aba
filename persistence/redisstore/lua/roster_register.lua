-- KEYS: 1 the rosters that a life is on, 2 buried. ARGV: 1 roster, 2 entry. Answers whether it was made.
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
