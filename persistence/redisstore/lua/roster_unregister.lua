-- KEYS: 1 the rosters that a life is on. ARGV: 1 roster, 2 entry. One that was made later stays.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
